//! Records: a line with a digest, and JSON. The digest is that of the JSON and of what it is said of, so that no record stands for another.

use crate::layer_scan::LayerFacts;
use landfall_manifests::{Blob, BundlePath, Digest, Encoding};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest record, in bytes: the facts of a layer of more files than are remembered, and long names.
pub(super) const BYTES: u64 = 8 << 20;
/// Changes when a record means something else.
const VERSION: u32 = 2;

/// What a layer is that is stored in a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LayerRecord {
    pub(crate) encoding: Encoding,
    pub(crate) diff_id: Digest,
    /// Of the content, in bytes.
    pub(crate) size: u64,
    pub(crate) facts: LayerFacts,
}

/// What a file was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    /// The digest of its content.
    pub(crate) content: Digest,
    /// As it was stored.
    pub(crate) blob: Blob,
}

pub(super) fn compressed_layer_key(form: &str, content: &Blob) -> Digest {
    Digest::of(format!("layer {form} {} {}", content.digest, content.size).as_bytes())
}

pub(super) fn file_key(form: &str, path: &BundlePath, size: u64) -> Digest {
    Digest::of(format!("file {form} {size} {path}").as_bytes())
}

/// The text of a record of this kind and key.
pub(super) fn text(kind: &str, key: &Digest, value: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(value).unwrap_or_default();
    [format!("{}\n", seal(kind, key, &json)).as_bytes(), &json].concat()
}

/// What a record of this kind and key says, unless it is damaged, of another version, or another one.
pub(super) fn parse<T: DeserializeOwned>(kind: &str, key: &Digest, text: &[u8]) -> Option<T> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let (line, json) = (&text[..end], &text[end + 1..]);
    let said: Digest = std::str::from_utf8(line).ok()?.parse().ok()?;
    (said == seal(kind, key, json)).then(|| serde_json::from_slice(json).ok())?
}

fn seal(kind: &str, key: &Digest, json: &[u8]) -> Digest {
    Digest::of(&[format!("{VERSION} {kind} {key}\n").as_bytes(), json].concat())
}
