//! The container engine, and the image archives that are made for it from the store.

mod archive;

pub(crate) use archive::{ArchiveError, write_archive};
pub(crate) use landfall_engine::images::*;
