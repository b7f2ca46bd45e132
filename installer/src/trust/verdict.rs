//! What errors about trust mean to the caller, and what to do next.

use super::{RootFilesError, TrustError};
use crate::failure::{RECORD, Verdict};
use landfall_console::Exit;
use landfall_keys::ChainError;

const GAP: &str = "ask the publisher for all roots since the one that `landfall-installer trust show` tells, with their \
                   signatures, and give their folder to `landfall-installer trust import`; if the publisher began anew or lost \
                   keys: they tell you a digest by another way, then `landfall-installer trust import PATH --replace DIGEST`";
const UNVOUCHED: &str = "ask the publisher: somebody else may have made it, or not enough people have signed it yet; if the \
                         publisher began anew or lost keys: they tell you a digest by another way, then `landfall-installer \
                         trust import PATH --replace DIGEST`";
const TAKEN_BACK: &str = "what is revoked stays revoked: ask the publisher for a root that keeps to that";
const UNREADABLE_CHAIN: &str = "it was made or copied wrong: ask the publisher for another one";
const CLI_CHAIN: &str = "compare the keys with those that you were given by another way than the media; --trust also takes \
                           the file of the newest trust root";
const CHANGED: &str = "`landfall-installer trust show` tells which; then run the same command again";
const PINNED: &str = "`landfall-installer trust import PATH --replace DIGEST` puts it right, with the publisher's newest root and \
                      the digest that they tell you by another way; if nothing was imported since the last update, PATH may be \
                      opt/landfall/current/landfall.json.trust: its bytes were these";

impl TrustError {
    /// What it means to the caller.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Key { .. } | Self::CliKeys(_) | Self::File { .. } | Self::RootNotAlone => (
                Exit::Usage,
                "trust",
                "--trust takes a line that begins with RW, a file of minisign's that holds one, or one N.root.json",
            ),
            Self::Chain { source, .. } => (Exit::Untrusted, "trust_chain", of_chain(source)),
            Self::CliChain(_) => (Exit::Untrusted, "trust_chain", CLI_CHAIN),
            Self::Pinned { .. } => (Exit::Untrusted, "trust_root", PINNED),
            Self::Path(_) => (Exit::Untrusted, "trust_root", RECORD),
            Self::Changed => (Exit::Busy, "trust_changed", CHANGED),
        }
    }
}

impl RootFilesError {
    /// What it means to the caller.
    pub(crate) fn verdict(&self) -> Verdict {
        const PATH: &str =
            "name the publisher's folder with N.root.json and their signatures, one of these files, or a bundle";
        match self {
            Self::None(_) => (Exit::Usage, "no_roots", PATH),
            Self::Missing(_) => (Exit::Usage, "missing_file", PATH),
            Self::TooMany { .. }
            | Self::Text(_)
            | Self::Root { .. }
            | Self::Signature { .. }
            | Self::Name { .. }
            | Self::Path(_) => {
                (Exit::Damaged, "damaged", "copy the roots and their signatures again from where they were made")
            }
        }
    }
}

/// What to do about roots that do not lead on from the one that is pinned.
fn of_chain(error: &ChainError) -> &'static str {
    match error {
        ChainError::Sequence { .. } => GAP,
        ChainError::Fork { .. } | ChainError::OldKeys { .. } | ChainError::OwnKeys { .. } => UNVOUCHED,
        ChainError::Forgotten { .. } | ChainError::Returned { .. } => TAKEN_BACK,
        ChainError::NotVouched { .. } | ChainError::Given(_) => CLI_CHAIN,
        ChainError::TooManyLinks { .. }
        | ChainError::TooManySignatures { .. }
        | ChainError::Root(_)
        | ChainError::NotCanonical { .. }
        | ChainError::Signature { .. }
        | ChainError::SignedTwice { .. }
        | ChainError::Misnamed { .. } => UNREADABLE_CHAIN,
    }
}
