use landfall_keys::{KeyError, Protection, PublicKey, SecretKey};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A key pair cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyPairError {
    #[error("{} already exists", path.display())]
    Exists { path: PathBuf },
    #[error(transparent)]
    Generate(KeyError),
    #[error(transparent)]
    Password(KeyError),
    #[error("create {}", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The files of a new key pair.
#[derive(Debug)]
pub(crate) struct KeyPairFiles {
    secret: PathBuf,
    public: PathBuf,
}

impl KeyPairFiles {
    /// NAME.key and NAME.pub, neither of which may exist.
    pub(crate) fn named(name: &Path) -> Result<Self, KeyPairError> {
        let with = |ending: &str| {
            let mut path = name.to_owned().into_os_string();
            path.push(ending);
            PathBuf::from(path)
        };
        let files = Self { secret: with(".key"), public: with(".pub") };
        // Before a password is asked for, although writing would refuse as well.
        if let Some(there) = [&files.secret, &files.public].into_iter().find(|path| path.symlink_metadata().is_ok()) {
            return Err(KeyPairError::Exists { path: there.clone() });
        }
        Ok(files)
    }

    pub(crate) fn secret(&self) -> &Path {
        &self.secret
    }

    pub(crate) fn public(&self) -> &Path {
        &self.public
    }

    /// Makes a key, under a password if there is one, and writes both halves.
    pub(crate) fn make(&self, password: Option<&str>) -> Result<PublicKey, KeyPairError> {
        let protection = password.map_or(Protection::None, |text| Protection::Password(text.as_bytes()));
        let key = SecretKey::generate().map_err(KeyPairError::Generate)?;
        let text = key.to_file(protection).map_err(KeyPairError::Password)?;
        let public = key.public_key();
        write_pair((&self.secret, &text), (&self.public, &public.to_file()))?;
        Ok(public)
    }
}

/// Writes the files of a new key pair, each a path and its text. Neither may exist. The secret key's file is readable by its
/// owner alone.
fn write_pair(secret: (&Path, &str), public: (&Path, &str)) -> Result<(), KeyPairError> {
    // 1. The secret key first: a public key that was handed out already must have its secret half.
    create(secret.0, 0o600, secret.1.as_bytes())?;
    create(public.0, 0o644, public.1.as_bytes()).inspect_err(|_| {
        // 2. A secret key without its public half is useless. If it cannot be removed, the first error is the one to report.
        let _ = fs::remove_file(secret.0);
    })
}

/// Creates a file that did not exist, and syncs it.
fn create(path: &Path, mode: u32, content: &[u8]) -> Result<(), KeyPairError> {
    let path = || path.to_owned();
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(mode).open(path()) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(KeyPairError::Exists { path: path() }),
        other => other.map_err(|source| KeyPairError::Create { path: path(), source })?,
    };
    let written = file.write_all(content).and_then(|()| file.sync_all());
    written.map_err(|source| KeyPairError::Write { path: path(), source })
}
