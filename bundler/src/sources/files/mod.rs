//! The files of a release's folder.

mod download;
mod packer;

pub(crate) use download::download;
pub(crate) use packer::{PackedFiles, pack};

use super::beneath::{self, Identity};
use super::content_kind::first_block;
use super::evidence::EvidenceFile;
use super::secret_key::is_secret_key;
use crate::blob_store::StoreError;
use crate::definition::{DefinitionLine, SourcePath};
use crate::elf::{self, ElfError};
use crate::plan::{CONFIG_PATH, FileContent, Plan, PlannedDownload, PlannedFile, PlannedTree};
use crate::registry::DownloadError;
use crate::regular;
use landfall_manifests::{Arch, BundlePath, Digest, PathError};
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use url::Url;
use walkdir::{DirEntry, WalkDir};

/// A settings file, in bytes: what hosts read.
pub(crate) const SETTINGS_BYTES: u64 = landfall_host::settings::MAX_BYTES;

/// A file of the definition cannot be packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("{}{} cannot be read", at(line.as_ref()), path.display())]
    Read { line: Option<DefinitionLine>, path: PathBuf, source: io::Error },
    #[error("{}{} cannot be packed for {arch}", at(line.as_ref()), path.display())]
    Program { line: Option<DefinitionLine>, path: PathBuf, arch: &'static str, source: ElfError },
    #[error("{line}: {} is a {kind}: a release has files and folders only", path.display())]
    Special { line: DefinitionLine, path: PathBuf, kind: &'static str },
    #[error("{line}: {} is not a TOML file: {reason}", path.display())]
    Settings { line: DefinitionLine, path: PathBuf, reason: String },
    #[error("{line}: {} is a secret key, which must not leave this machine", path.display())]
    SecretKey { line: DefinitionLine, path: PathBuf },
    #[error("{line}: {} cannot be packed", path.display())]
    Path { line: DefinitionLine, path: PathBuf, source: PathError },
    #[error("{line}: {} has a name that is not UTF-8", path.display())]
    NotUtf8 { line: DefinitionLine, path: PathBuf },
    #[error("{}{path} is in the release already: it comes from {}", at(line.as_ref()), first.display())]
    Twice { line: Option<DefinitionLine>, path: BundlePath, first: PathBuf },
    #[error("{} changed while it was read", path.display())]
    Changed { path: PathBuf },
    #[error("{line}: {} is a folder, and sha256 is for a file", path.display())]
    FolderDigest { line: DefinitionLine, path: PathBuf },
    #[error("{line}: {} is not what it should be: its sha256 is {}", path.display(), found.hex())]
    Digest { line: DefinitionLine, path: PathBuf, found: Digest },
    #[error("{line}: {url} cannot be downloaded")]
    Download { line: DefinitionLine, url: Box<Url>, source: Box<DownloadError> },
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn at(line: Option<&DefinitionLine>) -> String {
    line.map_or_else(String::new, |line| format!("{line}: "))
}

/// A file of the release that is there, and is not packed yet.
pub(crate) struct FoundFile<'a> {
    pub(crate) path: BundlePath,
    from: Origin<'a>,
}

/// Where a file's content comes from.
enum Origin<'a> {
    Planned(&'a PlannedFile),
    Tree {
        path: PathBuf,
        tree: &'a PlannedTree,
        identity: Identity,
    },
    /// Content that was made during this build.
    Made(&'a EvidenceFile),
    /// The content is there when it is downloaded.
    Download {
        download: &'a PlannedDownload,
        content: Option<File>,
    },
}

impl Origin<'_> {
    /// The file's own path, for people.
    fn path(&self) -> &Path {
        match self {
            Self::Tree { path, .. } => path,
            Self::Made(file) => Path::new(file.path.as_str()),
            Self::Download { download, .. } => Path::new(download.url.as_str()),
            Self::Planned(PlannedFile { path, content, .. }) => match content {
                FileContent::Text(_) => Path::new(path.as_str()),
                FileContent::Program { path, .. } | FileContent::File { path, .. } | FileContent::Page(path) => path,
            },
        }
    }

    fn line(&self) -> Option<&DefinitionLine> {
        match self {
            Self::Tree { tree, .. } => Some(&tree.source.line),
            Self::Made(_) => None,
            Self::Download { download, .. } => Some(&download.line),
            Self::Planned(file) => match &file.content {
                FileContent::Program { line, .. } => line.as_ref(),
                FileContent::File { line, .. } => Some(line),
                FileContent::Text(_) | FileContent::Page(_) => None,
            },
        }
    }
}

/// Looks for every file of the plan, so that what is missing is told before anything is packed. The settings come first, since hosts read
/// them before all other blobs.
pub(crate) fn find(plan: &Plan) -> Result<Vec<FoundFile<'_>>, FileError> {
    let (found, errors) = find_all(plan);
    errors.into_iter().next().map_or(Ok(found), Err)
}

