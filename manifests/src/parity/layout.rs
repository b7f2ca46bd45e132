//! Where everything is in a parity file: a head, the checksums of the bundle's blocks, the recovery blocks; the checksums of these,
//! those of the bundle's blocks again, those of the recovery blocks again, and the head again.

use super::Geometry;

/// A page in bytes: the index is in pages, so that a bad sector takes one of them and no more.
pub const PAGE_BYTES: usize = 4096;
/// What a page begins with: magic, version, the page's number, and the digest of the bundle's manifest.
pub(super) const PREFIX_BYTES: usize = 56;
/// The checksum of a page, behind all else.
pub(super) const SUFFIX_BYTES: usize = 4;
/// How many checksums of blocks a page has room for.
pub(super) const CHECKSUMS: usize = (PAGE_BYTES - PREFIX_BYTES - SUFFIX_BYTES) / 4;

impl Geometry {
    /// How many pages have the checksums of the bundle's blocks.
    pub(super) fn block_pages(&self) -> u64 {
        self.blocks().div_ceil(CHECKSUMS as u64)
    }

    /// How many pages have the checksums of the recovery blocks.
    pub(super) fn recovery_pages(&self) -> u64 {
        self.recovery_blocks().div_ceil(CHECKSUMS as u64)
    }

    /// Where a recovery block begins in the parity file.
    pub fn recovery_offset(&self, stripe: u64, number: u64) -> u64 {
        let block = stripe * u64::from(self.recovery()) + number;
        (1 + self.block_pages()) * PAGE_BYTES as u64 + block * u64::from(self.block_bytes())
    }

    /// The size of the parity file, in bytes.
    pub fn file_bytes(&self) -> u64 {
        let behind = 2 * self.recovery_pages() + self.block_pages() + 1;
        self.recovery_offset(self.stripes(), 0) + behind * PAGE_BYTES as u64
    }

    /// Where the two copies of a page with checksums are. Pages are counted from 1: the head is the first.
    pub(super) fn copies_of(&self, number: u64) -> [u64; 2] {
        let page = PAGE_BYTES as u64;
        let behind = self.recovery_offset(self.stripes(), 0);
        let (blocks, recovery) = (self.block_pages(), self.recovery_pages());
        match number.checked_sub(1 + blocks) {
            None => [number * page, behind + (recovery + number - 1) * page],
            Some(at) => [behind + at * page, behind + (recovery + blocks + at) * page],
        }
    }
}
