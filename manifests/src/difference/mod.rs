//! Differences, format 1: how the content of a layer or a file is made from that of another one. `docs/deltas.md` describes them.
//!
//! The content is cut into segments, each of which is compressed with parts of the base in front of it, as `zstd --patch-from` does with all
//! of it. So both sides need no more memory than a segment and these parts take, however large the layer is.
//!
//! Nothing here is trusted: what comes out is held against the digest of the content, which is signed.

mod apply;
mod segment;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

pub use apply::{DifferenceError, apply};
pub use segment::{Extent, Segment, write_header};

/// What a difference begins with.
const MAGIC: [u8; 8] = *b"LFDIFF\x00\x01";
/// The content of a segment, in bytes; the last one may be shorter.
pub const SEGMENT_BYTES: usize = 4 << 20;
/// The parts of the base that a segment may be made from, in bytes together.
pub const PREFIX_BYTES: usize = 8 << 20;
/// How many such parts there may be.
pub const EXTENTS: usize = 1024;
/// A compressed segment, in bytes: what zstd needs at most for one that does not compress (`ZSTD_COMPRESSBOUND`).
const PACKED_BYTES: usize = SEGMENT_BYTES + (SEGMENT_BYTES >> 8);
