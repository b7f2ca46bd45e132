//! Whom the host trusts, and whom it does not.

use super::bundle::of_bundle;
use super::host::{of_io, or_storage};
use crate::trust::{FirstUseError, RootFilesError, TrustError};
use landfall_console::{ErrorClass, Exit};
use landfall_keys::ChainError;

const RECORD: &str = "put the file back as it was, or remove the host's installation by hand";
const GIVE_KEY: &str = "give the publisher's public key with --trust, as its line that begins with RW or as a file";
const GAP: &str = "ask the publisher for all roots since the one that `landfall-installer trust show` prints, with their \
                   signatures, and give their folder to `landfall-installer trust import`; if the publisher began anew or lost \
                   keys: ask for a digest out of band, then `landfall-installer trust import PATH --replace DIGEST`";
const NOT_SIGNED_ENOUGH: &str = "ask the publisher: somebody else may have made it, or not enough people have signed it yet; if the \
                         publisher began anew or lost keys: ask for a digest out of band, then `landfall-installer \
                         trust import PATH --replace DIGEST`";
const TAKEN_BACK: &str = "what is revoked stays revoked: ask the publisher for a root that keeps to that";
const UNREADABLE_CHAIN: &str = "it was made or copied wrong: ask the publisher for another one";
const CLI_CHAIN: &str = "compare the keys with those that you were given out of band; --trust also takes \
                           the file of the newest trust root";
const CHANGED: &str = "`landfall-installer trust show` prints it; then run the same command again";
const PINNED: &str = "`landfall-installer trust import PATH --replace DIGEST` puts it right, with the publisher's newest root and \
                      the digest that they tell you out of band; if nothing was imported since the last update, PATH may be \
                      opt/landfall/current/landfall.json.trust: its bytes were these";

pub(super) fn of_trust(error: &TrustError) -> ErrorClass {
    let class = match error {
        TrustError::CliKeys(_) => ErrorClass::new(
            Exit::Usage,
            "trust",
            "give --trust once for each key, each key once, and with --threshold at most how many they are",
        ),
        TrustError::Key { .. } | TrustError::File { .. } | TrustError::RootNotAlone => ErrorClass::new(
            Exit::Usage,
            "trust",
            "--trust takes a line that begins with RW, a file of minisign's that holds one, or one N.root.json",
        ),
        TrustError::Chain { source, .. } => ErrorClass::new(Exit::Untrusted, "trust_chain", hint_of_chain(source)),
        TrustError::CliChain(_) => ErrorClass::new(Exit::Untrusted, "trust_chain", CLI_CHAIN),
        TrustError::Pinned { .. } => ErrorClass::new(Exit::Untrusted, "trust_root", PINNED),
        TrustError::Path(_) => ErrorClass::new(Exit::Untrusted, "trust_root", RECORD),
        TrustError::Changed => ErrorClass::new(Exit::Busy, "trust_changed", CHANGED),
    };
    or_storage(error, class)
}

pub(super) fn of_root_files(error: &RootFilesError) -> ErrorClass {
    const PATH: &str =
        "name the publisher's folder with N.root.json and their signatures, one of these files, or a bundle";
    let class = match error {
        RootFilesError::None(_) => ErrorClass::new(Exit::Usage, "no_roots", PATH),
        RootFilesError::Missing(_) => ErrorClass::new(Exit::Usage, "missing_file", PATH),
        RootFilesError::TooMany { .. }
        | RootFilesError::Text(_)
        | RootFilesError::Root { .. }
        | RootFilesError::Signature { .. }
        | RootFilesError::Name { .. }
        | RootFilesError::Path(_) => ErrorClass::new(
            Exit::Damaged,
            "damaged",
            "copy the roots and their signatures again from where they were made",
        ),
        RootFilesError::Bundle(error) => return of_bundle(error),
    };
    or_storage(error, class)
}

/// What to do about roots that do not lead on from the one that is pinned.
fn hint_of_chain(error: &ChainError) -> &'static str {
    match error {
        ChainError::Sequence { .. } => GAP,
        ChainError::Fork { .. } | ChainError::OldKeys { .. } | ChainError::OwnKeys { .. } => NOT_SIGNED_ENOUGH,
        ChainError::Forgotten { .. } | ChainError::Returned { .. } => TAKEN_BACK,
        ChainError::NoneSigned { .. } | ChainError::Given(_) => CLI_CHAIN,
        ChainError::TooManyLinks { .. }
        | ChainError::TooManySignatures { .. }
        | ChainError::Root(_)
        | ChainError::NotCanonical { .. }
        | ChainError::Signature { .. }
        | ChainError::SignedTwice { .. }
        | ChainError::Misnamed { .. } => UNREADABLE_CHAIN,
    }
}

/// A host that trusts no key yet.
pub(super) fn of_first_use(error: &FirstUseError) -> ErrorClass {
    match error {
        FirstUseError::NoKeyGiven | FirstUseError::NoKeyOffered | FirstUseError::NoKeyAccepted => {
            ErrorClass::new(Exit::Untrusted, "not_trusted", GIVE_KEY)
        }
        FirstUseError::Roots(_) => ErrorClass::new(Exit::Untrusted, "trust_chain", UNREADABLE_CHAIN),
        FirstUseError::Ask(error) => of_io(error),
    }
}
