//! The database as a file: its folder and the lock on it, the names of the files in it, and connections to them.

mod companions;
mod connection;
mod exclusive;
mod folder;
mod integrity;
mod names;
mod scratch;

pub(super) use connection::{in_use, open, schema_of};
pub(super) use exclusive::ExclusiveDatabase;
pub(super) use folder::DatabaseFolder;
pub(super) use integrity::check_integrity;
pub(super) use names::find_set_aside;
pub(super) use scratch::ScratchDatabase;
