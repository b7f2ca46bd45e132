//! Makes differences: the content of a layer or a file from that of an earlier one, in bounded memory.
//!
//! The base is cut into chunks, whose names and places are kept ([`index`]). For each segment of the content, the chunks that it shares with the
//! base tell which parts of the base are worth compressing it with ([`places`]), also for what lies between them: in an archive whose times have
//! all changed hardly a chunk is the same, and all of it is where it was.

mod chunks;
mod index;
mod places;

use index::Index;
use landfall_manifests::difference::{Extent, SEGMENT_BYTES, Segment, write_header};
use places::Places;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt as _;
use zstd::zstd_safe::{self, CCtx, CParameter};

/// How much work zstd does. Higher levels take more memory for their tables than a build may.
const LEVEL: i32 = 12;
/// What a segment and the parts of its base span, as a power of two of bytes.
const WINDOW_LOG: u32 = 24;
/// The entries of zstd's tables, as powers of two.
const HASH_LOG: u32 = 20;
const CHAIN_LOG: u32 = 21;

/// Writes what makes `content`, which has `size` bytes, from `base`, which has `base_size`. The same contents give the same bytes.
pub(crate) fn write(
    base: &File,
    base_size: u64,
    content: &mut impl Read,
    size: u64,
    out: &mut impl Write,
) -> io::Result<()> {
    let index = Index::new(base, base_size)?;
    write_header(out, size, base_size)?;
    let mut places = Places::default();
    let (mut segment, mut begin) = (Vec::new(), 0);
    while begin < size {
        segment.resize(usize::try_from(size - begin).unwrap_or(SEGMENT_BYTES).min(SEGMENT_BYTES), 0);
        content.read_exact(&mut segment)?;
        let extents = places.of(&segment, begin, &index, base_size);
        made_from(base, base_size, &segment, places.in_base(begin), extents)?.write(out)?;
        begin += segment.len() as u64;
    }
    Ok(())
}

/// A segment that is probably at `place` of the base, and else is compressed with `extents` of it.
fn made_from(base: &File, base_size: u64, content: &[u8], place: u64, extents: Vec<Extent>) -> io::Result<Segment> {
    let size = u32::try_from(content.len()).map_err(io::Error::other)?;
    let mut prefix = Vec::new();
    if place.checked_add(content.len() as u64).is_some_and(|end| end <= base_size) {
        prefix.resize(content.len(), 0);
        base.read_exact_at(&mut prefix, place)?;
        if prefix == content {
            return Ok(Segment { size, extents: vec![Extent { offset: place, size }], packed: None });
        }
    }
    prefix.clear();
    for extent in &extents {
        let begin = prefix.len();
        prefix.resize(begin + usize::try_from(extent.size).map_err(io::Error::other)?, 0);
        base.read_exact_at(&mut prefix[begin..], extent.offset)?;
    }
    Ok(Segment { size, extents, packed: Some(packed(content, &prefix)?) })
}

fn packed(content: &[u8], prefix: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = CCtx::create();
    let parameters = [
        CParameter::CompressionLevel(LEVEL),
        CParameter::WindowLog(WINDOW_LOG),
        CParameter::HashLog(HASH_LOG),
        CParameter::ChainLog(CHAIN_LOG),
        CParameter::EnableLongDistanceMatching(true),
    ];
    for parameter in parameters {
        compressor.set_parameter(parameter).map_err(failed)?;
    }
    compressor.ref_prefix(prefix).map_err(failed)?;
    let mut packed = Vec::with_capacity(zstd_safe::compress_bound(content.len()));
    compressor.compress2(&mut packed, content).map_err(failed)?;
    Ok(packed)
}

fn failed(code: usize) -> io::Error {
    io::Error::other(zstd_safe::get_error_name(code))
}
