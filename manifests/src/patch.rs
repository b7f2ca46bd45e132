//! A patch: a bundle that holds only some of its blobs, to replace those that arrived damaged.
//!
//! It begins like the bundle that it repairs, with the same manifest and the same signatures, by which it is verified as well.
//! Then come the files of the image layout, the requested blobs in the manifest's order, and the same end. Its headers are
//! compared like a bundle's: each must be the one that is computed for an entry that the manifest lists further on.
//! [`crate::Writer::begin_patch`] writes one.

use crate::exact_read::read_exact;
use crate::{Bundle, Entry, ReadError};
use std::io::{self, Read};

/// The entries of a patch, with their offsets *in it*: the image layout's, and the blobs that it holds.
///
/// `bundle` is what the patch's own head was verified into, and `read_at` reads the patch as `pread(2)` does: at an offset in
/// bytes, as many bytes as there are, none at the end. Only headers and the end are read: [`Entry::read`] compares
/// an entry's content with its digest.
pub fn entries(
    bundle: &Bundle,
    mut read_at: impl FnMut(u64, &mut [u8]) -> io::Result<usize>,
) -> Result<Vec<Entry>, ReadError> {
    let mut held: Vec<Entry> = Vec::new();
    let mut offset = bundle.entries().first().map_or(0, |entry| entry.offset);
    let mut later = bundle.entries().iter();
    while let Some(header) = header_at(offset, &mut read_at)? {
        // All layout files must come, and first. Of the blobs any may be left out: `find` passes those, so that the
        // order is the manifest's and none comes twice.
        let entry = match later.clone().next() {
            Some(layout) if !layout.is_blob => later.next().filter(|layout| layout.header() == header),
            _ => later.find(|blob| blob.header() == header),
        };
        let entry = entry.ok_or(ReadError::NotInManifest { offset })?;
        held.push(Entry { offset, ..entry.clone() });
        offset = offset.checked_add(entry.archive_bytes()).ok_or(ReadError::NotInManifest { offset })?;
    }
    // The end came before all files of the image layout had.
    if let Some(layout) = later.next().filter(|entry| !entry.is_blob) {
        return Err(ReadError::Header { entry: layout.name.clone(), offset });
    }
    crate::bundle::check_end(offset, &mut ReaderAt { offset, read_at: &mut read_at })?;
    Ok(held)
}

/// `error`, or [`ReadError::Patch`] if what was read as a bundle is a patch of it, which lacks blobs.
pub fn recognize_patch(
    error: ReadError,
    bundle: &Bundle,
    read_at: impl FnMut(u64, &mut [u8]) -> io::Result<usize>,
) -> ReadError {
    // Read as a bundle, a patch fails where its first blob is left out: at a header, or at the end.
    if !matches!(error, ReadError::Header { .. } | ReadError::Truncated { .. }) {
        return error;
    }
    let blobs = bundle.entries().iter().filter(|entry| entry.is_blob).count();
    match entries(bundle, read_at).map(|held| held.iter().filter(|entry| entry.is_blob).count()) {
        Ok(held) if held < blobs => ReadError::Patch { held, blobs },
        _ => error,
    }
}

/// The header at `offset`; `None` if there are zeros, which end an archive.
fn header_at(
    offset: u64,
    read_at: &mut impl FnMut(u64, &mut [u8]) -> io::Result<usize>,
) -> Result<Option<[u8; 512]>, ReadError> {
    let mut header = [0; 512];
    read_exact(&mut ReaderAt { offset, read_at }, &mut header, "the header of an entry", offset)?;
    Ok((header != [0; 512]).then_some(header))
}

/// A reader from `offset` on.
struct ReaderAt<'a, F> {
    offset: u64,
    read_at: &'a mut F,
}

impl<F: FnMut(u64, &mut [u8]) -> io::Result<usize>> Read for ReaderAt<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (self.read_at)(self.offset, buffer)?;
        self.offset = self.offset.saturating_add(read as u64);
        Ok(read)
    }
}
