//! Trust roots and their signatures, read from a publisher's folder, from one file of it, or from a bundle.

use crate::durable::{At as _, PathError};
use crate::media::{BundleError, MediaArgs, MediaError};
use landfall_console::Console;
use landfall_host::regular;
use landfall_keys::{
    ChainError, MAX_CHAIN_LINKS, MAX_FILE_BYTES, MAX_SIGNATURES, MAX_TRUST_ROOT_BYTES, RootLink, Signature,
    SignatureError, root_version, signed_root_version,
};
use landfall_manifests::Digest;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// The most roots that are read from a folder: the first, which nobody signs, and a chain of its successors.
const MAX_ROOTS: usize = MAX_CHAIN_LINKS + 1;

/// Which of a path's roots are read. The others may be damaged.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RootSelection<'a> {
    /// This version and all later ones; the newest one if all are older.
    FromVersion(u32),
    /// The root whose file has this digest.
    WithDigest(&'a Digest),
}

/// A path holds no trust roots, or damaged ones. Whether anybody trusts them is not checked here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootFilesError {
    #[error("there is no file and no folder {}", .0.display())]
    Missing(PathBuf),
    #[error("{} holds no trust root: neither a file N.root.json, nor a bundle with one", .0.display())]
    None(PathBuf),
    #[error("{} holds {found} trust roots; at most {MAX_ROOTS} are read", .path.display())]
    TooMany { path: PathBuf, found: usize },
    #[error("{} is not text", .0.display())]
    Text(PathBuf),
    #[error("{} is damaged", .path.display())]
    Root {
        path: PathBuf,
        #[source]
        source: ChainError,
    },
    #[error("{} is damaged", .path.display())]
    Signature {
        path: PathBuf,
        #[source]
        source: SignatureError,
    },
    #[error("{} holds version {found} of the trust root, but its name says another version", .path.display())]
    Name { path: PathBuf, found: u32 },
    #[error(transparent)]
    Path(#[from] PathError),
    /// It is a bundle, and cannot be opened or read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// The roots at `path` with their signatures, in the order of their versions. `path` is a folder with roots, one root with its
/// signatures beside it, or a bundle.
pub(crate) fn read(
    path: &Path,
    selection: RootSelection<'_>,
    console: Console,
) -> Result<Vec<RootLink>, RootFilesError> {
    if path.is_dir() {
        return folder(path, selection);
    }
    if is_named_like_a_root(path) || begins_like_a_root(path)? {
        return Ok(vec![link(path, &signatures_beside(path)?)?]);
    }
    bundle(path, selection, console)
}

/// The roots in a bundle. One that does not parse is refused when it is used, with the reason.
fn bundle(path: &Path, selection: RootSelection<'_>, console: Console) -> Result<Vec<RootLink>, RootFilesError> {
    let media = MediaArgs { file: path.to_owned(), parts: Vec::new(), patch: None };
    let media = media.open(console).map_err(|error| match error {
        MediaError::Open { source, .. } if source.kind() == ErrorKind::NotFound => {
            RootFilesError::Missing(path.to_owned())
        }
        other => BundleError::Media(other).into(),
    })?;
    let head = media.head().map_err(|error| media.located(None, error))?;
    let mut chain = head.offered_chain();
    let versions: Vec<Option<u32>> = chain.iter().map(|link| link.version().ok()).collect();
    let Some(newest) = versions.iter().copied().max() else { return Err(RootFilesError::None(path.to_owned())) };
    if let RootSelection::FromVersion(version) = selection {
        let oldest = newest.map_or(version, |newest| version.min(newest));
        chain.retain(|link| link.version().map_or(true, |found| found >= oldest));
    }
    Ok(chain)
}

fn folder(path: &Path, selection: RootSelection<'_>) -> Result<Vec<RootLink>, RootFilesError> {
    let (mut roots, mut signatures) = (BTreeMap::new(), BTreeMap::<u32, Vec<PathBuf>>::new());
    for (name, place) in names(path)? {
        if let Some(version) = root_version(&name) {
            roots.insert(version, place);
        } else if let Some(version) = signed_root_version(&name) {
            signatures.entry(version).or_default().push(place);
        }
    }
    let Some(&newest) = roots.keys().last() else { return Err(RootFilesError::None(path.to_owned())) };
    match selection {
        // Where all are older, the newest is read nevertheless: the refusal names its version.
        RootSelection::FromVersion(version) => roots.retain(|found, _| *found >= version.min(newest)),
        RootSelection::WithDigest(digest) => roots = of_digest(roots, digest)?,
    }
    if roots.len() > MAX_ROOTS {
        return Err(RootFilesError::TooMany { path: path.to_owned(), found: roots.len() });
    }
    let link = |(version, place): (u32, PathBuf)| {
        let link = link(&place, &signatures.remove(&version).unwrap_or_default())?;
        match link.version() {
            Ok(found) if found != version => Err(RootFilesError::Name { path: place, found }),
            _ => Ok(link),
        }
    };
    roots.into_iter().map(link).collect()
}

/// The root with the digest. An error reading the others matters only if it is not found.
fn of_digest(roots: BTreeMap<u32, PathBuf>, digest: &Digest) -> Result<BTreeMap<u32, PathBuf>, RootFilesError> {
    let mut unread = None;
    for (version, place) in roots {
        match bytes(&place, MAX_TRUST_ROOT_BYTES) {
            Ok(bytes) if Digest::of(&bytes) == *digest => return Ok(BTreeMap::from([(version, place)])),
            Ok(_) => {}
            Err(error) => unread = unread.or(Some(error)),
        }
    }
    unread.map_or_else(|| Ok(BTreeMap::new()), |error| Err(error.into()))
}

/// The files `NAME.minisig` and `NAME.….minisig` beside a root called NAME.
fn signatures_beside(path: &Path) -> Result<Vec<PathBuf>, RootFilesError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let is_ours =
        |other: &str| other.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".minisig"));
    let beside = names(parent)?.into_iter().filter(|(other, _)| is_ours(other));
    Ok(beside.map(|(_, place)| place).collect())
}

