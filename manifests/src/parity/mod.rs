//! The parity file of a bundle, format 1, as pure data: recovery blocks from which a reader computes blocks of the bundle that
//! its medium does not give back. `docs/parity.md` describes it, with the reasons.
//!
//! * [`Geometry`] says which bytes of the bundle are recovered together, and where in the parity file everything is.
//! * [`Index`] has a checksum of each block, by which a bad one is found. It is in the file twice.
//!
//! Nothing in a parity file is signed, and nothing has to be: what is computed from it is part of the bundle, and is held against
//! the signed digests like any other byte of it.

mod geometry;
mod index;
mod layout;

pub use geometry::{Geometry, GeometryError, PERCENT, Shard};
pub use index::{Index, IndexError, begins};
pub use layout::PAGE_BYTES;

/// What the name of a parity file adds to that of its bundle.
const SUFFIX: &str = ".parity";

/// The name of the parity file of the bundle called `bundle`.
pub fn file_name(bundle: &str) -> String {
    format!("{bundle}{SUFFIX}")
}

/// The checksum of a block or of a page: CRC-32 (RFC 1952, section 8), which tells rot, and no attack.
pub fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}