/// The same with all that is wrong, and not the first of it alone; what is there besides is found all the same.
pub(crate) fn find_all(plan: &Plan) -> (Vec<FoundFile<'_>>, Vec<FileError>) {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for file in &plan.files {
        match open(file, plan.release.arch) {
            Ok(_) => found.push(FoundFile { path: file.path.clone(), from: Origin::Planned(file) }),
            Err(error) => errors.push(error),
        }
    }
    for tree in &plan.trees {
        find_in(tree, &mut found, &mut errors);
    }
    found.extend(
        plan.downloads.iter().map(|download| FoundFile {
            path: download.path.clone(),
            from: Origin::Download { download, content: None },
        }),
    );
    // Refused, although the contents may be equal: which of the two
    // wins would otherwise depend on the order of the definition.
    let mut paths = BTreeMap::new();
    for FoundFile { path, from } in &found {
        if let Some(first) = paths.insert(path, from.path()) {
            errors.push(FileError::Twice { line: from.line().cloned(), path: path.clone(), first: first.to_owned() });
        }
    }
    (in_order(found), errors)
}

/// The files that were found, and those that were made during this build, whose paths no definition can name.
pub(crate) fn with_made<'a>(mut found: Vec<FoundFile<'a>>, made: &'a [EvidenceFile]) -> Vec<FoundFile<'a>> {
    found.extend(made.iter().map(|file| FoundFile { path: file.path.clone(), from: Origin::Made(file) }));
    in_order(found)
}

/// By path, since the order of the definition must not show in the bytes.
fn in_order(mut found: Vec<FoundFile<'_>>) -> Vec<FoundFile<'_>> {
    found.sort_by(|a, b| {
        let rank = |file: &FoundFile<'_>| file.path.as_str() != CONFIG_PATH;
        rank(a).cmp(&rank(b)).then_with(|| a.path.cmp(&b.path))
    });
    found
}

/// Finds a file, or everything below a folder. The named path itself may be a symbolic link; nothing below it may.
fn find_in<'a>(tree: &'a PlannedTree, found: &mut Vec<FoundFile<'a>>, errors: &mut Vec<FileError>) {
    // Sorted, since readdir(3) gives names in no order: of several errors, the same one is found first.
    for entry in WalkDir::new(&tree.source.path).follow_root_links(true).sort_by_file_name() {
        match find_entry(entry, tree) {
            Ok(file) => found.extend(file),
            Err(error) => errors.push(error),
        }
    }
}

/// The file at one entry of a folder; none at a folder.
fn find_entry(entry: walkdir::Result<DirEntry>, tree: &PlannedTree) -> Result<Option<FoundFile<'_>>, FileError> {
    let line = || tree.source.line.clone();
    let cannot = |error: walkdir::Error| {
        let path = error.path().unwrap_or(&tree.source.path).to_owned();
        FileError::Read { line: Some(line()), path, source: error.into() }
    };
    let entry = entry.map_err(cannot)?;
    if entry.file_type().is_dir() {
        if tree.digest.is_some() {
            return Err(FileError::FolderDigest { line: line(), path: tree.source.path.clone() });
        }
        return Ok(None);
    }
    if let Some(kind) = special(&entry) {
        return Err(FileError::Special { line: line(), path: entry.path().to_owned(), kind });
    }
    let metadata = entry.metadata().map_err(cannot)?;
    let (path, identity) = (target(&entry, tree)?, Identity::of(&metadata));
    Ok(Some(FoundFile { path, from: Origin::Tree { path: entry.into_path(), tree, identity } }))
}

/// Looks into each file that is small enough to be a secret key, as packing will: none may leave this machine.
pub(crate) fn check_secrets(files: &[FoundFile<'_>]) -> Vec<FileError> {
    let check = |file: &FoundFile<'_>| match &file.from {
        Origin::Tree { path, tree, identity } => open_found(path, &tree.source, *identity).err(),
        Origin::Planned(_) | Origin::Made(_) | Origin::Download { .. } => None,
    };
    files.iter().filter_map(check).collect()
}

