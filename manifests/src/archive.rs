//! The tar archive around a bundle, as a pure function of names and sizes.
//!
//! Source: POSIX.1-2017 `pax`, "ustar Interchange Format". Sizes of 8 GiB and more, which its eleven octal digits cannot
//! hold, are written in base 256 as GNU tar and every later reader do ("GNU tar manual, Basic Tar Format").

use std::io::{self, Read as _, Write};

/// The unit of a tar archive, in bytes.
pub const BLOCK: u64 = 512;
/// What ends an archive: two blocks of zeros.
pub const END_BYTES: u64 = 2 * BLOCK;

/// The name of the first entry.
pub const MANIFEST_NAME: &str = "landfall.json";
/// The file in a release's folder on a host that holds the trust root by which the host accepted the release. In no bundle.
pub const ACCEPTED_BY_NAME: &str = "landfall.json.trust";
const SIGNATURE_SUFFIX: &str = ".minisig";
const MODE: &[u8; 8] = b"0000644\0";
const ZERO: &[u8; 8] = b"0000000\0";
const NAME_BYTES: usize = 100;
const SIZE: std::ops::Range<usize> = 124..136;

/// The 512 bytes before an entry's content: a regular file of mode 0644, with owner, group and time zero.
///
/// `name` must fit the 100 bytes of the name field; all names of the format do.
pub fn header(name: &str, size: u64) -> [u8; 512] {
    debug_assert!(name.len() < NAME_BYTES, "{name} does not fit a tar header");
    let mut block = [0; 512];
    let mut put = |offset: usize, bytes: &[u8]| block[offset..offset + bytes.len()].copy_from_slice(bytes);
    // The fields by their offsets in POSIX.1-2017 `pax`, "ustar Interchange Format"; those left out are empty strings.
    put(0, &name.as_bytes()[..name.len().min(NAME_BYTES)]); // name
    put(100, MODE); // mode
    put(108, ZERO); // uid
    put(116, ZERO); // gid
    put(SIZE.start, &size_field(size)); // size
    put(136, b"00000000000\0"); // mtime
    put(148, b"        "); // chksum: taken as spaces while the sum is computed
    put(156, b"0"); // typeflag: a regular file
    put(257, b"ustar\x0000"); // magic and version
    put(329, ZERO); // devmajor
    put(337, ZERO); // devminor
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn size_field(size: u64) -> [u8; 12] {
    let mut field = [0; 12];
    // Eleven octal digits hold 33 bits.
    if size < 1 << 33 {
        field.copy_from_slice(format!("{size:011o}\0").as_bytes());
    } else {
        // The first byte's high bit marks a number in base 256, most significant byte first.
        field[0] = 0x80;
        field[4..].copy_from_slice(&size.to_be_bytes());
    }
    field
}

/// The bytes of zeros between an entry's content and the next header.
pub fn padding(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}

/// Writes `count` zeros.
pub(crate) fn write_zeros(out: &mut impl Write, count: u64) -> io::Result<()> {
    io::copy(&mut io::repeat(0).take(count), out).map(|_| ())
}

/// What an entry takes in the archive, header and padding included. A size near 2^64, which no checked manifest has, gives
/// 2^64 - 1: more than any file holds.
pub fn entry_bytes(size: u64) -> u64 {
    size.saturating_add(padding(size)).saturating_add(BLOCK)
}

/// The offsets of entries of these sizes if the first begins at `start`, and the end of the last one; `None` if that exceeds 64
/// bits.
pub(crate) fn offsets(start: u64, sizes: impl IntoIterator<Item = u64>) -> Option<(Vec<u64>, u64)> {
    let mut offset = start;
    let mut offsets = Vec::new();
    for size in sizes {
        offsets.push(offset);
        offset = offset.checked_add(entry_bytes(size))?;
    }
    // `Bundle::size` relies on this sum.
    offset.checked_add(END_BYTES)?;
    Some((offsets, offset))
}

/// The name of a blob's entry.
pub fn blob_name(digest: &crate::Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// The blob that an entry with this name holds.
pub(crate) fn blob_of(name: &str) -> Option<crate::Digest> {
    format!("sha256:{}", name.strip_prefix("blobs/sha256/")?).parse().ok()
}

/// The name of the entry of a signature by the key with this id.
pub fn signature_name(key_id: &str) -> String {
    format!("{MANIFEST_NAME}.{key_id}{SIGNATURE_SUFFIX}")
}

/// Whether the entry is a signature: `landfall.json.`, 16 upper-case hex digits, `.minisig`.
pub(crate) fn is_signature_name(name: &str) -> bool {
    let id = name.strip_prefix(MANIFEST_NAME).and_then(|rest| rest.strip_prefix('.'));
    let id = id.and_then(|rest| rest.strip_suffix(SIGNATURE_SUFFIX));
    id.is_some_and(|id| id.len() == 16 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')))
}

/// The name and the size in a header, if [`header`] gives the same 512 bytes for them: nothing else in it can differ.
pub(crate) fn parse_header(block: &[u8; 512]) -> Option<(String, u64)> {
    let name = block[..NAME_BYTES].split(|byte| *byte == 0).next()?;
    let name = std::str::from_utf8(name).ok()?;
    // Octal only: headers are parsed for the manifest and its signatures alone, which are far below 8 GiB.
    let digits = std::str::from_utf8(block[SIZE].strip_suffix(&[0])?).ok()?;
    let size = u64::from_str_radix(digits, 8).ok()?;
    (name.len() < NAME_BYTES && header(name, size) == *block).then(|| (name.to_owned(), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_header_that_gnu_tar_writes() {
        let block = header("landfall.json", 1234);
        assert_eq!(&block[..14], b"landfall.json\0");
        assert_eq!(&block[100..108], b"0000644\0");
        assert_eq!(&block[124..136], b"00000002322\0");
        assert_eq!(&block[257..265], b"ustar\x0000");
        let mut zeroed = block;
        zeroed[148..156].fill(b' ');
        let sum: u32 = zeroed.iter().map(|byte| u32::from(*byte)).sum();
        assert_eq!(&block[148..156], format!("{sum:06o}\0 ").as_bytes());
    }

    #[test]
    fn writes_sizes_beyond_eleven_octal_digits_in_base_256() {
        assert_eq!(&size_field((1 << 33) - 1), b"77777777777\0");
        assert_eq!(size_field(1 << 33), [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
    }

    #[test]
    fn parses_only_the_header_that_it_would_write() {
        let block = header("landfall.json", 1234);
        assert_eq!(parse_header(&block), Some(("landfall.json".to_owned(), 1234)));
        for bit in 0..512 * 8 {
            let mut changed = block;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse_header(&changed), None, "bit {bit}");
        }
    }

    #[test]
    fn pads_to_whole_blocks() {
        for (size, expected) in [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511)] {
            assert_eq!(padding(size), expected, "{size}");
            assert_eq!(entry_bytes(size) % BLOCK, 0);
        }
    }

    #[test]
    fn no_size_overflows() {
        assert_eq!(offsets(512, [0, 1, 512]), Some((vec![512, 1024, 2048], 3072)));
        for size in [u64::MAX, u64::MAX - 511, u64::MAX - 512, u64::MAX - 1535] {
            assert!(entry_bytes(size) >= size && padding(size) < BLOCK, "{size}");
            assert_eq!(offsets(512, [size]), None, "{size}");
        }
        assert_eq!(offsets(0, [u64::MAX / 2, u64::MAX / 2]), None);
    }

    #[test]
    fn knows_a_signature_by_its_name() {
        assert!(is_signature_name("landfall.json.0123456789ABCDEF.minisig"));
        for wrong in ["landfall.json", "landfall.json.minisig", "landfall.json.0123456789abcdef.minisig", "oci-layout"]
        {
            assert!(!is_signature_name(wrong), "{wrong}");
        }
    }
}
