//! What errors of keys and of trust roots mean.

use super::classes::{TRUST_CHAIN, unfit, usage};
use crate::key_files::{KeyFileError, KeyPairError};
use crate::trust::{CliTrustError, TrustFolderError};
use landfall_console::{ErrorClass, Exit};

pub(super) fn of_key_pair(error: &KeyPairError) -> ErrorClass {
    match error {
        KeyPairError::Exists { .. } => usage("exists", "keys are never overwritten: choose another name with --out"),
        KeyPairError::Password(_) => ErrorClass::without_hint(Exit::Usage, "password"),
        KeyPairError::Generate(_) | KeyPairError::Create { .. } | KeyPairError::Write { .. } => ErrorClass::UNEXPECTED,
    }
}

pub(super) fn of_key_file(error: &KeyFileError) -> ErrorClass {
    match error {
        KeyFileError::Read { .. } => ErrorClass::without_hint(Exit::Usage, "missing_file"),
        KeyFileError::TooLarge { .. } => ErrorClass::without_hint(Exit::Usage, "too_large"),
        KeyFileError::SecretKey { .. } => {
            usage("secret_key", "--key takes a file that `landfall-bundler keygen` or `minisign -G` wrote")
        }
        KeyFileError::PublicKey { .. } => {
            usage("public_key", "a public key is a line that begins with RW, or a .pub file")
        }
        KeyFileError::NotAKey { .. } => usage(
            "not_a_key",
            "name a file that `landfall-bundler keygen` or `minisign -G` wrote, or a public key's line, which begins with RW",
        ),
        KeyFileError::NoTerminal => usage("password", "put it into a file and pass --password-file FILE"),
        KeyFileError::PasswordsDiffer => ErrorClass::without_hint(Exit::Usage, "password"),
        KeyFileError::Prompt(_) => ErrorClass::UNEXPECTED,
    }
}

pub(super) fn of_cli_trust(error: &CliTrustError) -> ErrorClass {
    match error {
        CliTrustError::File(error) => of_key_file(error),
        CliTrustError::Keys(_) => usage("trust", "correct --trust and --threshold"),
        CliTrustError::RootNotAlone { .. } => usage("trust", "give it alone, without --threshold"),
        CliTrustError::Root { .. } => {
            usage("trust_root", "name a file N.root.json as `landfall-bundler trust` wrote it")
        }
        CliTrustError::Successor(_) => TRUST_CHAIN,
    }
}

pub(super) fn of_trust_folder(error: &TrustFolderError) -> ErrorClass {
    match error {
        TrustFolderError::NoRoot { .. } => {
            usage("missing_file", "name the folder with --dir, or make its first root with `trust init`")
        }
        TrustFolderError::Read { .. } => usage("missing_file", "make it a file that you can read"),
        TrustFolderError::TooLarge { .. } | TrustFolderError::TooMany { .. } => {
            usage("too_large", "leave nothing but trust roots and their signatures in the folder")
        }
        TrustFolderError::Exists { .. } => {
            usage("exists", "nothing is overwritten: move it away if it is not what you want to keep")
        }
        TrustFolderError::Chain { .. } => ErrorClass::new(
            Exit::Untrusted,
            "trust_chain",
            "take out the root or the signature that is named, and have it signed anew: a root's file is never edited",
        ),
        TrustFolderError::Unsigned { .. } => {
            usage("unsigned_root", "have it signed with `trust sign`, or delete it by hand if it was a mistake")
        }
        TrustFolderError::UnknownKey { .. } | TrustFolderError::NotASigner { .. } => {
            usage("unknown_key", "`trust show` lists the keys")
        }
        TrustFolderError::Change(_) => {
            usage("trust_root", "`trust show` lists the keys; --threshold sets how many of them must sign")
        }
        TrustFolderError::Full { .. } => usage(
            "trust_full",
            "move the oldest roots and their signatures to another folder, keeping the newest ones: hosts that trust a version \
             from before the oldest one that is left then need `landfall-installer trust import --replace`",
        ),
        TrustFolderError::OtherKeysSignature { .. } => usage(
            "shared_id",
            "nothing is overwritten: delete the newest root and the signatures over it, and make it with a new key instead",
        ),
        TrustFolderError::Write { .. } => unfit("cannot_write", "work in a folder that is yours"),
    }
}
