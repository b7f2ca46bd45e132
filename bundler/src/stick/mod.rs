//! Makes the medium that is carried to an isolated host: the bundle, in parts where the medium's file system needs them, its parity
//! file if one is wanted, the installer, the publisher's trust root, and a guide for readers who have nothing but the medium.
//!
//! Everything is written under temporary names, synced, and read back from the medium itself once *all* of it has been
//! written: a medium that is smaller than it claims to be drops or overwrites what was written first. Only then do the files
//! get their names.

mod file_recorder;
mod file_system;
mod guide;
mod medium_plan;
mod overwrite_check;
mod payload;
mod read_back;
mod root_file;
mod split_plan;

pub(crate) use file_recorder::FileRecord;
pub(crate) use medium_plan::MediumPlan;
pub(crate) use payload::Payload;
pub(crate) use read_back::Fault;
pub(crate) use root_file::{RootFile, RootFileError};
pub(crate) use split_plan::{SplitError, SplitPlan};

use crate::elf::ElfError;
use file_recorder::{FileRecorder, PartRecorder};
use file_system::FileSystem;
use guide::{Guide, NAME as GUIDE_NAME};
use landfall_console::Size;
use landfall_manifests::ReleaseError;
use landfall_media::{CopyError, ParityError};
use read_back::read_back;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

/// The installer's name, beside the bundler and on the medium.
pub(crate) const INSTALLER_NAME: &str = "landfall-installer";

/// A medium cannot be written, or does not return what was written to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StickError {
    #[error("there is no folder {}", path.display())]
    NoFolder { path: PathBuf },
    #[error("{} cannot be inspected", path.display())]
    Inspect { path: PathBuf, source: io::Error },
    #[error("{} already exists and was not written by this command: it is not replaced", path.display())]
    NotOverwritten { path: PathBuf },
    #[error("{} already exists and is not the installer: it is not replaced", path.display())]
    OtherProgram { path: PathBuf, source: ElfError },
    #[error("{} already exists and is another trust root: it is not replaced", path.display())]
    OtherRoot { path: PathBuf },
    #[error("{} is left over from an earlier copy, and would be read as a part of this one", path.display())]
    StalePart { path: PathBuf },
    #[error("the installer {} cannot be read", path.display())]
    Installer { path: PathBuf, source: io::Error },
    #[error("the installer {} does not run where the release does", path.display())]
    InstallerArch { path: PathBuf, source: ElfError },
    #[error("{}: {} are needed, and {} are free", path.display(), Size(*needed), Size(*free))]
    NoSpace { path: PathBuf, needed: u64, free: u64 },
    #[error(transparent)]
    Split(#[from] SplitError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The bundle, on its way to the medium.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The parity file of the bundle.
    #[error(transparent)]
    Parity(#[from] ParityError),
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{}: {}", path.display(), list(faults))]
    ReadBack { path: PathBuf, faults: Vec<Fault> },
}

fn list(faults: &[Fault]) -> String {
    let mut text = String::new();
    for (index, fault) in faults.iter().enumerate() {
        // Writing to a string cannot fail.
        _ = write!(text, "{}{fault}", if index == 0 { "" } else { "; " });
    }
    text
}
