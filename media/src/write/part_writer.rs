use landfall_host::durable;
use landfall_manifests::parts::part_name;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

/// What the file is called while it is written, or its parts with their numbers.
const NAME: &str = "bundle";

/// Writes a bundle into one new file, or into parts, the last of which may be smaller.
#[derive(Debug)]
pub struct PartWriter {
    folder: PathBuf,
    part_size: Option<u64>,
    paths: Vec<PathBuf>,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    file: File,
    /// How many more bytes it takes.
    room: u64,
}

impl PartWriter {
    /// A writer of new files in `folder`: of parts of `part_size` bytes, which is not 0, or of one file.
    pub(super) fn new(folder: &Path, part_size: Option<u64>) -> Self {
        Self { folder: folder.to_owned(), part_size, paths: Vec::new(), current: None }
    }

    /// Copies the first `size` bytes of `content`, or as many as there are, by `copy_file_range(2)`, which `io::copy` uses between
    /// files. Returns how many were copied.
    ///
    /// # Errors
    /// `content` cannot be read, or a part cannot be written.
    pub fn copy_from(&mut self, content: &File, size: u64) -> io::Result<u64> {
        let mut copied = 0;
        while copied < size {
            let mut part = self.current()?;
            let wanted = part.room.min(size - copied);
            let written = io::copy(&mut content.take(wanted), &mut part.file)?;
            part.room -= written;
            self.keep(part)?;
            copied += written;
            // The content has ended before `size`; the caller compares.
            if written < wanted {
                break;
            }
        }
        Ok(copied)
    }

    /// Makes the last file durable, as each was when it was full. Returns the paths of all files, in order.
    ///
    /// # Errors
    /// The file cannot be synced.
    pub(super) fn finish(mut self) -> io::Result<Vec<PathBuf>> {
        if let Some(part) = self.current.take() {
            durable(&part.file)?;
        }
        Ok(self.paths)
    }

    /// Takes out the file that is written to, or creates the next one.
    fn current(&mut self) -> io::Result<Current> {
        if let Some(part) = self.current.take() {
            return Ok(part);
        }
        let number = u32::try_from(self.paths.len()).unwrap_or(u32::MAX).saturating_add(1);
        let (name, room) = match self.part_size {
            None => (NAME.to_owned(), u64::MAX),
            Some(size) => (part_name(NAME, number), size),
        };
        let path = self.folder.join(name);
        // O_EXCL: a link that somebody put into a shared folder under this name is not followed (open(2)).
        let file = File::create_new(&path)?;
        self.paths.push(path);
        Ok(Current { file, room })
    }

    /// Puts it back. A full one is synced, so that the disk works on it while the next is written.
    fn keep(&mut self, part: Current) -> io::Result<()> {
        if part.room == 0 {
            return durable(&part.file);
        }
        self.current = Some(part);
        Ok(())
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut part = self.current()?;
        // Up to the part's end; `write_all` comes again with the rest, for the next part.
        let taken = bytes.len().min(usize::try_from(part.room).unwrap_or(usize::MAX));
        let written = part.file.write(&bytes[..taken])?;
        part.room -= written as u64;
        self.keep(part)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn durable(file: &File) -> io::Result<()> {
    durable::make_readable(file)?;
    file.sync_all()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::io::Seek as _;

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
            let mut content = tempfile::tempfile().unwrap();
            content.write_all(b"cdefg").unwrap();
            content.rewind().unwrap();
            let mut files = PartWriter::new(folder.path(), part_size);
            files.write_all(b"ab").unwrap();
            assert_eq!(files.copy_from(&content, 5).unwrap(), 5);
            assert_eq!(files.copy_from(&content, 5).unwrap(), 0, "no more than there is");
            files.write_all(b"h").unwrap();
            let paths = files.finish().unwrap();
            let found: Vec<String> = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
            assert_eq!(found, expected);
        }
    }
}
