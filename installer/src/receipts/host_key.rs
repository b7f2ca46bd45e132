//! The host's own key, which signs its receipts: `state/host.key` for root alone, and its public half beside it.

use crate::durable::{self, At as _, PathError};
use crate::layout::Layout;
use landfall_keys::{KeyError, MAX_FILE_BYTES, Protection, PublicKey, PublicKeyError, SecretKey, SecretKeyFile};
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

/// The public half, if there is one.
pub(crate) fn public(layout: &Layout) -> Result<Option<PublicKey>, HostKeyError> {
    let path = layout.host_public_key();
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

/// The key, made where there is none. One that cannot be used gives way and stays beside it: receipts must go on.
pub(super) fn ensure(layout: &Layout) -> Result<SecretKey, HostKeyError> {
    let path = layout.host_key();
    let key = match read(layout) {
        Ok(Some(key)) => key,
        Ok(None) => make(layout)?,
        Err(_) => {
            durable::rename(&path, &path.with_extension("key.unusable"))?;
            make(layout)?
        }
    };
    if !matches!(public(layout), Ok(Some(public)) if public == key.public_key()) {
        durable::write(&layout.host_public_key(), key.public_key().to_file().as_bytes(), 0o644)?;
    }
    Ok(key)
}

fn make(layout: &Layout) -> Result<SecretKey, HostKeyError> {
    let key = SecretKey::generate().map_err(HostKeyError::Make)?;
    let file = key.to_file(Protection::None).map_err(HostKeyError::Make)?;
    durable::write(&layout.host_key(), file.as_bytes(), 0o600)?;
    Ok(key)
}
