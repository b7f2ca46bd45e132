//! What a medium is to hold, written so that it is known to be there: the bundle, in parts where the medium's file system needs
//! them, the installer, the publisher's trust root, and a guide for whoever has nothing but the medium.
//!
//! Everything is written under temporary names, synced, and read back from the medium itself once *all* of it has been
//! written: a medium that is smaller than it says drops, or overwrites, what came first. Only then do the files get their
//! names.

mod cargo;
mod file_system;
mod guide;
mod in_the_way;
mod read_back;
mod record;
mod root_file;
mod shape;

pub(crate) use cargo::Cargo;
pub(crate) use read_back::Fault;
pub(crate) use record::Record;
pub(crate) use root_file::RootFile;
pub(crate) use shape::{Shape, ShapeError};

use crate::elf::ElfError;
use file_system::FileSystem;
use guide::{Guide, NAME as GUIDE_NAME};
use read_back::read_back;
use record::{PartsWriter, Recorder};
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

/// The installer's name, beside the bundler and on the medium.
pub(crate) const INSTALLER_NAME: &str = "landfall-installer";

/// A medium cannot be made, or does not hold what was written to it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MediaError {
    #[error("there is no folder {}", path.display())]
    NoFolder { path: PathBuf },
    #[error("{} cannot be looked at", path.display())]
    Look { path: PathBuf, source: io::Error },
    #[error("{} is there already and was not written by this command: it stays as it is", path.display())]
    InTheWay { path: PathBuf },
    #[error("{} is there already and is not the installer: it stays as it is", path.display())]
    OtherProgram { path: PathBuf, source: ElfError },
    #[error("{} is there already and is another trust root: it stays as it is", path.display())]
    OtherRoot { path: PathBuf },
    #[error("{} is left of an earlier copy, and would be taken for a part of this one", path.display())]
    Stale { path: PathBuf },
    #[error("the installer {} cannot be read", path.display())]
    Installer { path: PathBuf, source: io::Error },
    #[error("the installer {} does not run where the release does", path.display())]
    InstallerArch { path: PathBuf, source: ElfError },
    #[error("{}: {needed} bytes are needed, and {free} are free", path.display())]
    Room { path: PathBuf, needed: u64, free: u64 },
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{}: {}", path.display(), list(faults))]
    Faulty { path: PathBuf, faults: Vec<Fault> },
}

fn list(faults: &[Fault]) -> String {
    let mut text = String::new();
    for (index, fault) in faults.iter().enumerate() {
        // Writing to a string cannot fail.
        _ = write!(text, "{}{fault}", if index == 0 { "" } else { "; " });
    }
    text
}
