use super::attributes;
use crate::blob_store::{BlobCompressor, CHUNK};
use crate::definition::Owners;
use crate::sources::SourceError;
use crate::sources::beneath::{self, Identity};
use crate::sources::secret_key::is_secret_key;
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
use walkdir::WalkDir;

/// How a name begins that engines take for the removal of what bears the rest of it in a layer below (OCI image specification,
/// "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";

/// Writes the content of `folder` as a tar archive that follows from names, modes, attributes, content and, if they are to be
/// kept, owners: entries are sorted; files keep their times up to `mtime`, all else has that; names of users and holes are left
/// out.
pub(super) fn write<'s>(
    folder: &Path,
    mtime: u64,
    owners: Owners,
    packer: BlobCompressor<'s>,
    progress: &Progress,
) -> Result<BlobCompressor<'s>, SourceError> {
    let mut layer = Layer { tar: Builder::new(packer), folder, mtime, owners, progress, linked: BTreeMap::new() };
    // Sorted, since readdir(3) gives names in no order: the same folder gives the same layer.
    let walk = WalkDir::new(folder).min_depth(1).follow_root_links(true).sort_by_file_name();
    check_is_folder(folder)?;
    for entry in walk {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_owned();
            SourceError::Read { path, source: error.into() }
        })?;
        // Of the entry itself: a link is packed as a link, wherever it leads on this machine.
        let metadata = entry.path().symlink_metadata().map_err(SourceError::read(entry.path()))?;
        let name = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        layer.add(entry.path(), name, &metadata)?;
    }
    layer.tar.into_inner().map_err(SourceError::Archive)
}

pub(super) fn check_is_folder(folder: &Path) -> Result<(), SourceError> {
    if folder.metadata().map_err(SourceError::read(folder))?.is_dir() {
        return Ok(());
    }
    Err(SourceError::Read { path: folder.to_owned(), source: io::ErrorKind::NotADirectory.into() })
}

struct Layer<'a, 's> {
    tar: Builder<BlobCompressor<'s>>,
    folder: &'a Path,
    mtime: u64,
    owners: Owners,
    progress: &'a Progress,
    /// The first name of each file that has several.
    linked: BTreeMap<(u64, u64), PathBuf>,
}

impl Layer<'_, '_> {
    fn add(&mut self, path: &Path, name: &Path, metadata: &Metadata) -> Result<(), SourceError> {
        let (kind, found) = (metadata.file_type(), Identity::of(metadata));
        if name.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(WHITEOUT)) {
            return Err(SourceError::Whiteout { path: path.to_owned() });
        }
        let mut header = self.header(metadata);
        if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
            let folder = unchanged(path, beneath::open_folder(self.folder, name, found))?;
            self.attributes(&folder, path)?;
            // Joined with nothing, the name gets the final / that tar writes after folders.
            let added = self.tar.append_data(&mut header, name.join(""), io::empty());
            return added.map_err(|error| self.failed(path, error));
        }
        if kind.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            let link = unchanged(path, beneath::open_link(self.folder, name, found))?;
            let target = readlinkat(&link, "", Vec::new()).map_err(|error| SourceError::read(path)(error.into()))?;
            return self.link(&mut header, name, Path::new(OsStr::from_bytes(target.as_bytes())), path);
        }
        if !kind.is_file() {
            return Err(SourceError::Special { path: path.to_owned(), kind: "device, pipe or socket" });
        }
        if metadata.nlink() > 1 {
            // Hard links stay links: the layer holds their content once.
            let inode = (metadata.dev(), metadata.ino());
            // Its first name has the attributes.
            if let Some(first) = self.linked.get(&inode).cloned() {
                header.set_entry_type(EntryType::Link);
                return self.link(&mut header, name, &first, path);
            }
            self.linked.insert(inode, name.to_owned());
        }
        let file = unchanged(path, beneath::open_file(self.folder, name, found))?;
        self.file(&mut header, name, path, (file, metadata.len()))
    }

    fn header(&self, metadata: &Metadata) -> Header {
        let mut header = Header::new_ustar();
        // With the set-user-id, set-group-id and sticky bits, which programs in the image may need.
        header.set_mode(metadata.mode() & 0o7777);
        let (uid, gid) = match self.owners {
            Owners::Root => (0, 0),
            Owners::Keep => (metadata.uid(), metadata.gid()),
        };
        header.set_uid(uid.into());
        header.set_gid(gid.into());
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
