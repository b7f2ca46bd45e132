//! A bundle as one file or cut into parts: found, read as one range of bytes, written, and put in place.

mod bytes;
mod find;
mod place;
mod write;

pub(crate) use bytes::{Bytes, OpenError, Reader};
pub(crate) use find::{Found, MissingPart, PartsArgs, find, lying_at};
pub(crate) use place::{put_parts, put_whole, retire, retire_parts};
pub(crate) use write::PartFiles;
