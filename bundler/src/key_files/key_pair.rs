use landfall_keys::KeyError;
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

/// Writes the files of a new key pair, each a path and its text. Neither may exist. The secret key's file is readable by its
/// owner alone.
pub(crate) fn write_pair(secret: (&Path, &str), public: (&Path, &str)) -> Result<(), KeyPairError> {
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
