//! Why a migration failed.

use crate::durable::PathError;
use landfall_console::message_with_causes;
use landfall_host::runtime_program::{MigrateFailure, RuntimeProgramError};
use landfall_manifests::ReleaseId;

/// The database cannot be migrated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Systemd(#[from] landfall_systemd::Error),
    /// The program that migrates lies below another root.
    #[error("the database is to be migrated by {0}, and no program below another root is run")]
    NotRun(ReleaseId),
    /// `landfall migrate` failed.
    #[error("release {release} cannot migrate the database")]
    Migrate { release: ReleaseId, source: Box<RuntimeProgramError> },
    /// A rehearsal on a copy failed.
    #[error("the database cannot go from the schema of {from} to that of {to}")]
    Rehearsal { from: ReleaseId, to: ReleaseId, source: Box<DatabaseError> },
    /// A first release cannot use the database that an uninstallation left.
    #[error("{release} cannot use the database of an earlier installation")]
    FirstRehearsal { release: ReleaseId, source: Box<DatabaseError> },
    /// The rows could not be migrated back, and the snapshot from before could not be restored either.
    #[error("{}", message_with_causes(.migration))]
    Restore { migration: Box<DatabaseError>, source: Box<DatabaseError> },
}

impl DatabaseError {
    /// Why `landfall migrate` failed, if it reported that.
    fn failure(&self) -> Option<MigrateFailure> {
        match self {
            Self::Migrate { source, .. } => source.migrate_failure(),
            Self::Rehearsal { source, .. } | Self::FirstRehearsal { source, .. } | Self::Restore { source, .. } => {
                source.failure()
            }
            Self::Path(_) | Self::Systemd(_) | Self::NotRun(_) => None,
        }
    }

    /// Whether another process has the database open: what it writes would be lost from sight.
    pub(super) fn is_in_use(&self) -> bool {
        self.failure() == Some(MigrateFailure::InUse)
    }

    /// Whether the snapshot cannot be restored however often it is tried.
    pub(super) fn has_no_snapshot(&self) -> bool {
        self.failure().is_some_and(MigrateFailure::has_no_snapshot)
    }
}
