//! A mark: a file that holds one line, what is marked.

use crate::durable::{self, PathError};
use std::path::Path;

/// More than any mark has, in bytes.
const MAX_BYTES: u64 = 256;

/// Whether the mark is on `text`. One that cannot be read is on nothing.
pub(crate) fn is_on(path: &Path, text: &str) -> bool {
    let mark = durable::read(path, MAX_BYTES).ok().flatten().unwrap_or_default();
    // The whole line: `1.1.0-2` is not `1.1.0-22`.
    mark.strip_suffix(b"\n") == Some(text.as_bytes())
}

/// Puts the mark on `text`, durably and in place of any other.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn put(path: &Path, text: &str) -> Result<(), PathError> {
    durable::write(path, format!("{text}\n").as_bytes(), 0o600)
}
