use landfall_host::durable;
use landfall_manifests::{limits, parts::part_name};
use rustix::fs::{Advice, fadvise};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What the file is called while it is written, or its parts with their numbers.
pub(super) const NAME: &str = "bundle";
/// How much is moved at once, in bytes.
const CHUNK: usize = 256 << 10;
/// How much is written, in bytes, before the disk begins with it.
const WRITEBACK: u64 = 8 << 20;

/// A bundle that is being written: one new file, or parts, the last of which may be smaller. Any byte may be written at any time, also
/// by several threads.
#[derive(Debug)]
pub struct PartFiles {
    folder: PathBuf,
    part_size: Option<u64>,
    open: Mutex<Open>,
}

/// The files of a bundle that the disk has: nothing else takes the place of an older one.
#[derive(Debug)]
pub struct DurableFiles {
    /// The folder that they are in.
    pub(super) folder: PathBuf,
    /// In order.
    pub(super) paths: Vec<PathBuf>,
}

/// The parts that were created, one of which is open: there may be more of them than a process can have open.
#[derive(Debug, Default)]
struct Open {
    created: usize,
    last: Option<(usize, Arc<File>)>,
}

impl PartFiles {
    /// New files in `folder`: parts of `part_size` bytes, which is not 0, or one file.
    pub(super) fn new(folder: &Path, part_size: Option<u64>) -> Self {
        Self { folder: folder.to_owned(), part_size, open: Mutex::default() }
    }

