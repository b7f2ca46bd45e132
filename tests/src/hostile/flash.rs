//! What a stick keeps its files in: blocks, which it hands out as they are written to.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// The unit in which a stick keeps bytes: how many are lost, or overwritten, at once.
const BLOCK: u64 = 64 << 10;

/// How much a stick really keeps, in bytes, whatever size it reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// All that is written.
    Honest,
    /// What is written first; zeros come back in place of the rest.
    Forgets(u64),
    /// What was written last: it lies where the first lay.
    Wraps(u64),
}

/// The stick's memory.
#[derive(Debug)]
pub(super) struct Flash {
    capacity: Capacity,
    /// What is not there is zeros.
    blocks: HashMap<u64, Box<[u8]>>,
    /// How many blocks were handed out.
    used: u64,
}

/// A file: its size, and the blocks that it was given.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) size: u64,
    blocks: BTreeMap<u64, u64>,
}

impl Flash {
    pub(super) fn new(capacity: Capacity) -> Self {
        Self { capacity, blocks: HashMap::new(), used: 0 }
    }

    /// How many bytes were handed out.
    pub(super) fn used(&self) -> u64 {
        self.used * BLOCK
    }

    pub(super) fn write(&mut self, content: &mut Content, offset: u64, bytes: &[u8]) {
        content.size = content.size.max(offset + bytes.len() as u64);
        for (block, within, piece) in pieces(offset, bytes.len()) {
            let place = *content.blocks.entry(block).or_insert_with(|| {
                self.used += 1;
                self.used - 1
            });
            self.put(place, within, &bytes[piece]);
        }
    }

    /// At most `length` bytes from `offset` on; fewer at the end.
    pub(super) fn read(&self, content: &Content, offset: u64, length: usize) -> Vec<u8> {
        let length = usize::try_from(content.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(length);
        let mut bytes = vec![0; length];
        for (block, within, piece) in pieces(offset, length) {
            let place = content.blocks.get(&block).and_then(|place| self.place(*place));
            // A block that was never written, or was forgotten, is zeros.
            if let Some(kept) = place.and_then(|place| self.blocks.get(&place)) {
                bytes[piece].copy_from_slice(&kept[within]);
            }
        }
        bytes
    }

    /// Where the stick really keeps a block.
    fn place(&self, block: u64) -> Option<u64> {
        match self.capacity {
            Capacity::Honest => Some(block),
            Capacity::Forgets(bytes) => Some(block).filter(|block| *block < bytes / BLOCK),
            Capacity::Wraps(bytes) => Some(block % (bytes / BLOCK).max(1)),
        }
    }

    fn put(&mut self, block: u64, within: Range<usize>, bytes: &[u8]) {
        let Some(place) = self.place(block) else { return };
        // Gigabytes of zeros take no memory.
        if bytes.iter().any(|byte| *byte != 0) || self.blocks.contains_key(&place) {
            let size = usize::try_from(BLOCK).unwrap_or_default();
            let kept = self.blocks.entry(place).or_insert_with(|| vec![0; size].into_boxed_slice());
            kept[within].copy_from_slice(bytes);
        }
    }
}

/// `length` bytes from `offset` on, cut where blocks end: the block, the bytes in it, and which of all bytes they are.
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, Range<usize>, Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let start = usize::try_from(at % BLOCK).unwrap_or_default();
        let size = usize::try_from(BLOCK).unwrap_or_default().saturating_sub(start).min(length - done);
        let piece = done..done + size;
        done += size;
        (size > 0).then(|| (at / BLOCK, start..start + size, piece))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two files of three blocks each, written one after the other, as they come back.
    fn back(capacity: Capacity) -> [Vec<u8>; 2] {
        let mut flash = Flash::new(capacity);
        let size = usize::try_from(3 * BLOCK).unwrap_or_default();
        let written = [1, 2].map(|byte| {
            let mut content = Content::default();
            for (index, piece) in vec![byte; size].chunks(1000).enumerate() {
                flash.write(&mut content, index as u64 * 1000, piece);
            }
            content
        });
        written.map(|content| flash.read(&content, 0, usize::MAX))
    }

    #[test]
    fn a_stick_keeps_what_its_capacity_says() {
        let block = usize::try_from(BLOCK).unwrap_or_default();
        let blocks = |bytes: &[u8]| bytes.chunks(block).map(|chunk| (chunk[0], chunk[block - 1])).collect::<Vec<_>>();
        for (capacity, first, second) in [
            (Capacity::Honest, [1, 1, 1], [2, 2, 2]),
            (Capacity::Forgets(4 * BLOCK), [1, 1, 1], [2, 0, 0]),
            (Capacity::Wraps(4 * BLOCK), [2, 2, 1], [2, 2, 2]),
        ] {
            let both = |bytes: [u8; 3]| bytes.map(|byte| (byte, byte)).to_vec();
            let [one, two] = back(capacity);
            assert_eq!((blocks(&one), blocks(&two)), (both(first), both(second)), "{capacity:?}");
        }
    }

    #[test]
    fn reading_ends_where_the_file_does() {
        let (mut flash, mut content) = (Flash::new(Capacity::Honest), Content::default());
        flash.write(&mut content, BLOCK - 1, b"ab");
        assert_eq!(content.size, BLOCK + 1);
        assert_eq!(flash.read(&content, BLOCK - 2, 10), [0, b'a', b'b']);
        assert!(flash.read(&content, BLOCK + 1, 10).is_empty());
        assert_eq!(flash.used(), 2 * BLOCK);
    }
}
