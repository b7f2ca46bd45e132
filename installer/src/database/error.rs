//! Why a migration failed.

use crate::durable::PathError;
use landfall_console::message_with_causes;
use landfall_host::subprocess::SubprocessError;
use landfall_manifests::ReleaseId;

/// The database cannot be migrated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Systemd(#[from] landfall_systemd::Error),
    /// `landfall migrate` gave no answer.
    #[error(transparent)]
    Program(#[from] SubprocessError),
    /// It succeeded, but its answer does not parse.
    #[error("what `landfall migrate` of {release} answers does not parse")]
    Answer {
        release: ReleaseId,
        #[source]
        source: serde_json::Error,
    },
    /// It failed.
    #[error("`{command}` of {release} ends with {code}: {message}")]
    Refused { command: String, release: ReleaseId, code: i32, message: String, refusal: MigrateRefusal },
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

/// Why `landfall migrate` failed, by the word that it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MigrateRefusal {
    /// Another process has the database open.
    InUse,
    /// There is no snapshot to restore.
    NoSnapshot,
    /// The snapshot, or the migration of it, is not sound.
    MigrationFailed,
    /// The program is of a release that restores no snapshot in place of an older database.
    DatabaseTooOld,
    /// Anything else.
    Other,
}

impl MigrateRefusal {
    /// The word of the runtime for each reason.
    const WORDS: [(Self, &str); 4] = [
        (Self::InUse, "database_in_use"),
        (Self::NoSnapshot, "no_snapshot"),
        (Self::MigrationFailed, "migration_failed"),
        (Self::DatabaseTooOld, "database_too_old"),
    ];

    pub(super) fn of(word: Option<&str>) -> Self {
        Self::WORDS.iter().find(|(_, known)| Some(*known) == word).map_or(Self::Other, |(refusal, _)| *refusal)
    }

    /// The word for scripts.
    pub(crate) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(known, _)| *known == self).map_or("migration", |(_, word)| word)
    }
}

impl DatabaseError {
    /// Why `landfall migrate` failed, if it ran and failed.
    fn refusal(&self) -> Option<MigrateRefusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            Self::Rehearsal { source, .. } | Self::FirstRehearsal { source, .. } | Self::Restore { source, .. } => {
                source.refusal()
            }
            Self::Path(_) | Self::Systemd(_) | Self::Program(_) | Self::Answer { .. } => None,
        }
    }

    /// Whether another process has the database open: what it writes would be lost from sight.
    pub(super) fn is_in_use(&self) -> bool {
        self.refusal() == Some(MigrateRefusal::InUse)
    }

    /// Whether the snapshot cannot be restored however often it is tried.
    pub(super) fn has_no_snapshot(&self) -> bool {
        use MigrateRefusal::{DatabaseTooOld, MigrationFailed, NoSnapshot};
        matches!(self.refusal(), Some(NoSnapshot | MigrationFailed | DatabaseTooOld))
    }
}
