//! A layer that is made from files of this machine, the same bytes each time.

use super::SourceError;
use super::attributes;
use super::beneath::{self, Identity};
use super::secret_key::is_secret_key;
use crate::blob_store::{BlobCompressor, CHUNK};
use crate::definition::FileOwner;
use landfall_console::Progress;
use rustix::fs::readlinkat;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// How a name begins that engines take for the removal of what bears the rest of it in a layer below (OCI image specification,
/// "Whiteouts").
pub(super) const WHITEOUT: &[u8] = b".wh.";
/// The mode of a folder that nothing is known of.
const FOLDER: u32 = 0o755;

/// A tar archive that follows from names, modes, attributes, content and owners: files keep their times up to `mtime`, all else has that;
/// names of users and holes are left out. Entries are in the order in which they are added.
pub(super) struct LayerWriter<'a, 's> {
    tar: Builder<BlobCompressor<'s>>,
    mtime: u64,
    progress: &'a Progress,
    /// The first name of each file that has several.
    linked: BTreeMap<(u64, u64), PathBuf>,
}

/// What was found in a folder that is packed, or a file that is packed by itself.
pub(super) struct Found<'a> {
    /// The folder, or that file.
    pub(super) root: &'a Path,
    /// The path below it; empty for itself.
    pub(super) below: &'a Path,
    /// Of a link, and not of what it leads to.
    pub(super) metadata: Metadata,
    pub(super) owner: FileOwner,
}

impl Found<'_> {
    pub(super) fn path(&self) -> PathBuf {
        if self.below.as_os_str().is_empty() { self.root.to_owned() } else { self.root.join(self.below) }
    }

    /// The folder itself, open.
    fn folder(&self, path: &Path) -> Result<File, SourceError> {
        let below = if self.below.as_os_str().is_empty() { Path::new(".") } else { self.below };
        unchanged(path, beneath::open_folder(self.root, below, Identity::of(&self.metadata)))
    }

    /// The attributes of a folder, as records of a pax header.
    pub(super) fn folder_attributes(&self) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        let path = self.path();
        attributes::records(&self.folder(&path)?, &path)
    }
}

impl<'a, 's> LayerWriter<'a, 's> {
    pub(super) fn new(packer: BlobCompressor<'s>, mtime: u64, progress: &'a Progress) -> Self {
        Self { tar: Builder::new(packer), mtime, progress, linked: BTreeMap::new() }
    }

