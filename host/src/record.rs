//! Records: small files in the state folder, most of them JSON, that only root reads.

use crate::durable::{self, PathError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The largest record that is read, in bytes: room for the digests of a hundred thousand blobs.
const MAX_BYTES: u64 = 16 << 20;

/// A record that cannot be read, or whose content is not what a record of its name holds.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file cannot be read.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The file is not JSON, or not of the record's form.
    #[error("{} does not parse: it was changed by hand, or written by a later version", .path.display())]
    Parse {
        /// The record.
        path: PathBuf,
        /// Where in it, and why.
        #[source]
        source: serde_json::Error,
    },
    /// The file is one line of text, and not of the record's form.
    #[error("{} holds no {expected}", .path.display())]
    Text {
        /// The record.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
}

/// Reads a JSON record, if it is there.
///
/// # Errors
/// The file cannot be read, is larger than 16 MiB, or does not parse.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RecordError> {
    let Some(bytes) = durable::read(path, MAX_BYTES)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|source| RecordError::Parse { path: path.to_owned(), source })
}

/// Writes a JSON record that only root reads.
///
/// # Errors
/// The file cannot be written.
pub fn write_json(path: &Path, record: &impl Serialize) -> Result<(), PathError> {
    #[expect(clippy::expect_used, reason = "our records have text keys and derived forms, which always serialise")]
    let mut bytes = serde_json::to_vec_pretty(record).expect("a record is JSON");
    bytes.push(b'\n');
    durable::write(path, &bytes, 0o600)
}
