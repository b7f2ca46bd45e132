//! The host's own key, which signs its receipts: `state/host.key` for root alone, and its public half beside it.

use crate::aside;
use crate::durable::{self, At as _, PathError};
use crate::layout::Layout;
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
    #[error("{} holds no key that can be used", .path.display())]
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

/// The most keys of a host that count.
const MAX_KEYS: usize = landfall_keys::MAX_TRUSTED_KEYS;

/// The public half, if there is one: what the file says, or where there is none that can be read, what follows from the key.
pub(crate) fn public(layout: &Layout) -> Result<Option<PublicKey>, HostKeyError> {
    match read_public(layout.host_public_key()) {
        Ok(Some(key)) => Ok(Some(key)),
        other => read(layout).ok().flatten().map_or(other, |key| Ok(Some(key.public_key()))),
    }
}

/// Every key that this host has signed with, the one of today first. Of those from before, one that cannot be read is left out:
/// what it signed is then not signed by the host.
pub(crate) fn all_public(layout: &Layout) -> Result<Vec<PublicKey>, HostKeyError> {
    let today = read(layout).ok().flatten().map(|key| key.public_key());
    let former: Vec<PublicKey> =
        former(layout)?.into_iter().filter_map(|path| read_public(path).ok().flatten()).collect();
    let mut keys: Vec<PublicKey> = Vec::new();
    for key in today.into_iter().chain(public(layout)?).chain(former) {
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

/// The key, if there is one.
pub(super) fn read(layout: &Layout) -> Result<Option<SecretKey>, HostKeyError> {
    let path = layout.host_key();
    let Some(file) = durable::open(&path)? else { return Ok(None) };
    // Larger than what is read: growing would leave copies behind that nobody wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * MAX_FILE_BYTES));
    file.take(MAX_FILE_BYTES as u64).read_to_end(&mut bytes).at("read", &path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| HostKeyError::Text(path.clone()))?;
    let key = SecretKeyFile::parse(text).and_then(|file| file.unlock(None));
    key.map(Some).map_err(|source| HostKeyError::Secret { path, source })
}

/// The key, made where there is none. One that cannot be used gives way and stays beside it: receipts must go on. So does the
/// public half of the key before it, under its id: what that key has signed stays signed.
pub(super) fn ensure(layout: &Layout) -> Result<SecretKey, HostKeyError> {
    let key = match read(layout) {
        Ok(Some(key)) => key,
        Ok(None) => make(layout)?,
        Err(_) => {
            aside::set(&layout.host_key())?;
            make(layout)?
        }
    };
    let path = layout.host_public_key();
    match read_public(path.clone()) {
        Ok(Some(public)) if public == key.public_key() => return Ok(key),
        Ok(Some(former)) => durable::rename(&path, &path.with_extension(format!("pub.{}", former.id())))
            .or_else(|_| aside::set(&path).map(drop))?,
        Ok(None) => {}
        Err(_) => drop(aside::set(&path)?),
    }
    durable::write(&path, key.public_key().to_file().as_bytes(), 0o644)?;
    Ok(key)
}

fn make(layout: &Layout) -> Result<SecretKey, HostKeyError> {
    let key = SecretKey::generate().map_err(HostKeyError::Make)?;
    let file = key.to_file(Protection::None).map_err(HostKeyError::Make)?;
    durable::write(&layout.host_key(), file.as_bytes(), 0o600)?;
    Ok(key)
}
