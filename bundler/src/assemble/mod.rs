//! From blobs in the store to a bundle: the release manifest, its signatures, and the files.

mod copy;
mod release;
mod write;

pub(crate) use release::release;
pub(crate) use write::{AssembleError, Destination, WrittenBundle, put_in_place, write};

use std::path::Path;

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
