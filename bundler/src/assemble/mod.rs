//! From blobs in the store to a bundle: the release manifest, its signatures, and the files.

mod copy;
mod release;
mod write;

pub(crate) use release::release;
pub(crate) use write::{AssembleError, WrittenBundle, write};
