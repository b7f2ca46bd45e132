//! Why a trust root cannot be used.

use crate::durable::PathError;
use landfall_console::message_with_causes;
use landfall_keys::{ChainError, RootError};
use std::io;
use std::path::PathBuf;

/// A trust root cannot be read, or does not lead where it has to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    #[error("{argument} is neither a public key nor a trust root, nor a file that holds one: {reason}")]
    Key { argument: String, reason: String },
    #[error("{argument} is not a trust root")]
    File {
        argument: String,
        #[source]
        source: ChainError,
    },
    #[error(
        "a trust root states its keys and their threshold itself: give it as the only --trust, without --threshold"
    )]
    RootNotAlone,
    #[error("the keys given with --trust cannot be used")]
    CliKeys(#[source] RootError),
    #[error(
        "this host trusts version {pinned} of its publisher's trust root, and the roots on the media do not continue from it"
    )]
    Chain {
        pinned: u32,
        #[source]
        source: ChainError,
    },
    #[error("the keys or the root given with --trust do not lead to the trust root on the media")]
    CliChain(#[source] ChainError),
    #[error("{} cannot be used", .path.display())]
    Pinned {
        path: PathBuf,
        #[source]
        source: RootError,
    },
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("another trust root was pinned on this host meanwhile, so the plan no longer holds")]
    Changed,
}

/// A trust root cannot be pinned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PinError {
    /// What was pinned before is pinned again.
    #[error(transparent)]
    Restored(#[from] PathError),
    /// What was pinned before could not be put back either.
    #[error("{}; undoing that failed as well: {}", message_with_causes(.error), message_with_causes(.undo))]
    Unsettled { error: PathError, undo: PathError },
}

/// A host that trusts no key yet was given none that counts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FirstUseError {
    /// There is no `--trust`, and nobody to ask.
    #[error("this host trusts no key yet, and none was given")]
    NoKeyGiven,
    #[error("this host trusts no key yet, and the bundle offers none that signed it")]
    NoKeyOffered,
    #[error("this host trusts no key yet, and the trust roots in the bundle cannot be offered")]
    Roots(#[source] ChainError),
    #[error("neither a key nor a trust root was accepted")]
    NoKeyAccepted,
    /// The question cannot be asked.
    #[error(transparent)]
    Ask(#[from] io::Error),
}
