//! Samples of the errors of keys and trust roots.

use super::{at, chain_error, id, io, line};
use crate::error::Error;
use crate::key_files::{KeyFileError, KeyPairError};
use crate::trust::{CliTrustError, TrustFolderError};
use landfall_keys::{PublicKey, SecretKeyFile, TrustedKeys};

/// Errors of keys, and of what `--trust` names.
pub(super) fn of_keys() -> Vec<Error> {
    let key_error = || SecretKeyFile::parse("").unwrap_err();
    let public = "".parse::<PublicKey>().unwrap_err();
    vec![
        KeyPairError::Exists { path: at("k.key") }.into(),
        KeyPairError::Generate(key_error()).into(),
        KeyPairError::Password(key_error()).into(),
        KeyPairError::Create { path: at("k.key"), source: io() }.into(),
        KeyPairError::Write { path: at("k.key"), source: io() }.into(),
        KeyFileError::Read { what: "secret key", path: at("k.key"), source: io() }.into(),
        KeyFileError::TooLarge { what: "secret key", path: at("k.key"), limit: 1 }.into(),
        KeyFileError::SecretKey { path: at("k.key"), source: key_error() }.into(),
        KeyFileError::PublicKey { name: "k.pub".to_owned(), source: public }.into(),
        KeyFileError::NotAKey { path: at("notes.txt") }.into(),
        KeyFileError::NoTerminal.into(),
        KeyFileError::PasswordsDiffer.into(),
        KeyFileError::Prompt(io()).into(),
        CliTrustError::File(KeyFileError::NoTerminal).into(),
        CliTrustError::Keys(TrustedKeys::new(Vec::new(), 1).unwrap_err()).into(),
        CliTrustError::RootNotAlone { text: "1.root.json".to_owned() }.into(),
        CliTrustError::Root { name: "1.root.json".to_owned(), source: chain_error() }.into(),
    ]
}

/// Errors of folders of trust roots.
pub(super) fn of_trust_folders() -> Vec<Error> {
    let dir = || at("trust");
    let path = || at("trust/2.root.json");
    let read = || TrustFolderError::Read { path: path(), source: io() };
    vec![
        Error::DefinitionTrust { line: line(), source: Box::new(read()) },
        read().into(),
        TrustFolderError::TooLarge { path: path(), limit: 1 }.into(),
        TrustFolderError::TooMany { dir: dir(), limit: 1 }.into(),
        TrustFolderError::NoRoot { dir: dir() }.into(),
        TrustFolderError::Exists { path: path() }.into(),
        TrustFolderError::Chain { dir: dir(), source: chain_error() }.into(),
        TrustFolderError::Unsigned { path: path(), missing: "1 more key".to_owned() }.into(),
        TrustFolderError::UnknownKey { dir: dir(), id: id() }.into(),
        TrustFolderError::NotASigner { path: path(), id: id() }.into(),
        TrustFolderError::Full { dir: dir(), oldest: 1 }.into(),
        TrustFolderError::OtherKeysSignature { path: path(), id: id() }.into(),
        TrustFolderError::Change(landfall_keys::RootError::LastVersion).into(),
        TrustFolderError::Write { path: path(), source: io() }.into(),
    ]
}
