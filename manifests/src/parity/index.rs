use super::layout::{CHECKSUMS, PAGE_BYTES, PREFIX_BYTES, SUFFIX_BYTES};
use super::{Geometry, GeometryError, checksum};
use crate::Digest;
use std::collections::BTreeSet;

/// What every page begins with.
const MAGIC: [u8; 16] = *b"landfall-parity\n";
const VERSION: u32 = 1;

type Page = [u8; PAGE_BYTES];

/// What a parity file says about itself and about its bundle: for which one it is, its geometry, and the checksum of each block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    manifest: Digest,
    geometry: Geometry,
    /// Of the bundle's blocks, then of the recovery blocks.
    blocks: Vec<u32>,
    recovery: Vec<u32>,
    /// The pages of which no copy can be read, by their numbers.
    lost: BTreeSet<u64>,
}

/// A file is no parity file, or none that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Neither of its heads is one.
    #[error("it is no parity file, or neither of its two heads can be read")]
    NoHead,
    /// It was written by a later program.
    #[error("its format is version {0}, and this program knows version 1")]
    Version(u32),
    /// Its head has numbers that fit no bundle.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
}

/// Whether a file that begins with these bytes is a parity file.
pub fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

impl Index {
    /// The index for the bundle with this manifest. The checksums are those of all blocks, in their order.
    pub fn new(manifest: Digest, geometry: Geometry, blocks: Vec<u32>, recovery: Vec<u32>) -> Self {
        Self { manifest, geometry, blocks, recovery, lost: BTreeSet::new() }
    }

    /// Reads the index of a file of `file_bytes` bytes. `page_at` gives the page at an offset, if that can be read. Of each page
    /// either copy will do; a page without any costs the checksums in it and no more.
    ///
    /// # Errors
    /// It is no parity file, or was written by a later program.
    pub fn read(file_bytes: u64, mut page_at: impl FnMut(u64) -> Option<Page>) -> Result<Self, IndexError> {
        let last = file_bytes.saturating_sub(PAGE_BYTES as u64);
        let mut failure = IndexError::NoHead;
        let mut head = None;
        for offset in [0, last] {
            match page_at(offset).as_ref().ok_or(IndexError::NoHead).and_then(parse_head) {
                Ok(found) => {
                    head = Some(found);
                    break;
                }
                // That it is another version says more than that a head is damaged.
                Err(error) if failure == IndexError::NoHead => failure = error,
                Err(_) => {}
            }
        }
        let (manifest, geometry) = head.ok_or(failure)?;
        let mut index = Self::new(manifest, geometry, Vec::new(), Vec::new());
        let pages = geometry.block_pages() + geometry.recovery_pages();
        for number in 1..=pages {
            let copies = geometry.copies_of(number).into_iter();
            let page = copies.filter_map(&mut page_at).find(|page| is_page(page, number, &manifest));
            index.take(number, page.as_ref());
        }
        Ok(index)
    }

    /// Adds the checksums of a page, or as many that are not known.
    fn take(&mut self, number: u64, page: Option<&Page>) {
        if page.is_none() {
            self.lost.insert(number);
        }
        let (list, all) = if number <= self.geometry.block_pages() {
            (&mut self.blocks, self.geometry.blocks())
        } else {
            (&mut self.recovery, self.geometry.recovery_blocks())
        };
        let left = usize::try_from(all).unwrap_or(usize::MAX).saturating_sub(list.len()).min(CHECKSUMS);
        match page.and_then(|page| page.get(PREFIX_BYTES..)) {
            Some(values) => list.extend(values.as_chunks().0.iter().take(left).map(|value| u32::from_be_bytes(*value))),
            None => list.extend(std::iter::repeat_n(0, left)),
        }
    }

    /// The same with the checksums of the recovery blocks, in their order.
    #[must_use]
    pub fn with_recovery(self, recovery: Vec<u32>) -> Self {
        Self { recovery, ..self }
    }

    /// The digest of the manifest of the bundle that the file was made for.
    pub fn manifest(&self) -> Digest {
        self.manifest
    }

    /// Its geometry.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The checksum of a block of the bundle, if it is known.
    pub fn block_checksum(&self, block: u64) -> Option<u32> {
        self.checksum(&self.blocks, 1, block)
    }

