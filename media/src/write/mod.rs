//! Writing bundles and patches: into one file or into parts, under temporary names first.

mod copy;
mod part_writer;
mod placement;

pub use copy::CopyError;
pub use part_writer::PartWriter;
pub use placement::{folder_of, parts_at, place_parts, place_whole, set_aside, set_parts_aside};
