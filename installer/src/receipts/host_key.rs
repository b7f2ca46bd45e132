//! The host's own key, which signs its receipts: `state/host.key`, readable by root alone, and `host.pub`, its public half.

use crate::durable::{self, At as _, PathError};
use crate::layout::Layout;
use crate::quarantine;
use landfall_keys::{KeyError, KeyId, MAX_FILE_BYTES, Protection, PublicKey, PublicKeyError, SecretKey, SecretKeyFile};
use std::ffi::OsStr;
use std::io::Read as _;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The host's key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostKeyError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("{} holds no usable secret key", .path.display())]
    Secret {
        path: PathBuf,
        #[source]
        source: KeyError,
    },
    #[error("{} holds no public key", .path.display())]
    Public {
        path: PathBuf,
        #[source]
        source: PublicKeyError,
    },
    #[error("{} is not text", .0.display())]
    Text(PathBuf),
    #[error("cannot make a key for this host")]
    Make(#[source] KeyError),
}

/// The most keys of one host that are used.
const MAX_KEYS: usize = landfall_keys::MAX_TRUSTED_KEYS;

/// The public key, if there is one: from `host.pub`, or derived from the secret key where that file cannot be read.
pub(crate) fn public(layout: &Layout) -> Result<Option<PublicKey>, HostKeyError> {
    match read_public(layout.host_public_key()) {
        Ok(Some(key)) => Ok(Some(key)),
        other => read(layout).ok().flatten().map_or(other, |key| Ok(Some(key.public_key()))),
    }
}

/// Every public key that this host has signed with, the current one first. Earlier keys that cannot be read are left out: receipts
/// signed by them then fail the check.
pub(crate) fn all_public(layout: &Layout) -> Result<Vec<PublicKey>, HostKeyError> {
    let current = read(layout).ok().flatten().map(|key| key.public_key());
    let former: Vec<PublicKey> =
        former(layout)?.into_iter().filter_map(|path| read_public(path).ok().flatten()).collect();
    let mut keys: Vec<PublicKey> = Vec::new();
    // The half of the secret key first: that one signs, whatever `host.pub` holds.
    for key in current.into_iter().chain(public(layout)?).chain(former) {
        if keys.len() < MAX_KEYS && !keys.iter().any(|other| other.same_signer(&key)) {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// Whether the host can no longer sign with the key that its public half belongs to.
pub(crate) fn is_lost(layout: &Layout) -> bool {
    let signs = read(layout).ok().flatten();
    signs.is_none() && durable::exists(&layout.host_public_key()).unwrap_or(false)
}

/// The files of the keys from before: `host.pub.`, and the id of each.
fn former(layout: &Layout) -> Result<Vec<PathBuf>, PathError> {
    let folder = layout.state();
    let mut paths = Vec::new();
    if durable::exists(&folder)? {
        for entry in std::fs::read_dir(&folder).at("read the folder", &folder)? {
            let path = entry.at("read the folder", &folder)?.path();
            let of_key = path.file_stem() == layout.host_public_key().file_name()
                && path.extension().and_then(OsStr::to_str).is_some_and(|id| id.parse::<KeyId>().is_ok());
            paths.extend(of_key.then_some(path));
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_public(path: PathBuf) -> Result<Option<PublicKey>, HostKeyError> {
    let Some(bytes) = durable::read(&path, MAX_FILE_BYTES as u64)? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|_| HostKeyError::Text(path.clone()))?;
    PublicKey::parse_file(&text).map(Some).map_err(|source| HostKeyError::Public { path, source })
}

/// The secret key, if there is one.
pub(crate) fn read(layout: &Layout) -> Result<Option<SecretKey>, HostKeyError> {
    let path = layout.host_key();
    let Some(file) = durable::open(&path)? else { return Ok(None) };
    // The capacity exceeds what is read, so that the buffer never grows and leaves unwiped copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * MAX_FILE_BYTES));
    file.take(MAX_FILE_BYTES as u64).read_to_end(&mut bytes).at("read", &path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| HostKeyError::Text(path.clone()))?;
    let key = SecretKeyFile::parse(text).and_then(|file| file.unlock(None));
    key.map(Some).map_err(|source| HostKeyError::Secret { path, source })
}

/// The secret key, made if there is none. A file that cannot be used is renamed and stays beside it, since receipts must go on. The
/// public key of a lost secret key is kept under its id, so that earlier receipts still verify.
pub(super) fn ensure(layout: &Layout) -> Result<SecretKey, HostKeyError> {
    let key = match read(layout) {
        Ok(Some(key)) => key,
        Ok(None) => make(layout)?,
        Err(_) => {
            quarantine::rename(&layout.host_key())?;
            make(layout)?
        }
    };
    // After the secret key: a run that is cut off here finds that key again, and writes its public half then.
    let path = layout.host_public_key();
    match read_public(path.clone()) {
        Ok(Some(public)) if public == key.public_key() => return Ok(key),
        // Kept under its id, and not replaced: it verifies the receipts that were issued before the key was lost.
        Ok(Some(former)) => durable::rename(&path, &path.with_extension(format!("pub.{}", former.id())))
            .or_else(|_| quarantine::rename(&path).map(drop))?,
        Ok(None) => {}
        Err(_) => drop(quarantine::rename(&path)?),
    }
    durable::write(&path, key.public_key().to_file().as_bytes(), 0o644)?;
    Ok(key)
}

fn make(layout: &Layout) -> Result<SecretKey, HostKeyError> {
    let key = SecretKey::generate().map_err(HostKeyError::Make)?;
    // Without a password: nobody is there to type one when an automatic revert has to be signed for.
    let file = key.to_file(Protection::None).map_err(HostKeyError::Make)?;
    durable::write(&layout.host_key(), file.as_bytes(), 0o600)?;
    Ok(key)
}