    /// The checksum of a recovery block of a stripe, if it is known.
    pub fn recovery_checksum(&self, stripe: u64, number: u64) -> Option<u32> {
        let block = stripe * u64::from(self.geometry.recovery()) + number;
        self.checksum(&self.recovery, 1 + self.geometry.block_pages(), block)
    }

    fn checksum(&self, list: &[u32], first_page: u64, block: u64) -> Option<u32> {
        let value = usize::try_from(block).ok().and_then(|block| list.get(block))?;
        (!self.lost.contains(&(first_page + block / CHECKSUMS as u64))).then_some(*value)
    }

    /// What a parity file begins with, before its recovery blocks: the checksums of those need not be known yet.
    pub fn front(&self) -> Vec<u8> {
        [self.head().to_vec(), self.block_pages()].concat()
    }

    /// What a parity file ends with, behind its recovery blocks.
    pub fn back(&self) -> Vec<u8> {
        // The copies of the recovery blocks' checksums are kept apart by those of the bundle's blocks.
        [self.recovery_pages(), self.block_pages(), self.recovery_pages(), self.head().to_vec()].concat()
    }

    fn head(&self) -> Page {
        let geometry = &self.geometry;
        let numbers = [geometry.block_bytes(), geometry.rows(), geometry.recovery()].map(u32::to_be_bytes).concat();
        page(0, &self.manifest, &[&geometry.bundle_bytes().to_be_bytes()[..], &numbers].concat())
    }

    fn block_pages(&self) -> Vec<u8> {
        self.pages(&self.blocks, 1)
    }

    fn recovery_pages(&self) -> Vec<u8> {
        self.pages(&self.recovery, 1 + self.geometry.block_pages())
    }

    fn pages(&self, checksums: &[u32], first: u64) -> Vec<u8> {
        let content = |checksums: &[u32]| checksums.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<u8>>();
        let numbered = (first..).zip(checksums.chunks(CHECKSUMS));
        numbered.flat_map(|(number, checksums)| page(number, &self.manifest, &content(checksums))).collect()
    }
}

/// A page with this content, which fits it.
fn page(number: u64, manifest: &Digest, content: &[u8]) -> Page {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let mut bytes = [&MAGIC[..], &VERSION.to_be_bytes(), &number.to_be_bytes(), &manifest.to_bytes(), content].concat();
    bytes.resize(PAGE_BYTES - SUFFIX_BYTES, 0);
    bytes.extend(checksum(&bytes).to_be_bytes());
    let mut page = [0; PAGE_BYTES];
    page.copy_from_slice(&bytes);
    page
}

/// Whether a page came back as it was written.
fn is_whole(page: &Page) -> bool {
    let (content, sum) = page.split_at(PAGE_BYTES - SUFFIX_BYTES);
    content.starts_with(&MAGIC) && sum == checksum(content).to_be_bytes()
}

fn is_page(page: &Page, number: u64, manifest: &Digest) -> bool {
    is_whole(page)
        && u32_at(page, 16) == VERSION
        && u64::from(u32_at(page, 20)) == number
        && page[24..PREFIX_BYTES] == manifest.to_bytes()
}

fn parse_head(page: &Page) -> Result<(Digest, Geometry), IndexError> {
    if !is_whole(page) || u32_at(page, 20) != 0 {
        return Err(IndexError::NoHead);
    }
    match u32_at(page, 16) {
        VERSION => {}
        other => return Err(IndexError::Version(other)),
    }
    let mut manifest = [0; 32];
    manifest.copy_from_slice(&page[24..PREFIX_BYTES]);
    let bundle_bytes = u64::from(u32_at(page, PREFIX_BYTES)) << 32 | u64::from(u32_at(page, PREFIX_BYTES + 4));
    let [block_bytes, rows, recovery] = [8, 12, 16].map(|at| u32_at(page, PREFIX_BYTES + at));
    Ok((Digest::from_bytes(manifest), Geometry::new(bundle_bytes, block_bytes, rows, recovery)?))
}

/// A number, the most significant byte first. `at` is a constant that lies in the page.
fn u32_at(page: &Page, at: usize) -> u32 {
    let bytes = page.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