    /// Ends the archive.
    pub(super) fn finish(self) -> Result<BlobCompressor<'s>, SourceError> {
        self.tar.into_inner().map_err(SourceError::Archive)
    }

    /// What is added from now on has no hard links to what was added before.
    pub(super) fn forget_links(&mut self) {
        self.linked.clear();
    }

    /// Adds a folder of which nothing is known, as root's.
    pub(super) fn add_folder(&mut self, name: &Path) -> Result<(), SourceError> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Directory);
        header.set_mode(FOLDER);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.mtime);
        header.set_size(0);
        let added = self.tar.append_data(&mut header, name.join(""), io::empty());
        added.map_err(|error| self.failed(name, error))
    }

    /// Adds what was found, as `name`.
    pub(super) fn add(&mut self, name: &Path, found: &Found<'_>) -> Result<(), SourceError> {
        let (kind, path, identity) = (found.metadata.file_type(), found.path(), Identity::of(&found.metadata));
        if name.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(WHITEOUT)) {
            return Err(SourceError::Whiteout { path });
        }
        let mut header = self.header(found);
        if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
            let folder = found.folder(&path)?;
            self.attributes(&folder, &path)?;
            // Joined with nothing, the name gets the final / that tar writes after folders.
            let added = self.tar.append_data(&mut header, name.join(""), io::empty());
            return added.map_err(|error| self.failed(&path, error));
        }
        if kind.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            let link = unchanged(&path, beneath::open_link(found.root, found.below, identity))?;
            let target = readlinkat(&link, "", Vec::new()).map_err(|error| SourceError::read(&path)(error.into()))?;
            return self.link(&mut header, name, Path::new(OsStr::from_bytes(target.as_bytes())), &path);
        }
        if !kind.is_file() {
            return Err(SourceError::Special { path, kind: "device, pipe or socket" });
        }
        if found.metadata.nlink() > 1 {
            // Hard links stay links: the layer holds their content once.
            let inode = (found.metadata.dev(), found.metadata.ino());
            // Its first name has the attributes.
            if let Some(first) = self.linked.get(&inode).cloned() {
                header.set_entry_type(EntryType::Link);
                return self.link(&mut header, name, &first, &path);
            }
            self.linked.insert(inode, name.to_owned());
        }
        let file = unchanged(&path, beneath::open_file(found.root, found.below, identity))?;
        self.file(&mut header, name, &path, (file, found.metadata.len()))
    }

    fn header(&self, found: &Found<'_>) -> Header {
        let metadata = &found.metadata;
        let mut header = Header::new_ustar();
        // With the set-user-id, set-group-id and sticky bits, which programs in the image may need.
        header.set_mode(metadata.mode() & 0o7777);
        let (user, group) = match found.owner {
            FileOwner::Kept => (metadata.uid(), metadata.gid()),
            FileOwner::Numbers { user, group } => (user, group),
        };
        header.set_uid(user.into());
        header.set_gid(group.into());
        // Python compares a source's time with the one that its compiled file was made for, so that files keep theirs. Those
        // of folders and links change with each copy, and nothing goes by them.
        let own = u64::try_from(metadata.mtime()).unwrap_or_default();
        header.set_mtime(if metadata.is_file() { own.min(self.mtime) } else { self.mtime });
        // Links and folders have no content; `file` sets the size of those that do.
        header.set_size(0);
        header
    }

    /// Writes the attributes of the entry that follows.
    fn attributes(&mut self, file: &File, path: &Path) -> Result<(), SourceError> {
        let records = attributes::records(file, path)?;
        let records = records.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        self.tar.append_pax_extensions(records).map_err(|error| self.failed(path, error))
    }

    fn link(&mut self, header: &mut Header, name: &Path, target: &Path, path: &Path) -> Result<(), SourceError> {
        self.tar.append_link(header, name, target).map_err(|error| self.failed(path, error))
    }

    fn file(
        &mut self,
        header: &mut Header,
        name: &Path,
        path: &Path,
        (file, size): (File, u64),
    ) -> Result<(), SourceError> {
        header.set_entry_type(EntryType::Regular);
        header.set_size(size);
        // Looked at here, where the content is in hand: a folder that is packed may hold what its owner forgot.
        if is_secret_key(&file, size).map_err(SourceError::read(path))? {
            return Err(SourceError::SecretKey { path: path.to_owned() });
        }
        self.attributes(&file, path)?;
        // The header is written first: the content must have exactly the size in it, or all that follows is read
        // wrongly.
        let mut content = ExactLength { content: BufReader::with_capacity(CHUNK, file), left: size, is_changed: false };
        let added = self.tar.append_data(header, name, &mut content);
        if content.is_changed {
            return Err(SourceError::Changed { path: path.to_owned() });
        }
        self.progress.add(size);
        added.map_err(|error| self.failed(path, error))
    }

    /// An error of reading a file and of writing the layer look the same to the archive's builder.
    fn failed(&self, path: &Path, error: io::Error) -> SourceError {
        match error.raw_os_error() {
            Some(_) => self.tar.get_ref().failed(error).into(),
            None => SourceError::Read { path: path.to_owned(), source: error },
        }
    }
}

/// What was opened at `path`, where it is what was found there.
fn unchanged(path: &Path, opened: io::Result<Option<(File, Metadata)>>) -> Result<File, SourceError> {
    let opened = opened.map_err(SourceError::read(path))?;
    opened.map(|(file, _)| file).ok_or_else(|| SourceError::Changed { path: path.to_owned() })
}

/// The content of a file whose size has been written down already.
struct ExactLength<R> {
    content: R,
    left: u64,
    is_changed: bool,
}

impl<R: Read> Read for ExactLength<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        let short = read == 0 && self.left > 0 && !buffer.is_empty();
        if short || read as u64 > self.left {
            self.is_changed = true;
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}