    /// A writer from `offset` on.
    pub fn writer_at(self: &Arc<Self>, offset: u64) -> PartWriter {
        PartWriter { files: Arc::clone(self), offset, begun: offset }
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// A part cannot be created or written.
    pub fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let (part, at, room) = self.locate(offset);
            let (piece, rest) = bytes.split_at(bytes.len().min(room));
            self.part(part)?.write_all_at(piece, at)?;
            offset += piece.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// Fills `bytes` with what was written at `offset`.
    ///
    /// # Errors
    /// A part cannot be read, or ends before.
    pub fn read_exact_at(&self, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let (part, at, room) = self.locate(offset);
            let (piece, rest) = bytes.split_at_mut(bytes.len().min(room));
            self.part(part)?.read_exact_at(piece, at)?;
            offset += piece.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// Has the disk begin with what was written from `from` to `to`, so that little is left to wait for in the end: the kernel itself would
    /// leave it for half a minute. What is told to be needed no more is written at once, and stays in memory meanwhile (Linux,
    /// `mm/fadvise.c`).
    ///
    /// # Errors
    /// A part cannot be opened.
    fn begin_writeback(&self, mut from: u64, to: u64) -> io::Result<()> {
        while from < to {
            let (part, at, room) = self.locate(from);
            let piece = (to - from).min(u64::try_from(room).unwrap_or(u64::MAX));
            // Advice only: a file system that does not take it writes in the end.
            let _ = fadvise(self.part(part)?, at, NonZeroU64::new(piece), Advice::DontNeed);
            from += piece;
        }
        Ok(())
    }

    /// Moves `size` bytes at `from` towards the beginning, to `to`.
    ///
    /// # Errors
    /// A part cannot be read or written.
    pub fn move_back(&self, from: u64, to: u64, size: u64) -> io::Result<()> {
        let mut moved = 0;
        let mut buffer = vec![0; CHUNK];
        while moved < size {
            let chunk = usize::try_from(size - moved).unwrap_or(CHUNK).min(CHUNK);
            self.read_exact_at(&mut buffer[..chunk], from + moved)?;
            self.write_all_at(&buffer[..chunk], to + moved)?;
            moved += chunk as u64;
        }
        Ok(())
    }

    /// Cuts off what is behind the first `size` bytes, which is not 0.
    ///
    /// # Errors
    /// A part cannot be cut off or removed.
    pub fn truncate(&self, size: u64) -> io::Result<()> {
        let (last, at, _) = self.locate(size - 1);
        self.part(last)?.set_len(at + 1)?;
        let mut open = self.lock();
        while open.created > last + 1 {
            fs::remove_file(self.path(open.created - 1))?;
            open.created -= 1;
        }
        Ok(())
    }

    /// Makes all files durable.
    ///
    /// # Errors
    /// A file cannot be synced.
    pub fn finish(&self) -> io::Result<DurableFiles> {
        let created = self.lock().created;
        for part in 0..created {
            let file = self.part(part)?;
            durable::make_readable(&file)?;
            file.sync_all()?;
        }
        Ok(DurableFiles { folder: self.folder.clone(), paths: (0..created).map(|part| self.path(part)).collect() })
    }

    /// The part that the byte at `offset` is in, where it is there, and how many bytes the part takes from there on.
    fn locate(&self, offset: u64) -> (usize, u64, usize) {
        let Some(size) = self.part_size else { return (0, offset, usize::MAX) };
        // What no part can be named for goes into one more: whoever asked for such parts is told how large a bundle they are too small for.
        let excess = u64::from(limits::PARTS);
        let part = (offset / size).min(excess);
        let at = offset - part * size;
        let room = if part == excess { u64::MAX } else { size - at };
        (usize::try_from(part).unwrap_or(usize::MAX), at, usize::try_from(room).unwrap_or(usize::MAX))
    }

    /// The file of a part, which is created if it is not there, and all before it.
    fn part(&self, part: usize) -> io::Result<Arc<File>> {
        let mut open = self.lock();
        if let Some((_, file)) = open.last.as_ref().filter(|(last, _)| *last == part) {
            return Ok(Arc::clone(file));
        }
        while open.created <= part {
            // O_EXCL: a link that somebody put into a shared folder under this name is not followed (open(2)).
            File::create_new(self.path(open.created))?;
            open.created += 1;
        }
        let file = Arc::new(OpenOptions::new().read(true).write(true).open(self.path(part))?);
        open.last = Some((part, Arc::clone(&file)));
        Ok(file)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, part: usize) -> PathBuf {
        let number = u32::try_from(part).unwrap_or(u32::MAX).saturating_add(1);
        self.folder.join(self.part_size.map_or_else(|| NAME.to_owned(), |_| part_name(NAME, number)))
    }
}

/// Writes a bundle's files from one offset on.
#[derive(Debug, Clone)]
pub struct PartWriter {
    files: Arc<PartFiles>,
    offset: u64,
    /// Where what the disk has not begun with begins.
    begun: u64,
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.files.write_all_at(bytes, self.offset)?;
        self.offset += bytes.len() as u64;
        if self.offset - self.begun >= WRITEBACK {
            self.files.begin_writeback(self.begun, self.offset)?;
            self.begun = self.offset;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn contents(files: &PartFiles) -> Vec<String> {
        files.finish().unwrap().paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    #[test]
    fn bytes_go_on_in_the_next_part() {
        for (part_size, expected) in [
            (None, &["abcdefgh"][..]),
            (Some(3), &["abc", "def", "gh"]),
            (Some(4), &["abcd", "efgh"]),
            (Some(8), &["abcdefgh"]),
            (Some(1), &["a", "b", "c", "d", "e", "f", "g", "h"]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let files = Arc::new(PartFiles::new(folder.path(), part_size));
            // In no order, and over bytes that were there already.
            files.write_all_at(b"xyzh..", 4).unwrap();
            files.writer_at(2).write_all(b"cdefg").unwrap();
            files.write_all_at(b"ab", 0).unwrap();
            let mut read = [0; 4];
            files.read_exact_at(&mut read, 2).unwrap();
            assert_eq!(&read, b"cdef");
            files.truncate(8).unwrap();
            assert_eq!(contents(&files), expected);
        }
    }

    #[test]
    fn bytes_move_over_those_before_them() {
        for part_size in [None, Some(5), Some(1 << 18)] {
            let folder = tempfile::tempdir().unwrap();
            let size = if part_size == Some(5) { 1000 } else { 3 * CHUNK };
            let bytes: Vec<u8> = (b'a'..=b'z').cycle().take(size).collect();
            let files = Arc::new(PartFiles::new(folder.path(), part_size));
            files.write_all_at(&[b"1234567", &bytes[..]].concat(), 0).unwrap();
            files.move_back(7, 3, size as u64).unwrap();
            files.truncate(3 + size as u64).unwrap();
            assert!(contents(&files).concat().into_bytes() == [b"123", &bytes[..]].concat(), "{part_size:?}");
        }
    }

    #[test]
    fn what_no_part_can_be_named_for_is_in_one_more() {
        let folder = tempfile::tempdir().unwrap();
        let files = PartFiles::new(folder.path(), Some(1));
        files.write_all_at(&[b'a'; 1200], 0).unwrap();
        let contents = contents(&files);
        assert_eq!((contents.len(), contents[998].len(), contents[999].len()), (1000, 1, 201));
    }
}
