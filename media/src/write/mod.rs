//! Writing bundles and patches: into one file or into parts, under temporary names first.

mod copy;
mod destination;
mod parity;
mod part_files;
mod placement;

pub use copy::CopyError;
pub use destination::Destination;
pub use parity::{ParityEncoder, ParityError, RecordingWriter};
pub use part_files::{DurableFiles, PartFiles, PartWriter};
pub use placement::{folder_of, parts_at, settle};
