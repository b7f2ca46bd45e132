use super::SEGMENT_BYTES;
use super::segment::{Extent, Segment, read_header};
use crate::{Digest, Hasher};
use std::io::{self, Read, Write};
use zstd::zstd_safe::DCtx;

/// A content cannot be made from another one.
#[derive(Debug, thiserror::Error)]
pub enum DifferenceError {
    /// The difference cannot be read, or ends too early.
    #[error("the difference cannot be read")]
    Read(#[source] io::Error),
    /// The base cannot be read.
    #[error("the content that it is made from cannot be read")]
    Base(#[source] io::Error),
    /// What is made cannot be written.
    #[error("what is made cannot be written")]
    Write(#[source] io::Error),
    /// The difference breaks its own rules.
    #[error("the difference is not one: {0}")]
    Malformed(&'static str),
    /// The difference makes something else.
    #[error("the difference makes content with the digest {found}, not {expected} as the manifest says")]
    Digest {
        /// The digest that the content has to have.
        expected: Digest,
        /// The one that it has.
        found: Digest,
    },
}

/// Makes the content with this digest and `size`, and writes it to `out`. `base_at` reads the whole of a buffer at an offset of the base, which has
/// `base_size` bytes. What was written is right only once this returns `Ok`.
///
/// # Errors
/// The difference does not make this content from this base, or something cannot be read or written.
pub fn apply(
    difference: &mut impl Read,
    base_size: u64,
    mut base_at: impl FnMut(u64, &mut [u8]) -> io::Result<()>,
    digest: Digest,
    size: u64,
    out: &mut impl Write,
) -> Result<(), DifferenceError> {
    let header = read_header(difference).map_err(DifferenceError::Read)?;
    if header != Some((size, base_size)) {
        return Err(DifferenceError::Malformed("it does not begin as one of these two contents"));
    }
    let (mut prefix, mut content) = (Vec::new(), Vec::new());
    let mut hasher = Hasher::default();
    let mut left = size;
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(SEGMENT_BYTES).min(SEGMENT_BYTES);
        let segment = Segment::read(difference, size, base_size).map_err(DifferenceError::Read)?;
        let segment = segment.map_err(DifferenceError::Malformed)?;
        read_extents(&segment.extents, &mut base_at, &mut prefix).map_err(DifferenceError::Base)?;
        let made = match &segment.packed {
            None => &prefix,
            Some(packed) => {
                unpack(packed, &prefix, size, &mut content)?;
                &content
            }
        };
        hasher.update(made);
        out.write_all(made).map_err(DifferenceError::Write)?;
        left -= size as u64;
    }
    let found = hasher.finish();
    if found != digest {
        return Err(DifferenceError::Digest { expected: digest, found });
    }
    match difference.read(&mut [0]).map_err(DifferenceError::Read)? {
        0 => Ok(()),
        _ => Err(DifferenceError::Malformed("it goes on after its last segment")),
    }
}

fn read_extents(
    extents: &[Extent],
    base_at: &mut impl FnMut(u64, &mut [u8]) -> io::Result<()>,
    prefix: &mut Vec<u8>,
) -> io::Result<()> {
    prefix.clear();
    for extent in extents {
        let begin = prefix.len();
        prefix.resize(begin.saturating_add(usize::try_from(extent.size).unwrap_or(usize::MAX)), 0);
        base_at(extent.offset, &mut prefix[begin..])?;
    }
    Ok(())
}

/// Decompresses a segment of `size` bytes. One call has all of the input and the output, so that no frame can ask for a window.
fn unpack(packed: &[u8], prefix: &[u8], size: usize, content: &mut Vec<u8>) -> Result<(), DifferenceError> {
    const BROKEN: DifferenceError = DifferenceError::Malformed("a segment does not decompress");
    content.clear();
    content.reserve_exact(size);
    let mut decompressor = DCtx::create();
    decompressor.ref_prefix(prefix).map_err(|_| BROKEN)?;
    let unpacked = decompressor.decompress(content, packed).map_err(|_| BROKEN)?;
    if unpacked == size { Ok(()) } else { Err(BROKEN) }
}
