use crate::durable::PathError;
use crate::lock::LockError;
use crate::record::RecordError;
use landfall_console::message_with_causes;

/// The state folder cannot be locked, or one of its records cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// Another process holds the lock, or it cannot be taken.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A record makes no sense.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The first journal could not be written, and could not be removed either: recovery has to settle it.
    #[error("{}; undoing that failed as well: {}", message_with_causes(.error), message_with_causes(.undo))]
    Unsettled {
        /// Why it could not be written.
        error: PathError,
        /// Why it could not be removed.
        undo: PathError,
    },
}
