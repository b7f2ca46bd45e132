//! Records: small files in the state folder, most of them JSON, that only root reads.

use crate::durable::{self, PathError};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::path::{Path, PathBuf};
use std::str::FromStr;

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

/// The number of a record's form, which it holds as `schema`. No record with another number is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Schema<const N: u32>;

impl<const N: u32> Serialize for Schema<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(N)
    }
}

impl<'de, const N: u32> Deserialize<'de> for Schema<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            found if found == N => Ok(Self),
            found => Err(D::Error::custom(format_args!("it has schema {found}, and this program reads schema {N}"))),
        }
    }
}

/// Reads a JSON record, if it is there.
///
/// # Errors
/// The file cannot be read, is larger than 16 MiB, or does not parse.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RecordError> {
    let Some(bytes) = durable::read(path, MAX_BYTES)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|source: serde_json::Error| {
        let source = if source.is_eof() { cut_off(&source) } else { source };
        RecordError::Parse { path: path.to_owned(), source }
    })
}

/// The same error for people.
fn cut_off(error: &serde_json::Error) -> serde_json::Error {
    serde_json::Error::custom(format_args!("it is cut off in line {}", error.line()))
}

/// Reads a record that is one line of text, if it is there: at most `longest` bytes, which are `expected`.
///
/// # Errors
/// The file cannot be read, is longer, or is something else.
pub fn read_line<T: FromStr>(path: &Path, longest: u64, expected: &'static str) -> Result<Option<T>, RecordError> {
    let Some(bytes) = durable::read(path, longest)? else { return Ok(None) };
    let line = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse().ok());
    line.map(Some).ok_or_else(|| RecordError::Text { path: path.to_owned(), expected })
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Record {
        schema: Schema<2>,
        name: String,
    }

    #[test]
    fn a_line_comes_back_and_another_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        let read = || read_line::<u32>(&path, 8, "number");
        assert_eq!(read().unwrap(), None);
        std::fs::write(&path, "7\n").unwrap();
        assert_eq!(read().unwrap(), Some(7));
        for wrong in [&b"seven"[..], b"", b"\xff", b"123456789"] {
            std::fs::write(&path, wrong).unwrap();
            assert!(read().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_record_comes_back_and_another_schema_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        assert_eq!(read_json::<Record>(&path).unwrap(), None);
        let record = Record { schema: Schema, name: "a".to_owned() };
        write_json(&path, &record).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\n  \"schema\": 2,\n  \"name\": \"a\"\n}\n");
        assert_eq!(read_json(&path).unwrap(), Some(record));
        for (json, says) in [
            (r#"{"schema": 3, "name": "a"}"#, "it has schema 3, and this program reads schema 2"),
            (r#"{"name": "a"}"#, "missing field `schema`"),
            (r#"{"schema": -1, "name": "a"}"#, "invalid value"),
            ("{\n", "it is cut off in line 2"),
        ] {
            std::fs::write(&path, json).unwrap();
            let error = read_json::<Record>(&path).unwrap_err();
            assert!(error.to_string().contains("record.json does not parse"), "{error}");
            let reason = error.source().unwrap().to_string();
            assert!(reason.contains(says), "{reason}");
        }
    }
}
