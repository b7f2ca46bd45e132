//! From blobs in the store to a bundle: the release manifest, its signatures, and the files.

mod bound;
mod release;
mod unchanged;
mod volumes;
mod write;

pub(crate) use bound::{bound, kept_bytes};
pub(crate) use release::{Packed, PackedReleaseError, release, tenant_of};
#[cfg(test)]
pub(crate) use volumes::VolumeError;
pub(crate) use write::{AssembleError, WrittenBundle, write};
