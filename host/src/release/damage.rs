use crate::regular::NotRegular;
use landfall_manifests::Digest;
use rustix::io::Errno;
use std::io::{self, ErrorKind};

/// What is wrong with a file or a folder of a release on the host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// The release has nothing of this name.
    #[error("does not belong to the release")]
    Surplus,
    /// A file where the release has a folder, or the other way about, or a link, a pipe or a device.
    #[error("is neither the file nor the folder that the release has there")]
    Kind,
    /// It has other permissions.
    #[error("has the mode {found:04o} instead of {expected:04o}")]
    Mode {
        /// The mode that it has.
        found: u32,
        /// The mode that the manifest gives it.
        expected: u32,
    },
    /// It has another size.
    #[error("has {found} bytes instead of {expected}")]
    Size {
        /// The size that it has, in bytes.
        found: u64,
        /// The size that the manifest gives it, in bytes.
        expected: u64,
    },
    /// It has other bytes.
    #[error("has the digest {found} instead of {expected}")]
    Content {
        /// The digest of its bytes.
        found: Digest,
        /// The digest that it must have.
        expected: Digest,
    },
    /// The disk has lost it: a copy elsewhere may be whole.
    #[error("cannot be read from the disk")]
    Unreadable,
    /// It is a manifest, a signature or a trust root that does not parse, or another release's.
    #[error("is not the release's record: {0}")]
    Record(String),
}

impl Damage {
    /// What an error of opening or reading a file of a release says about that file; `None` if the fault is the system's.
    pub fn of(error: &io::Error) -> Option<Self> {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Some(Self::Missing),
            _ if NotRegular::caused(error) => Some(Self::Kind),
            // EIO has no `ErrorKind`. Other errors (EACCES, EMFILE) say nothing about the file.
            _ if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => Some(Self::Unreadable),
            _ => None,
        }
    }
}
