use super::*;

/// A parity file whose recovery blocks are zeros: only its index counts.
struct Sample {
    index: Index,
    bytes: Vec<u8>,
}

impl Sample {
    fn new(bundle_bytes: u64, percent: u32) -> Self {
        let geometry = Geometry::for_bundle(bundle_bytes, percent).unwrap();
        let numbers = |count: u64| (0..count).map(|at| u32::try_from(at).unwrap().wrapping_mul(0x9e37_79b9)).collect();
        let (blocks, recovery) = (numbers(geometry.blocks()), numbers(geometry.recovery_blocks()));
        let index = Index::new(Digest::of(b"manifest"), geometry, blocks, recovery);
        let mut bytes = index.front();
        assert_eq!(bytes.len() as u64, geometry.recovery_offset(0, 0));
        bytes.resize(at(geometry.recovery_offset(geometry.stripes(), 0)), 0);
        bytes.extend(index.back());
        assert_eq!(bytes.len() as u64, geometry.file_bytes());
        Self { index, bytes }
    }
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

fn read(bytes: &[u8]) -> Result<Index, IndexError> {
    Index::read(bytes.len() as u64, |offset| bytes.get(at(offset)..)?.first_chunk().copied())
}

#[test]
fn is_read_as_it_was_written() {
    for (bytes, percent) in [(1, 5), (700_000, 5), (700_000, 50), (150 << 20, 5)] {
        let sample = Sample::new(bytes, percent);
        assert_eq!(read(&sample.bytes), Ok(sample.index), "{bytes} {percent}");
    }
}

#[test]
fn no_page_that_rots_costs_anything() {
    let sample = Sample::new(150 << 20, 1);
    let geometry = sample.index.geometry();
    let (front, back) = (geometry.recovery_offset(0, 0), geometry.recovery_offset(geometry.stripes(), 0));
    let pages = (0..front).chain(back..geometry.file_bytes()).step_by(PAGE_BYTES);
    for page in pages {
        for within in [0, 17, 60, PAGE_BYTES - 1] {
            let mut bytes = sample.bytes.clone();
            bytes[at(page) + within] ^= 1;
            assert_eq!(read(&bytes).as_ref(), Ok(&sample.index), "page at {page}, byte {within}");
        }
    }
}

#[test]
fn nor_does_all_of_one_end() {
    let sample = Sample::new(150 << 20, 1);
    let geometry = sample.index.geometry();
    let mut bytes = sample.bytes.clone();
    bytes[..at(geometry.recovery_offset(0, 0))].fill(0xee);
    assert_eq!(read(&bytes).as_ref(), Ok(&sample.index));
    // Behind the recovery blocks are both copies of their checksums: those are lost, and no others.
    let index = read(&sample.bytes[..at(geometry.recovery_offset(geometry.stripes(), 0))]).unwrap();
    assert_eq!(index.recovery_checksum(0, 0), None);
    let blocks = 0..geometry.blocks();
    assert!(blocks.into_iter().all(|block| index.block_checksum(block) == sample.index.block_checksum(block)));
}

#[test]
fn a_page_without_a_copy_costs_its_own_checksums() {
    let sample = Sample::new(150 << 20, 1);
    let geometry = sample.index.geometry();
    let mut bytes = sample.bytes.clone();
    for copy in geometry.copies_of(2) {
        bytes[at(copy) + 100] ^= 1;
    }
    let index = read(&bytes).unwrap();
    let page = CHECKSUMS as u64;
    for block in 0..geometry.blocks() {
        let expected = sample.index.block_checksum(block).filter(|_| !(page..2 * page).contains(&block));
        assert_eq!(index.block_checksum(block), expected, "{block}");
    }
    assert_eq!(index.recovery_checksum(1, 0), sample.index.recovery_checksum(1, 0));
}

#[test]
fn what_is_no_parity_file_is_refused() {
    let sample = Sample::new(700_000, 5);
    for bytes in [&b""[..], &[0; 100], &[0; 3 * PAGE_BYTES], &sample.bytes[PAGE_BYTES..2 * PAGE_BYTES]] {
        assert_eq!(read(bytes), Err(IndexError::NoHead), "{}", bytes.len());
    }
    let mut later = page(0, &Digest::of(b"manifest"), &[]);
    later[16..20].copy_from_slice(&2_u32.to_be_bytes());
    let sum = checksum(&later[..PAGE_BYTES - SUFFIX_BYTES]).to_be_bytes();
    later[PAGE_BYTES - SUFFIX_BYTES..].copy_from_slice(&sum);
    assert_eq!(read(&later), Err(IndexError::Version(2)));
    let unsound = page(0, &Digest::of(b"manifest"), &[0xff; 20]);
    assert_eq!(read(&unsound), Err(IndexError::Geometry(GeometryError::OutOfBounds)));
    assert!(begins(&sample.bytes) && !begins(b"landfall"));
}