/// Opens a file that was found below a folder, and is no secret key.
fn open_found(
    path: &Path,
    SourcePath { path: root, line }: &SourcePath,
    identity: Identity,
) -> Result<(File, Metadata), FileError> {
    let cannot = |source| FileError::Read { line: Some(line.clone()), path: path.to_owned(), source };
    let below = path.strip_prefix(root).unwrap_or(path);
    let opened = beneath::open_file(root, below, identity).map_err(cannot)?;
    let (opened, metadata) = opened.ok_or_else(|| FileError::Changed { path: path.to_owned() })?;
    if is_secret_key(&opened, metadata.len()).map_err(cannot)? {
        return Err(FileError::SecretKey { line: line.clone(), path: path.to_owned() });
    }
    Ok((opened, metadata))
}

/// A file of the plan that can be packed.
enum Opened<'a> {
    Text(&'static str),
    File { path: &'a PathBuf, content: File, size: u64 },
}

/// Opens a file, and checks that it is a program for `arch`, or settings, where it has to be.
fn open(file: &PlannedFile, arch: Arch) -> Result<Opened<'_>, FileError> {
    let (line, path) = match &file.content {
        FileContent::Text(text) => return Ok(Opened::Text(text)),
        FileContent::Program { path, line } => (line.as_ref(), path),
        FileContent::File { path, line } => (Some(line), path),
        FileContent::Page(path) => (None, path),
    };
    let cannot = |source| FileError::Read { line: line.cloned(), path: path.clone(), source };
    // The file is opened once: what is checked and what is packed are the same bytes, whatever its name leads to by then.
    let (mut content, metadata) = regular::open(path).map_err(cannot)?;
    let start = first_block(&mut content).map_err(cannot)?;
    content.rewind().map_err(cannot)?;
    if matches!(file.content, FileContent::Program { .. }) {
        let header = &start[..start.len().min(elf::HEADER_BYTES)];
        let wrong = |source| FileError::Program { line: line.cloned(), path: path.clone(), arch: arch.name(), source };
        elf::check(header, arch).map_err(wrong)?;
    }
    if let FileContent::File { line, .. } = &file.content {
        check_settings(&content, line, path)?;
    }
    Ok(Opened::File { path, content, size: metadata.len() })
}

/// Checks that the runtime's settings are TOML. Which settings there are is known to the release's own runtime only.
fn check_settings(file: &File, line: &DefinitionLine, path: &Path) -> Result<(), FileError> {
    let wrong = |reason: String| FileError::Settings { line: line.clone(), path: path.to_owned(), reason };
    let most = usize::try_from(SETTINGS_BYTES).unwrap_or(usize::MAX - 1);
    let mut bytes = vec![0; most + 1];
    // At an offset of its own: the file's position stays where packing goes on.
    let read = file.read_at(&mut bytes, 0);
    let read = read.map_err(|source| FileError::Read { line: Some(line.clone()), path: path.to_owned(), source })?;
    if read > most {
        return Err(wrong(format!("it has more than {SETTINGS_BYTES} bytes, which no host reads")));
    }
    let text = std::str::from_utf8(&bytes[..read]).map_err(|error| wrong(error.to_string()))?;
    toml::from_str::<toml::Table>(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
    Ok(())
}

fn special(entry: &DirEntry) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = entry.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_symlink() => Some("symbolic link"),
        () if kind.is_fifo() => Some("named pipe"),
        () if kind.is_socket() => Some("socket"),
        () => Some("device"),
    }
}

/// The path in the release of a file that was found in a folder.
fn target(entry: &DirEntry, tree: &PlannedTree) -> Result<BundlePath, FileError> {
    let line = &tree.source.line;
    let path = || entry.path().to_owned();
    let below = entry.path().strip_prefix(&tree.source.path).unwrap_or(Path::new(""));
    let below = below.to_str().ok_or_else(|| FileError::NotUtf8 { line: line.clone(), path: path() })?;
    let joined = if below.is_empty() { tree.path.to_string() } else { format!("{}/{below}", tree.path) };
    joined.parse().map_err(|source| FileError::Path { line: line.clone(), path: path(), source })
}
