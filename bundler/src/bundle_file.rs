//! Bundles that exist: opened, and read by several threads at once.

use crate::regular;
use landfall_console::Progress;
use landfall_manifests::{Bundle, Entry, Head, ReadError};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write};
use std::num::NonZero;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bundle cannot be opened, or is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    #[error("the bundle {} cannot be read", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{}", path.display())]
    Refused { path: PathBuf, source: ReadError },
}

/// A bundle's file, of which the head has been read.
#[derive(Debug)]
pub(crate) struct BundleFile {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) head: Head,
    /// The size of the file in bytes.
    pub(crate) size: u64,
    /// Where the first entry after the signatures has its content.
    pub(crate) first_content: u64,
}

impl BundleFile {
    /// Opens a bundle and reads its manifest and its signatures, without believing them.
    pub(crate) fn open(path: &Path) -> Result<Self, BundleError> {
        let cannot = |source| BundleError::Open { path: path.to_owned(), source };
        let (file, metadata) = regular::open(path).map_err(cannot)?;
        let size = metadata.len();
        let mut buffered = BufReader::new(&file);
        let head =
            Head::read(&mut buffered).map_err(|source| BundleError::Refused { path: path.to_owned(), source })?;
        let first_content = buffered.stream_position().map_err(cannot)?;
        Ok(Self { path: path.to_owned(), file, head, size, first_content })
    }

    /// The error of this bundle.
    pub(crate) fn refused(&self, source: ReadError) -> BundleError {
        BundleError::Refused { path: self.path.clone(), source }
    }

    /// A reader of the bundle from `offset` on.
    pub(crate) fn reader(&self, offset: u64) -> io::Result<impl Read + use<>> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(file)
    }
}

/// Holds every entry of a bundle against its digest, several at once. Of several faults the first in the file is reported.
pub(crate) fn check_entries(bundle: &Bundle, file: &File, progress: &Progress) -> Result<(), ReadError> {
    let next = AtomicUsize::new(0);
    let first_fault: Mutex<Option<(u64, ReadError)>> = Mutex::new(None);
    let work = || {
        while let Some(entry) = bundle.entries().get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = check_entry(entry, file, progress) {
                let mut fault = first_fault.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if fault.as_ref().is_none_or(|(offset, _)| entry.offset < *offset) {
                    *fault = Some((entry.offset, error));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        for _ in 1..threads.min(bundle.entries().len()) {
            scope.spawn(work);
        }
        work();
    });
    match first_fault.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => check_end(bundle, file),
    }
}

fn check_entry(entry: &Entry, file: &File, progress: &Progress) -> Result<(), ReadError> {
    entry.read(&mut At { file, offset: entry.offset }, &mut Count(progress))
}

fn check_end(bundle: &Bundle, file: &File) -> Result<(), ReadError> {
    let offset = bundle.size().saturating_sub(landfall_manifests::archive::END_BYTES);
    bundle.check_end(&mut At { file, offset })
}

/// Reads at its own position, so that threads can share a file.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// Counts what passes the check.
struct Count<'a>(&'a Progress);

impl Write for Count<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
