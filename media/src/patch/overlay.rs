//! Which of a bundle's bytes are read from a patch.

use landfall_manifests::{Bundle, Entry};

/// The ranges of a bundle that a patch replaces, in order.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    pieces: Vec<Piece>,
}

/// An entry that the patch replaces.
#[derive(Debug)]
struct Piece {
    /// Its offset in the bundle, in bytes.
    offset: u64,
    /// What it takes in the archive, in bytes.
    bytes: u64,
    /// Its offset in the patch.
    in_patch: u64,
    /// Its header.
    header: Box<[u8; 512]>,
}

/// Where a byte of the bundle comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin<'a> {
    /// From the bundle, and so do as many bytes from there on.
    Bundle(u64),
    /// From the patch, at this offset, and as many from there on.
    Patch { offset: u64, bytes: u64 },
    /// From a header of the patch, which was read and compared when the patch was opened: these bytes.
    Header(&'a [u8]),
}

impl Piece {
    fn new(entry: &Entry, in_patch: u64) -> Self {
        let (offset, bytes) = (entry.offset, entry.archive_bytes());
        Self { offset, bytes, in_patch, header: Box::new(entry.header()) }
    }
}

impl Overlay {
    /// The overlay for `bundle` of a patch whose entries are `held`, with their offsets in the patch.
    pub(crate) fn new(bundle: &Bundle, held: &[Entry]) -> Self {
        // Both are in the manifest's order, so one pass over them finds all pairs.
        let mut held = held.iter().peekable();
        let place =
            |entry: &Entry| held.next_if(|held| held.name == entry.name).map(|held| Piece::new(entry, held.offset));
        Self { pieces: bundle.entries().iter().filter_map(place).collect() }
    }

    /// Whether the entry comes from the patch.
    pub(crate) fn holds(&self, entry: &Entry) -> bool {
        self.pieces.binary_search_by_key(&entry.offset, |piece| piece.offset).is_ok()
    }

    /// Where the byte at `offset` of the bundle comes from.
    pub(crate) fn origin(&self, offset: u64) -> Origin<'_> {
        // The last piece that begins at or before `offset` is the only one that can hold it.
        let next = self.pieces.partition_point(|piece| piece.offset <= offset);
        let piece = next.checked_sub(1).and_then(|at| self.pieces.get(at));
        let piece = piece.map(|piece| (piece, offset - piece.offset)).filter(|(piece, at)| *at < piece.bytes);
        let Some((piece, at)) = piece else {
            let until = self.pieces.get(next).map_or(u64::MAX, |piece| piece.offset);
            return Origin::Bundle(until - offset);
        };
        match usize::try_from(at).ok().and_then(|at| piece.header.get(at..)).filter(|rest| !rest.is_empty()) {
            Some(rest) => Origin::Header(rest),
            // Behind the header, content and padding lie in the patch as they would in the bundle.
            None => Origin::Patch { offset: piece.in_patch.saturating_add(at), bytes: piece.bytes - at },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use landfall_manifests::{Digest, archive};

    fn entry(name: &str, size: u64, offset: u64) -> Entry {
        Entry { name: name.to_owned(), digest: Digest::of(name.as_bytes()), size, offset, is_blob: true }
    }

    #[test]
    fn each_byte_has_one_origin() {
        let (one, two) = (entry("one", 600, 1024), entry("two", 1, 4096));
        let overlay = Overlay { pieces: vec![Piece::new(&one, 512), Piece::new(&two, 2048)] };
        let header = archive::header("one", 600);
        for (offset, expected) in [
            (0, Origin::Bundle(1024)),
            (1023, Origin::Bundle(1)),
            (1024, Origin::Header(&header)),
            (1535, Origin::Header(&header[511..])),
            (1536, Origin::Patch { offset: 1024, bytes: 1024 }),
            (2559, Origin::Patch { offset: 2047, bytes: 1 }),
            (2560, Origin::Bundle(1536)),
            (4608, Origin::Patch { offset: 2560, bytes: 512 }),
            (5120, Origin::Bundle(u64::MAX - 5120)),
            (u64::MAX, Origin::Bundle(0)),
        ] {
            assert_eq!(overlay.origin(offset), expected, "{offset}");
        }
        assert_eq!(Overlay::default().origin(7), Origin::Bundle(u64::MAX - 7));
    }
}
