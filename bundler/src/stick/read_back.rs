use super::file_recorder::{CHUNK, FileRecord};
use landfall_console::Progress;
use landfall_manifests::Digest;
use rustix::fs::{Advice, OFlags};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// What reading around the kernel's cache asks of buffers and offsets, in bytes: at most a page (open(2), "O_DIRECT").
const ALIGNMENT: usize = 4096;

/// A file that does not come back from the medium as it was written: the first place where it does not.
#[derive(Debug)]
pub(crate) struct Fault {
    name: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// It cannot be read at this offset.
    Unreadable(u64, io::Error),
    /// It has another size, in bytes.
    Size { found: u64, expected: u64 },
    /// The byte at this offset is another one; so are others in as many bytes.
    Differs { offset: u64, bytes: u64 },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.kind {
            Kind::Unreadable(offset, error) => write!(f, "{name} cannot be read back at offset {offset}: {error}"),
            Kind::Size { found, expected } => {
                write!(f, "{name} came back with {found} bytes, and {expected} were written")
            }
            Kind::Differs { offset, bytes } => write!(
                f,
                "{name} came back changed, first at offset {offset} ({} of its {CHUNK}-byte pieces differ)",
                bytes.div_ceil(CHUNK as u64)
            ),
        }
    }
}

/// Reads a file of `folder` back from the medium. `written` gives what was written, by offset and length in bytes: a chunk
/// that differs is compared with it, to find the first byte that differs.
pub(crate) fn read_back(
    folder: &Path,
    record: &FileRecord,
    written: &mut dyn FnMut(u64, usize) -> io::Result<Vec<u8>>,
    progress: &Progress,
) -> Result<(), Fault> {
    let fault = |kind| Fault { name: record.name.clone(), kind };
    let unreadable = |offset| move |error| fault(Kind::Unreadable(offset, error));
    let path = folder.join(&record.name);
    let mut source = Uncached::open(&path).map_err(unreadable(0))?;
    // The size first: a shorter file would only show as unreadable.
    let found = source.file.metadata().map_err(unreadable(0))?.len();
    if found != record.size {
        return Err(fault(Kind::Size { found, expected: record.size }));
    }
    let mut first = None;
    let mut wrong = 0;
    // All of it is read, also after a first difference: how much is
    // wrong tells a worn spot from a stick that lies about its size.
    for (index, digest) in record.chunks.iter().enumerate() {
        let offset = (index * CHUNK) as u64;
        let length = usize::try_from(record.size - offset).unwrap_or(CHUNK).min(CHUNK);
        let found = source.chunk(offset, length).map_err(unreadable(offset))?;
        progress.add(length as u64);
        if Digest::of(found) != *digest {
            wrong += length as u64;
            first = first.or_else(|| Some(offset + difference(found, digest, || written(offset, length))));
        }
    }
    match first {
        None => Ok(()),
        Some(offset) => Err(fault(Kind::Differs { offset, bytes: wrong })),
    }
}

/// Where a chunk begins to differ from what was written; its beginning, if that cannot be had any more.
fn difference(found: &[u8], digest: &Digest, written: impl FnOnce() -> io::Result<Vec<u8>>) -> u64 {
    let written = written().ok().filter(|written| Digest::of(written) == *digest);
    let at = written.and_then(|written| written.iter().zip(found).position(|(written, found)| written != found));
    at.unwrap_or_default() as u64
}

/// Reads from the medium and not from the kernel's memory, where the file system can do so.
struct Uncached<'a> {
    path: &'a Path,
    file: File,
    is_direct: bool,
    buffer: Vec<u8>,
    start: usize,
}

impl<'a> Uncached<'a> {
    fn open(path: &'a Path) -> io::Result<Self> {
        let direct = i32::try_from(OFlags::DIRECT.bits()).unwrap_or_default();
        let opened = File::options().read(true).custom_flags(direct).open(path);
        let is_direct = opened.is_ok();
        let file = opened.or_else(|_| cached(path))?;
        // With room to begin at an aligned address in it.
        let buffer = vec![0; CHUNK + ALIGNMENT];
        // `align_offset` may give up: a direct read then fails, and the cache is read through.
        let start = buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Ok(Self { path, file, is_direct, buffer, start })
    }

    /// The `length` bytes at `offset`, which must be there.
    fn chunk(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let buffer = &mut self.buffer[self.start..self.start + CHUNK];
        let mut filled = 0;
        while filled < length {
            // The whole buffer is asked for: direct reading knows no half blocks.
            match self.file.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Some file systems take the flag at open(2) and refuse it at read(2).
                Err(error) if self.is_direct && error.kind() == io::ErrorKind::InvalidInput => {
                    self.file = cached(self.path)?;
                    self.is_direct = false;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(&buffer[..length])
    }
}

/// The file, read through the kernel's cache, which forgets first what it has.
fn cached(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    // Only advice.
    let _ = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
    Ok(file)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::stick::FileRecorder;
    use std::fs;

    /// A file of `content` with its record.
    fn recorded(folder: &Path, content: &[u8]) -> FileRecord {
        let mut recorder = FileRecorder::create(folder, "file", 0o644).unwrap();
        recorder.write_all(content).unwrap();
        recorder.finish().unwrap()
    }

    fn outcome(content: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let record = recorded(folder.path(), content);
        let mut changed = content.to_vec();
        change(&mut changed);
        fs::write(folder.path().join("file"), changed).unwrap();
        let mut written = |offset, length| {
            let offset = usize::try_from(offset).unwrap();
            Ok(content[offset..offset + length].to_vec())
        };
        read_back(folder.path(), &record, &mut written, &Progress::hidden()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_faithful_medium_passes() {
        for size in [0, 1, 511, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5] {
            assert_eq!(outcome(&vec![7; size], |_| ()), Ok(()), "{size}");
        }
    }

    #[test]
    fn the_first_byte_that_differs_is_named() {
        let content = vec![7; 3 * CHUNK + 5];
        for at in [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 77, content.len() - 1] {
            let message = outcome(&content, |bytes| bytes[at] ^= 1).unwrap_err();
            assert_eq!(
                message,
                format!("file came back changed, first at offset {at} (1 of its 1048576-byte pieces differ)")
            );
        }
        let message = outcome(&content, |bytes| bytes[CHUNK + 3..].fill(0)).unwrap_err();
        assert!(message.contains("offset 1048579 (3 of its"), "{message}");
        let message = outcome(&content, |bytes| bytes.truncate(9)).unwrap_err();
        assert!(message.contains("9 bytes, and 3145733 were written"), "{message}");
    }

    #[test]
    fn a_file_that_went_away_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let record = recorded(folder.path(), b"x");
        fs::remove_file(folder.path().join("file")).unwrap();
        let fault = read_back(folder.path(), &record, &mut |_, _| Ok(Vec::new()), &Progress::hidden()).unwrap_err();
        assert!(fault.to_string().starts_with("file cannot be read back at offset 0"), "{fault}");
    }
}