/// The names in a folder that are text, sorted.
fn names(folder: &Path) -> Result<BTreeMap<String, PathBuf>, RootFilesError> {
    let mut names = BTreeMap::new();
    for entry in std::fs::read_dir(folder).at("read the folder", folder)? {
        let entry = entry.at("read the folder", folder)?;
        names.extend(entry.file_name().into_string().map(|name| (name, entry.path())));
    }
    Ok(names)
}

/// A root and its signatures, each of which is at least what its name says.
fn link(root: &Path, signatures: &[PathBuf]) -> Result<RootLink, RootFilesError> {
    let mut texts = Vec::new();
    for place in signatures {
        let signature = text(place, MAX_FILE_BYTES)?;
        let fail = |source| RootFilesError::Signature { path: place.clone(), source };
        Signature::parse(signature.as_bytes()).map_err(fail)?;
        // A copy under another name is no second signature. One more than may be there is enough to be refused.
        if texts.len() <= MAX_SIGNATURES && !texts.contains(&signature) {
            texts.push(signature);
        }
    }
    let link = RootLink::from_texts(text(root, MAX_TRUST_ROOT_BYTES)?, texts);
    match link.unverified_root() {
        Ok(_) => Ok(link),
        Err(source) => Err(RootFilesError::Root { path: root.to_owned(), source }),
    }
}

fn text(path: &Path, limit: usize) -> Result<String, RootFilesError> {
    String::from_utf8(bytes(path, limit)?).map_err(|_| RootFilesError::Text(path.to_owned()))
}

fn bytes(path: &Path, limit: usize) -> Result<Vec<u8>, PathError> {
    regular::read(path, limit as u64).at("read", path)
}

fn is_named_like_a_root(path: &Path) -> bool {
    path.exists() && path.file_name().and_then(|name| name.to_str()).and_then(root_version).is_some()
}

fn begins_like_a_root(path: &Path) -> Result<bool, RootFilesError> {
    // A bundle in parts is there although no file has its name.
    if !path.exists() {
        return Ok(false);
    }
    let mut first = [0];
    let read = regular::open(path).and_then(|(mut file, _)| file.read(&mut first)).at("read", path)?;
    // A root has one byte form, which begins like this. A bundle begins with the name of its first entry.
    Ok(read == 1 && first == *b"{")
}
