use super::Damage;
use crate::durable::{At as _, PathError};
use crate::regular::{self, TooLarge};
use landfall_keys::{MAX_TRUST_ROOT_BYTES, TrustError, TrustRoot};
use landfall_manifests::{Bundle, Digest, Head, ReadError, ReleaseError, archive, limits, oci};
use std::path::{Path, PathBuf};

/// Why the manifest of a release on the host is not to be relied on.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The manifest, a signature or the trust root beside it is not as it was when the release was installed.
    #[error("{} {damage}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// The keys by which this host accepted the release have not signed it.
    #[error("the manifest {} is not signed by the keys by which this host accepted the release", .path.display())]
    Untrusted {
        /// The manifest.
        path: PathBuf,
        /// Which signature is missing or wrong.
        #[source]
        source: TrustError,
    },
    /// It is signed, but breaks a rule of the format, or is of a later one.
    #[error("the manifest {} is signed and cannot be used", .path.display())]
    Invalid {
        /// The manifest.
        path: PathBuf,
        /// The rule that it breaks.
        #[source]
        source: ReleaseError,
    },
    /// The folder or a file in it cannot be read.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// The manifest of a release on the host, before it is verified.
#[derive(Debug)]
pub struct UnverifiedManifest {
    folder: PathBuf,
    bytes: Vec<u8>,
}

impl UnverifiedManifest {
    /// Reads `landfall.json` from a release's folder.
    ///
    /// # Errors
    /// It cannot be read, is not there, or is larger than any manifest.
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        let bytes = read(&folder.join(archive::MANIFEST_NAME), limits::MANIFEST_BYTES)?;
        Ok(Self { folder: folder.to_owned(), bytes })
    }

    /// Where it lies.
    pub fn path(&self) -> PathBuf {
        self.folder.join(archive::MANIFEST_NAME)
    }

    /// The digest of its bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Reads the signatures beside it, and verifies it with the keys of `trust`, the root by which the release was accepted.
    ///
    /// The beginning of the bundle follows from these files. It is put together again and read like that of every bundle, so that
    /// no second reader decides what a manifest and its signatures are. A signature more than a bundle may hold is damage.
    ///
    /// # Errors
    /// A file is damaged, the manifest is not signed by these keys, or it breaks a rule of the format.
    pub fn verify(self, trust: &TrustRoot) -> Result<Bundle, ManifestError> {
        let Self { folder, bytes: mut head } = self;
        // 1. The manifest, then its signatures, in the order of a bundle.
        frame(&mut head, 0, archive::MANIFEST_NAME);
        let names = signature_names(&folder)?;
        for name in &names {
            let start = head.len();
            head.extend(read(&folder.join(name), limits::SIGNATURE_BYTES)?);
            frame(&mut head, start, name);
        }
        // 2. The header of the entry behind the signatures: by it the reader knows that no signature follows.
        head.extend(archive::header(oci::LAYOUT_NAME, oci::LAYOUT.len() as u64));
        // 3. The reader of bundles decides.
        let parsed = Head::read(&mut head.as_slice()).map_err(|error| refused(&folder, error))?;
        drop(head);
        // The reader takes no more signatures than a bundle may hold: a file behind the last one that it took is one too
        // many.
        if let Some(other) = names.get(parsed.signatures().len()) {
            return Err(ManifestError::Damaged { path: folder.join(other), damage: Damage::Surplus });
        }
        parsed.verify(trust.trusted_keys()).map_err(|error| refused(&folder, error))
    }
}

/// The trust root by which this host accepted the release in `folder`: `landfall.json.trust`.
///
/// # Errors
/// It cannot be read, is not there, or is no trust root.
pub fn accepted_by(folder: &Path) -> Result<TrustRoot, ManifestError> {
    let path = folder.join(archive::ACCEPTED_BY_NAME);
    let bytes = read(&path, MAX_TRUST_ROOT_BYTES as u64)?;
    TrustRoot::parse(&bytes).map_err(|error| ManifestError::Damaged { path, damage: Damage::Record(error.to_string()) })
}

/// Puts an entry's header before its content, which begins at `start`, and the padding behind it.
fn frame(head: &mut Vec<u8>, start: usize, name: &str) {
    let size = (head.len() - start) as u64;
    head.splice(start..start, archive::header(name, size));
    // tar pads contents with zeros to blocks of 512 bytes.
    head.resize(head.len().next_multiple_of(512), 0);
}

/// The names of the signatures, sorted as in a bundle; one more than there may be, if there are too many.
fn signature_names(folder: &Path) -> Result<Vec<String>, PathError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).at("read the folder", folder)? {
        let name = entry.at("read the folder", folder)?.file_name();
        names.extend(name.to_str().filter(|name| is_named_like_a_signature(name)).map(str::to_owned));
    }
    names.sort();
    // A folder full of such files must not make the head as large as all of them.
    names.truncate(limits::SIGNATURES + 1);
    Ok(names)
}

/// Whether the name has the length and the ends of a signature's. What it has in the middle is for [`Head`] to judge.
fn is_named_like_a_signature(name: &str) -> bool {
    let example = archive::signature_name("0123456789ABCDEF");
    name.len() == example.len() && name.starts_with("landfall.json.") && name.ends_with(".minisig")
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ManifestError> {
    let damaged = |damage| ManifestError::Damaged { path: path.to_owned(), damage };
    let bytes = regular::open_no_follow(path).and_then(|(file, _)| regular::read_to_end(file, limit));
    bytes.map_err(|error| match Damage::of(&error) {
        Some(damage) => damaged(damage),
        None if TooLarge::caused(&error) => damaged(Damage::Record(error.to_string())),
        None => PathError::new("read", path, error).into(),
    })
}

/// What a refusal of the beginning that was put together says about the folder. Offsets in it say nothing.
fn refused(folder: &Path, error: ReadError) -> ManifestError {
    let path = folder.join(archive::MANIFEST_NAME);
    match error {
        ReadError::Untrusted(source) => ManifestError::Untrusted { path, source },
        ReadError::Release(source) => ManifestError::Invalid { path, source },
        ReadError::Signature { entry, reason, .. } => {
            ManifestError::Damaged { path: folder.join(entry), damage: Damage::Record(reason) }
        }
        other => ManifestError::Damaged { path, damage: Damage::Record(other.to_string()) },
    }
}
