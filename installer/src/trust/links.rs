//! Roots and the signatures over them, as a publisher's folder, a file of it, or a bundle brings them.

use crate::durable::{At as _, PathError};
use crate::media::{Media, MediaArgs, damage};
use landfall_console::Console;
use landfall_keys::{
    MAX_CHAIN_LINKS, MAX_FILE_BYTES, MAX_SIGNATURES, MAX_TRUST_ROOT_BYTES, RootLink, root_version, signed_root_version,
};
use rustix::fs::OFlags;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The most roots that a folder holds: the first one, which nobody signs, and what may follow it.
const MAX_ROOTS: usize = MAX_CHAIN_LINKS + 1;

/// A path brings no roots. What the roots themselves are worth is not asked here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinksError {
    #[error("{} holds no trust root: neither a file N.root.json, nor a bundle that brings one", .0.display())]
    None(PathBuf),
    #[error("{} holds {found} trust roots, at most {MAX_ROOTS} are read", .path.display())]
    TooMany { path: PathBuf, found: usize },
    #[error("{} is not text", .0.display())]
    Text(PathBuf),
    #[error("{} is the trust root of version {found}: its name says another one", .path.display())]
    Name { path: PathBuf, found: u32 },
    #[error(transparent)]
    Path(#[from] PathError),
}

/// The links that `path` brings, in the order of their versions: a folder with roots, one root with its signatures beside it,
/// or a bundle.
pub(crate) fn read(path: &Path, console: Console) -> anyhow::Result<Vec<RootLink>> {
    if path.is_dir() {
        return Ok(folder(path)?);
    }
    if begins_like_a_root(path)? {
        return Ok(vec![link(path, &signatures_beside(path)?)?]);
    }
    let media = Media::open(&MediaArgs { file: path.to_owned(), parts: Vec::new(), patch: None }, console)?;
    let head = media.head().map_err(|error| damage::located(&media, None, error.into()))?;
    let chain = head.offered_chain();
    if chain.is_empty() { Err(LinksError::None(path.to_owned()).into()) } else { Ok(chain) }
}

fn folder(path: &Path) -> Result<Vec<RootLink>, LinksError> {
    let (mut roots, mut signatures) = (BTreeMap::new(), BTreeMap::<u32, Vec<PathBuf>>::new());
    for (name, place) in names(path)? {
        if let Some(version) = root_version(&name) {
            roots.insert(version, place);
        } else if let Some(version) = signed_root_version(&name) {
            signatures.entry(version).or_default().push(place);
        }
    }
    if roots.is_empty() {
        return Err(LinksError::None(path.to_owned()));
    }
    if roots.len() > MAX_ROOTS {
        return Err(LinksError::TooMany { path: path.to_owned(), found: roots.len() });
    }
    let link = |(version, place): (u32, PathBuf)| {
        let link = link(&place, &signatures.remove(&version).unwrap_or_default())?;
        // What is no root is refused when it is used, with the reason.
        match link.version() {
            Ok(found) if found != version => Err(LinksError::Name { path: place, found }),
            _ => Ok(link),
        }
    };
    roots.into_iter().map(link).collect()
}

/// The files `NAME.minisig` and `NAME.….minisig` beside a root called NAME.
fn signatures_beside(path: &Path) -> Result<Vec<PathBuf>, LinksError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let is_ours =
        |other: &str| other.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".minisig"));
    let beside = names(parent)?.into_iter().filter(|(other, _)| is_ours(other));
    Ok(beside.map(|(_, place)| place).collect())
}

/// The names in a folder that are text, sorted.
fn names(folder: &Path) -> Result<BTreeMap<String, PathBuf>, LinksError> {
    let mut names = BTreeMap::new();
    for entry in std::fs::read_dir(folder).at("read the folder", folder)? {
        let entry = entry.at("read the folder", folder)?;
        names.extend(entry.file_name().into_string().map(|name| (name, entry.path())));
    }
    Ok(names)
}

fn link(root: &Path, signatures: &[PathBuf]) -> Result<RootLink, LinksError> {
    // One more than may be there is enough to be refused.
    let signatures = signatures.iter().take(MAX_SIGNATURES + 1).map(|place| text(place, MAX_FILE_BYTES));
    Ok(RootLink::from_texts(text(root, MAX_TRUST_ROOT_BYTES)?, signatures.collect::<Result<_, _>>()?))
}

fn text(path: &Path, limit: usize) -> Result<String, LinksError> {
    let (mut bytes, limit) = (Vec::new(), limit as u64);
    open(path)?.take(limit + 1).read_to_end(&mut bytes).at("read", path)?;
    if bytes.len() as u64 > limit {
        let reason = format!("it is larger than the {limit} bytes that are read");
        Err(io::Error::new(ErrorKind::InvalidData, reason)).at("read", path)?;
    }
    String::from_utf8(bytes).map_err(|_| LinksError::Text(path.to_owned()))
}

fn begins_like_a_root(path: &Path) -> Result<bool, LinksError> {
    // A bundle in parts is there although no file has its name.
    if !path.exists() {
        return Ok(false);
    }
    let mut first = [0];
    let read = open(path)?.read(&mut first).at("read", path)?;
    Ok(read == 1 && first == *b"{")
}

/// Opens a regular file; a pipe is not waited for.
fn open(path: &Path) -> Result<File, PathError> {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path).at("open", path)?;
    if file.metadata().at("look at", path)?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file")).at("read", path)
}
