//! Reads the installed release and holds it against the keys by which this host accepted it.

use super::Catalog;
use landfall_host::Layout;
use landfall_keys::{MAX_TRUST_ROOT_BYTES, RootError, Signature, SignatureError, TrustError, TrustRoot};
use landfall_manifests::{Release, ReleaseError, limits};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Most that is read of a trust root.
const ROOT_BYTES: u64 = MAX_TRUST_ROOT_BYTES as u64;

/// Why there is no release to run tenants from.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is larger than any of its kind.
    #[error("{path} is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// The trust root is not one.
    #[error("the trust root {path} is not valid")]
    TrustRoot {
        /// The file.
        path: PathBuf,
        /// Why.
        source: RootError,
    },
    /// A signature file is not one.
    #[error("the signature {path} is not valid")]
    Signature {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SignatureError,
    },
    /// The manifest is not signed by the keys by which this host accepted it.
    #[error("the installed release's manifest {path} is not signed by the keys by which this host accepted it")]
    Untrusted {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: TrustError,
    },
    /// The manifest is not one that this program knows.
    #[error("the installed release's manifest {path} is not valid")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: ReleaseError,
    },
}

/// What was read of the installed release.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it offers.
    pub catalog: Catalog,
    /// Why this host would not let it in today, if it would not: a key that was revoked since keeps out what comes in, and
    /// stops nothing that is there.
    pub refused_today: Option<TrustError>,
}

impl Loaded {
    /// Reads the installed release, and believes it by the keys that accepted it.
    pub fn of(layout: &Layout) -> Result<Self, LoadError> {
        let root = accepted_by(layout)?;
        let folder = layout.current();
        let path = folder.join("landfall.json");
        let bytes = read(&path, limits::MANIFEST_BYTES)?;
        let signatures = signatures(&folder)?;
        let verified = root.trusted_keys().verify(bytes, &signatures);
        let verified = verified.map_err(|source| LoadError::Untrusted { path: path.clone(), source })?;
        // One that cannot be read is the installer's to tell of.
        let today = read(&layout.trust_root(), ROOT_BYTES).ok().and_then(|json| TrustRoot::parse(&json).ok());
        let refused_today =
            today.and_then(|today| today.trusted_keys().verify(verified.get().clone(), &signatures).err());
        let release = Release::from_verified(verified).map_err(|source| LoadError::Manifest { path, source })?;
        Ok(Self { catalog: Catalog::of(release.get()), refused_today })
    }
}

/// The root by which the release was accepted. Where an installer did not note it yet, the host's own stands for it.
fn accepted_by(layout: &Layout) -> Result<TrustRoot, LoadError> {
    let (path, bytes) = match read(&layout.accepted_by(), ROOT_BYTES) {
        Err(LoadError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            (layout.trust_root(), read(&layout.trust_root(), ROOT_BYTES)?)
        }
        other => (layout.accepted_by(), other?),
    };
    TrustRoot::parse(&bytes).map_err(|source| LoadError::TrustRoot { path, source })
}

/// The signatures beside the manifest, `landfall.json.<KEYID>.minisig`.
fn signatures(folder: &Path) -> Result<Vec<Signature>, LoadError> {
    let failed = |source| LoadError::Read { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(std::ffi::OsStr::to_string_lossy).unwrap_or_default();
        if !name.starts_with("landfall.json.") || !name.ends_with(".minisig") || found.len() == limits::SIGNATURES {
            continue;
        }
        let signature = Signature::parse(&read(&path, limits::SIGNATURE_BYTES)?);
        found.push(signature.map_err(|source| LoadError::Signature { path: path.clone(), source })?);
    }
    Ok(found)
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::new();
    let file = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    let size = file.map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let fits = u64::try_from(size).is_ok_and(|size| size <= limit);
    if fits { Ok(bytes) } else { Err(LoadError::TooLarge { path: path.to_owned(), limit }) }
}
