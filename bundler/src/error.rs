//! Everything that a command can fail with: one variant for each module's error, and those of the commands themselves.
//!
//! Only the command line and the commands use it. The modules return their own errors, and [`crate::exit_table`] says what each
//! of them means to the caller.

use crate::assemble::{AssembleError, PackedReleaseError};
use crate::blob_store::StoreError;
use crate::build_host::BuildHostError;
use crate::bundle_documents::DocumentError;
use crate::cache::CacheError;
use crate::definition::{DefinitionError, DefinitionLine};
use crate::delta::DeltaError;
use crate::folder_index::FolderIndexError;
use crate::host_packages::PackageError;
use crate::job_summary::SummaryError;
use crate::key_files::{KeyFileError, KeyPairError};
use crate::lock_file::LockFileError;
use crate::output::OutputError;
use crate::plan::PlanError;
use crate::repair::RepairError;
use crate::scan::DatabaseError;
use crate::sources::{FileError, ImageError};
use crate::starter::StarterError;
use crate::stick::{RootFileError, StickError};
use crate::trust::{CliTrustError, TrustFolderError};
use landfall_console::{Classify as _, ErrorClass, Size, StorageFault, message_with_causes};
use landfall_manifests::parts::RangesError;
use landfall_manifests::{ReleaseError, SignError};
use landfall_media::{BundleError, CopyError};
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// The result of a command.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    #[error(transparent)]
    LockFile(#[from] LockFileError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    BuildHost(#[from] BuildHostError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Package(#[from] PackageError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    PackedRelease(#[from] PackedReleaseError),
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A size of parts that was asked for on the command line.
    #[error(transparent)]
    PartSize(#[from] RangesError),
    #[error(transparent)]
    Delta(#[from] DeltaError),
    #[error(transparent)]
    FolderIndex(#[from] FolderIndexError),
    #[error(transparent)]
    Repair(#[from] RepairError),
    #[error(transparent)]
    Stick(#[from] StickError),
    #[error(transparent)]
    RootFile(#[from] RootFileError),
    #[error(transparent)]
    Starter(#[from] StarterError),
    #[error(transparent)]
    KeyPair(#[from] KeyPairError),
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    #[error(transparent)]
    CliTrust(#[from] CliTrustError),
    #[error(transparent)]
    TrustFolder(#[from] TrustFolderError),
    /// The folder of trust roots that a definition names.
    #[error("{line}")]
    DefinitionTrust { line: DefinitionLine, source: Box<TrustFolderError> },
    /// An error because of too little room, with how much there is.
    #[error("{message}: {} are free in {}, which was too little", Size(*free), folder.display())]
    NoSpace { class: ErrorClass, message: String, free: u64, folder: PathBuf },
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error("{} says nothing of what is in it", .0.display())]
    NoEvidence(PathBuf),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Summary(#[from] SummaryError),
    /// Standard output.
    #[error(transparent)]
    Stdout(#[from] io::Error),
    /// Text that was put together in memory, where nothing can fail.
    #[error(transparent)]
    Format(#[from] fmt::Error),
}

impl Error {
    /// Adds how much room there is, if this error is that there was too little in `folder`. To be asked when the temporary
    /// files are gone.
    pub(crate) fn with_free_space(self, folder: &Path) -> Self {
        let is_full = StorageFault::among(&self) == Some(StorageFault::Full);
        match rustix::fs::statvfs(folder) {
            Ok(room) if is_full => {
                // f_bavail, and not f_bfree, which counts blocks that are reserved for root (statvfs(3)).
                let free = room.f_bavail.saturating_mul(room.f_frsize);
                let (class, message) = (self.class(), message_with_causes(&self));
                Self::NoSpace { class, message, free, folder: folder.to_owned() }
            }
            _ => self,
        }
    }
}
