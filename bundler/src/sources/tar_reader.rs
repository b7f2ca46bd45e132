//! Tar archives whose headers are limited: names and pax headers are taken into memory whole, and a compressed archive can
//! have as many of them as it likes, and make them as long.

use super::SourceError;
use landfall_console::Size;
use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

/// All headers of an archive, with what pads its entries, in bytes: an entry takes about 1 KiB, and an image a few hundred
/// entries.
pub(super) const HEADER_BYTES: u64 = 32 << 20;

type Entry<'a, R> = tar::Entry<'a, Bounded<R>>;

/// How an archive ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With blocks of zeros, as POSIX wants it (POSIX.1-2017 `pax`, "ustar Interchange Format").
    Marked,
    /// With its file. Something may be missing.
    Unmarked,
}

/// A tar archive.
pub(super) struct TarReader<R: Read> {
    archive: tar::Archive<Bounded<R>>,
    state: Rc<State>,
}

impl<R: Read> TarReader<R> {
    pub(super) fn new(inner: R) -> Self {
        let state = Rc::new(State { left: Cell::new(HEADER_BYTES), ..State::default() });
        Self { archive: tar::Archive::new(Bounded { inner, state: Rc::clone(&state) }), state }
    }

    /// Shows each entry to `see`, and reads on past what it leaves.
    pub(super) fn read(
        &mut self,
        mut see: impl FnMut(&mut Entry<'_, R>) -> Result<(), SourceError>,
    ) -> Result<End, SourceError> {
        let see_all = |entry: &mut Entry<'_, R>| {
            see(entry)?;
            // Read up here, while the limit is suspended: content is no header.
            io::copy(entry, &mut io::sink()).map(drop).map_err(SourceError::reading)
        };
        walk(self.archive.entries(), &self.state, see_all)
    }

    /// Shows each entry to `see`, and seeks past what it leaves.
    pub(super) fn seek(
        &mut self,
        see: impl FnMut(&mut Entry<'_, R>) -> Result<(), SourceError>,
    ) -> Result<End, SourceError>
    where
        R: Seek,
    {
        walk(self.archive.entries_with_seek(), &self.state, see)
    }
}

fn walk<R: Read>(
    entries: io::Result<tar::Entries<'_, Bounded<R>>>,
    state: &State,
    mut see: impl FnMut(&mut Entry<'_, R>) -> Result<(), SourceError>,
) -> Result<End, SourceError> {
    let mut entries = entries.map_err(|error| state.explain(error))?;
    loop {
        // Headers count, and what is skipped between entries; an entry's content does not while it is shown.
        state.is_suspended.set(false);
        let Some(entry) = entries.next() else { return Ok(state.end()) };
        state.is_suspended.set(true);
        see(&mut entry.map_err(|error| state.explain(error))?)?;
    }
}

/// What is known of a stream below an archive.
#[derive(Debug, Default)]
struct State {
    /// How many bytes may still be read; the content of entries, while they are shown, does not count.
    left: Cell<u64>,
    is_suspended: Cell<bool>,
    has_failed: Cell<bool>,
    has_ended: Cell<bool>,
}

impl State {
    fn end(&self) -> End {
        if self.has_ended.get() { End::Unmarked } else { End::Marked }
    }

    /// The error in words of the archive: the library's own tell how it parses.
    fn explain(&self, error: io::Error) -> SourceError {
        if self.has_failed.get() {
            SourceError::reading(error)
        } else if self.has_ended.get() {
            SourceError::CutOff
        } else if self.left.get() == 0 {
            SourceError::TooLarge { what: "the sum of its headers".to_owned(), limit: Size(HEADER_BYTES) }
        } else {
            SourceError::NotTar
        }
    }
}

/// A stream that fails once its limit is read up.
pub(super) struct Bounded<R> {
    inner: R,
    state: Rc<State>,
}

impl<R: Read> Bounded<R> {
    fn read_inner(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        match &read {
            Ok(0) if !buffer.is_empty() => self.state.has_ended.set(true),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => self.state.has_failed.set(true),
            _ => {}
        }
        read
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.state.is_suspended.get() {
            return self.read_inner(buffer);
        }
        let left = self.state.left.get();
        if left == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // Never more than is left, so that the limit is met exactly.
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.read_inner(&mut buffer[..most])?;
        self.state.left.set(left - read as u64);
        Ok(read)
    }
}

impl<R: Seek> Seek for Bounded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::io::Cursor;
    use tar::{Builder, EntryType, Header};

    fn archive(entries: impl IntoIterator<Item = (EntryType, Vec<u8>)>) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (kind, content) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, "name", content.as_slice()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    /// A large file, a header of `kind` and `size` for the next file, and that file.
    fn with_header(kind: EntryType, size: usize) -> Vec<u8> {
        let file = |size| (EntryType::Regular, vec![1; size]);
        archive([file(40 << 20), (kind, vec![b'a'; size]), file(7)])
    }

    fn names(archive: &[u8], by_seeking: bool) -> Result<Vec<usize>, SourceError> {
        let mut names = Vec::new();
        let see = |entry: &mut Entry<'_, Cursor<&[u8]>>| {
            names.push(entry.path_bytes().len());
            Ok(())
        };
        let mut reader = TarReader::new(Cursor::new(archive));
        if by_seeking {
            reader.seek(see)?;
        } else {
            reader.read(see)?;
        }
        Ok(names)
    }

    #[test]
    fn takes_long_names_and_large_files_but_no_endless_headers() {
        let many = archive((0..40_000).map(|_| (EntryType::Regular, vec![1])));
        for by_seeking in [false, true] {
            assert_eq!(names(&with_header(EntryType::GNULongName, 4096), by_seeking).unwrap(), [4, 4096]);
            for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader] {
                let refused = names(&with_header(kind, 33 << 20), by_seeking);
                assert!(matches!(refused, Err(SourceError::TooLarge { .. })), "{kind:?}");
            }
        }
        assert!(matches!(names(&many, false), Err(SourceError::TooLarge { .. })));
    }

    #[test]
    fn tells_a_cut_archive_from_one_that_is_none() {
        let whole = archive([(EntryType::Regular, vec![1; 1000]), (EntryType::Regular, vec![1; 1000])]);
        let end = |bytes: &[u8]| {
            let by_reading = TarReader::new(Cursor::new(bytes)).read(|_| Ok(()));
            let by_seeking = TarReader::new(Cursor::new(bytes)).seek(|_| Ok(()));
            [by_reading, by_seeking].map(|end| end.map_err(|error| error.to_string()))
        };
        let cut = || Err("the archive is cut off".to_owned());
        assert_eq!(end(&whole), [Ok(End::Marked), Ok(End::Marked)]);
        assert_eq!(end(&whole[..2 * 1536]), [Ok(End::Unmarked), Ok(End::Unmarked)]);
        assert_eq!(end(&whole[..1536 + 700]), [cut(), Ok(End::Unmarked)], "in the second one's content");
        assert_eq!(end(&whole[..1536 + 100]), [cut(), cut()], "in the second one's header");
        let none = || Err("it is no tar archive".to_owned());
        assert_eq!(end(&[b'x'; 2048]), [none(), none()]);
    }
}
