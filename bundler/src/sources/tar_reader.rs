//! Tar archives whose headers are limited: names and pax headers are taken into memory whole, and a compressed archive can
//! have as many of them as it likes, and make them as long.

use super::SourceError;
use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

/// All headers of an archive, with what pads its entries, in bytes: an entry takes about 1 KiB, and an image a few hundred
/// entries.
const HEADER_BYTES: u64 = 32 << 20;

type Entry<'a, R> = tar::Entry<'a, Bounded<R>>;

/// A tar archive.
pub(super) struct TarReader<R: Read> {
    archive: tar::Archive<Bounded<R>>,
    limit: Rc<Limit>,
}

impl<R: Read> TarReader<R> {
    pub(super) fn new(inner: R) -> Self {
        let limit = Rc::new(Limit { left: Cell::new(HEADER_BYTES), is_suspended: Cell::new(false) });
        Self { archive: tar::Archive::new(Bounded { inner, limit: Rc::clone(&limit) }), limit }
    }

    /// Shows each entry to `see`, and reads on past what it leaves.
    pub(super) fn read(
        &mut self,
        mut see: impl FnMut(&mut Entry<'_, R>) -> Result<(), SourceError>,
    ) -> Result<(), SourceError> {
        let see_all = |entry: &mut Entry<'_, R>| {
            see(entry)?;
            // Read up here, while the limit is suspended: content is no header.
            io::copy(entry, &mut io::sink()).map(drop).map_err(SourceError::Archive)
        };
        walk(self.archive.entries(), &self.limit, see_all)
    }

    /// Shows each entry to `see`, and seeks past what it leaves.
    pub(super) fn seek(
        &mut self,
        see: impl FnMut(&mut Entry<'_, R>) -> Result<(), SourceError>,
    ) -> Result<(), SourceError>
    where
        R: Seek,
    {
        walk(self.archive.entries_with_seek(), &self.limit, see)
    }
}

fn walk<R: Read>(
    entries: io::Result<tar::Entries<'_, Bounded<R>>>,
    limit: &Limit,
    mut see: impl FnMut(&mut Entry<'_, R>) -> Result<(), SourceError>,
) -> Result<(), SourceError> {
    let mut entries = entries.map_err(SourceError::Archive)?;
    loop {
        // Headers count, and what is skipped between entries; an entry's content does not while it is shown.
        limit.is_suspended.set(false);
        let Some(entry) = entries.next() else { return Ok(()) };
        limit.is_suspended.set(true);
        see(&mut entry.map_err(SourceError::Archive)?)?;
    }
}

/// How many bytes may still be read; the content of entries, while they are shown, does not count.
#[derive(Debug)]
struct Limit {
    left: Cell<u64>,
    is_suspended: Cell<bool>,
}

/// A stream that fails once its limit is read up.
pub(super) struct Bounded<R> {
    inner: R,
    limit: Rc<Limit>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.limit.is_suspended.get() {
            return self.inner.read(buffer);
        }
        let left = self.limit.left.get();
        if left == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its headers are larger than 32 MiB together"));
        }
        // Never more than is left, so that the limit is met exactly.
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..most])?;
        self.limit.left.set(left - read as u64);
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
                assert!(matches!(refused, Err(SourceError::Archive(_))), "{kind:?}");
            }
        }
        assert!(matches!(names(&many, false), Err(SourceError::Archive(_))));
    }
}
