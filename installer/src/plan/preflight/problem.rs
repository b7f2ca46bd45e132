use super::pool::PoolInUse;
use crate::engine::{ApiVersion, MIN_API};
use crate::retained_release::RefusedRelease;
use landfall_console::Size;
use landfall_manifests::Digest;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Something that the host lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The running system is changed by root alone.
    NotRoot,
    /// A file or a folder has a name that the release needs.
    Occupied(PathBuf),
    /// The program that settles what is interrupted does not work.
    NoRecovery(String),
    /// A file or a link is where a folder has to be.
    NotAFolder(PathBuf),
    /// A file system is too full.
    Room { at: PathBuf, needed: u64, free: u64 },
    /// A file system has too few free inodes.
    Inodes { at: PathBuf, needed: u64, free: u64 },
    /// A file system is mounted read-only.
    ReadOnly(PathBuf),
    /// A port cannot be had.
    Port(u16, String),
    /// The tenants' addresses are in use.
    Pool(PoolInUse),
    /// systemd does not run this host.
    NoSystemd,
    /// The engine cannot be reached.
    Engine(String),
    /// The engine's API is too old.
    EngineTooOld { version: String, api: Option<ApiVersion> },
    /// A limit that tenants need cannot be set.
    Controller(&'static str),
    /// A blob that a delta bundle leaves out is not what it was when the base was installed, or is gone.
    BaseBlob { blob: Digest, of: String },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRoot => write!(f, "only root can install on the running system"),
            Self::Occupied(path) => {
                write!(f, "{} exists and belongs to no release: move it away", path.display())
            }
            Self::NoRecovery(reason) => write!(
                f,
                "an update that is interrupted could not be recovered from ({reason}): copy the landfall-installer of the \
                 release that runs to /opt/landfall/bin"
            ),
            Self::NotAFolder(path) => {
                write!(f, "{} does not lead to a folder below the host's root: move it away", path.display())
            }
            Self::Room { at, needed, free } => write!(
                f,
                "the file system of {} has {:#} free, {:#} are needed: {:#} are missing",
                at.display(),
                Size(*free),
                Size(*needed),
                Size(needed - free),
            ),
            Self::Inodes { at, needed, free } => {
                write!(f, "the file system of {} has {free} free inodes, {needed} are needed", at.display())
            }
            Self::ReadOnly(at) => write!(f, "the file system of {} is mounted read-only", at.display()),
            Self::Port(port, reason) => write!(f, "port {port} cannot be used: {reason}"),
            Self::Pool(in_use) => in_use.fmt(f),
            Self::NoSystemd => write!(f, "systemd does not run this host (sd_booted(3)); --no-systemd leaves it out"),
            Self::Engine(reason) => write!(f, "{reason}"),
            Self::EngineTooOld { version, api } => {
                let api = api.map_or_else(|| "no known API".to_owned(), |api| format!("API {api}"));
                write!(f, "the container engine {version} speaks {api}, {MIN_API} or later is needed")
            }
            Self::Controller(name) => write!(
                f,
                "the cgroup controller {name} is not available, so tenants could not be limited: enable it on the kernel \
                 command line"
            ),
            Self::BaseBlob { blob, of } => write!(
                f,
                "blob {blob}, which the delta bundle relies on for {of}, is missing or damaged in the store: get the full \
                 bundle of this release"
            ),
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Something that the operator should know, and that hinders nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Warning {
    /// The clock is not set.
    Clock,
    /// A program of that name that is not ours is on the PATH, and stays.
    ForeignLink(PathBuf),
    /// The release that runs could not be gone back to.
    NoWayBack(String),
    /// More people sign than have to, by the bare keys that are about to be pinned.
    MoreSigners { threshold: u32 },
    /// A release on the host would not be accepted today.
    Refused(RefusedRelease),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock => {
                write!(f, "the host's clock is before 2024: nothing depends on it, but logs will be hard to read")
            }
            Self::NoWayBack(reason) => {
                write!(f, "the release that runs is damaged, so that going back to it may fail: {reason}")
            }
            Self::MoreSigners { threshold } => {
                let enough = if *threshold == 1 {
                    "one leaked key is enough".to_owned()
                } else {
                    format!("{threshold} leaked keys are enough")
                };
                write!(
                    f,
                    "the publisher has several signers: with these keys alone {enough}, and their next root may not be \
                     followed: give their N.root.json with --trust"
                )
            }
            Self::Refused(refused) => write!(f, "{refused}"),
            Self::ForeignLink(path) => {
                write!(
                    f,
                    "{} is not Landfall's and stays as it is: the command will not be found there",
                    path.display()
                )
            }
        }
    }
}

impl Serialize for Warning {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
