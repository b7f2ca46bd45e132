//! What a file in an archive is, by its first bytes: names and media types are only claims.

use landfall_manifests::{Encoding, archive::BLOCK};
use std::io::{self, Read};

/// What the first block shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentKind {
    /// An uncompressed tar archive.
    Tar,
    /// A stream that is compressed as layers may be.
    Compressed(Encoding),
    /// A stream that is compressed in another way, by the name of that.
    CompressedOtherwise(&'static str),
    /// Perhaps JSON.
    Json,
    /// Nothing that an image is made of.
    Other,
}

/// How the files of other compressors begin.
const OTHER_COMPRESSORS: [(&[u8], &str); 5] =
    [(b"\xfd7zXZ\0", "xz"), (b"BZh", "bzip2"), (b"\x04\x22\x4d\x18", "lz4"), (b"LZIP", "lzip"), (b"PK\x03\x04", "zip")];

const CHECKSUM: std::ops::Range<usize> = 148..156;

impl ContentKind {
    /// Judges by the first block, or by all of a shorter file.
    pub(super) fn of(start: &[u8]) -> Self {
        if is_tar(start) {
            return Self::Tar;
        }
        if let Some((_, name)) = OTHER_COMPRESSORS.iter().find(|(magic, _)| start.starts_with(magic)) {
            return Self::CompressedOtherwise(name);
        }
        match start {
            // ID1 and ID2 (RFC 1952, section 2.3.1).
            [0x1f, 0x8b, ..] => Self::Compressed(Encoding::Gzip),
            // Magic_Number 0xFD2FB528, little-endian (RFC 8878, section 3.1.1).
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Compressed(Encoding::Zstd),
            _ => match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
                Some(b'{' | b'[') => Self::Json,
                _ => Self::Other,
            },
        }
    }
}

/// The first block of an archive with entries is a header with its right checksum; that of an empty one is zeros
/// (POSIX.1-2017 `pax`, "ustar Interchange Format"). A file of no bytes is what some tools write for an empty layer.
fn is_tar(start: &[u8]) -> bool {
    let Ok(block) = <&[u8; 512]>::try_from(start) else { return start.is_empty() };
    let field = |byte: &u8| byte.is_ascii_digit();
    let written = block[CHECKSUM].iter().copied().skip_while(|byte| *byte == b' ').take_while(field);
    let written = written.fold(0_u32, |sum, digit| sum.wrapping_mul(8).wrapping_add(u32::from(digit) - 48));
    // The sum is taken with its own field as spaces.
    let blank = |(at, byte): (usize, &u8)| if CHECKSUM.contains(&at) { 32 } else { u32::from(*byte) };
    block.iter().all(|byte| *byte == 0) || block.iter().enumerate().map(blank).sum::<u32>() == written
}

/// Reads the first block of a file; less only where the file ends.
pub(super) fn first_block(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.take(BLOCK).read_to_end(&mut start)?;
    Ok(start)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn tar(name: &str) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        builder.append_data(&mut header, name, io::empty()).unwrap();
        builder.into_inner().unwrap()[..512].to_vec()
    }

    #[test]
    fn judges_by_content() {
        for (start, expected) in [
            (tar("etc/passwd"), ContentKind::Tar),
            (tar("{a}"), ContentKind::Tar),
            (vec![0; 512], ContentKind::Tar),
            (Vec::new(), ContentKind::Tar),
            (vec![0; 511], ContentKind::Other),
            (b"\x1f\x8b\x08".to_vec(), ContentKind::Compressed(Encoding::Gzip)),
            (b"\x28\xb5\x2f\xfd".to_vec(), ContentKind::Compressed(Encoding::Zstd)),
            (b" {\"a\": 1}".to_vec(), ContentKind::Json),
            (b"[]".to_vec(), ContentKind::Json),
            (b"1.0".to_vec(), ContentKind::Other),
            (b"\xfd7zXZ\0".to_vec(), ContentKind::CompressedOtherwise("xz")),
            (b"BZh91AY".to_vec(), ContentKind::CompressedOtherwise("bzip2")),
            (vec![b'x'; 512], ContentKind::Other),
        ] {
            assert_eq!(ContentKind::of(&start), expected, "{:?}", String::from_utf8_lossy(&start));
        }
    }
}
