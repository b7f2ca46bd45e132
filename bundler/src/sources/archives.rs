use super::SourceError;
use super::content_kind::{ContentKind, first_block};
use super::decompressed::Compression;
use crate::blob_store::{BlobStore, CHUNK};
use crate::definition::ArchivePath;
use crate::regular;
use landfall_console::Console;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A tar archive that is not compressed, at its beginning.
#[derive(Debug)]
pub(super) struct TarFile {
    pub(super) file: File,
    /// Where it lies, if it was not unpacked.
    pub(super) path: Option<PathBuf>,
}

/// Archives of which any part is read at any time. Those that are compressed, and what comes on standard input, are unpacked once, into
/// files without names beside the bundle.
#[derive(Debug)]
pub(crate) struct Archives {
    unpacked: Mutex<BTreeMap<ArchivePath, File>>,
    console: Console,
}

impl Archives {
    /// None is unpacked yet.
    pub(crate) fn new(console: Console) -> Self {
        Self { unpacked: Mutex::default(), console }
    }

    /// Opens a tar archive; none, if it would have to be unpacked and there is no store.
    pub(super) fn open(&self, path: &ArchivePath, store: Option<&BlobStore>) -> Result<Option<TarFile>, SourceError> {
        let mut unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        let again = |file: &File| {
            let file = again(file).map_err(SourceError::Archive)?;
            Ok(Some(TarFile { file, path: None }))
        };
        if let Some(file) = unpacked.get(path) {
            return again(file);
        }
        let file = match path {
            ArchivePath::StandardInput if io::stdin().is_terminal() => return Err(SourceError::Terminal),
            ArchivePath::StandardInput => match store {
                Some(store) => self.unpack(path, None, &mut io::stdin().lock(), store)?,
                None => return Ok(None),
            },
            ArchivePath::File(file) => match (open(file)?, store) {
                ((archive, None), _) => return Ok(Some(TarFile { file: archive, path: Some(file.clone()) })),
                ((mut archive, Some(compression)), Some(store)) => {
                    self.unpack(path, Some(compression), &mut archive, store)?
                }
                (_, None) => return Ok(None),
            },
        };
        let opened = again(&file);
        unpacked.insert(path.clone(), file);
        opened
    }

    /// Copies a stream into a file. How it is compressed shows when it begins, unless it is known.
    fn unpack(
        &self,
        path: &ArchivePath,
        known: Option<Compression>,
        stream: &mut dyn Read,
        store: &BlobStore,
    ) -> Result<File, SourceError> {
        let progress = self.console.progress(format!("Unpacking {}", path.name()), None);
        let mut stream = progress.reader(stream);
        let start = first_block(&mut stream).map_err(SourceError::reading)?;
        let compression = match known {
            Some(known) => Some(known),
            None => Compression::of_archive(ContentKind::of(&start))?,
        };
        let stream = io::Cursor::new(start).chain(stream);
        let mut content: Box<dyn Read + '_> = match compression {
            Some(compression) => Box::new(compression.unpack(stream).map_err(SourceError::reading)?),
            None => Box::new(stream),
        };
        let mut file = store.temporary_file()?;
        let failed = |source| store.failed(source);
        let mut buffer = vec![0; CHUNK];
        loop {
            match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => file.write_all(&buffer[..read]).map_err(failed)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SourceError::reading(error)),
            }
        }
        progress.finish();
        Ok(file)
    }
}

/// A file, and how it is compressed.
pub(super) fn open(path: &Path) -> Result<(File, Option<Compression>), SourceError> {
    let opened = || {
        let (mut file, _) = regular::open(path)?;
        let kind = ContentKind::of(&first_block(&mut file)?);
        file.rewind()?;
        Ok((file, kind))
    };
    let (file, kind) = opened().map_err(SourceError::read(path))?;
    Ok((file, Compression::of_archive(kind)?))
}

/// Another handle of a file, which is rewound: they share its position.
fn again(file: &File) -> io::Result<File> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    Ok(file)
}
