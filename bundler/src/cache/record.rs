//! Records: a line with the digest of the rest, which is JSON.

use crate::layer_scan::LayerFacts;
use landfall_manifests::{Blob, BundlePath, Digest, Encoding};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest record, in bytes: the facts of a layer of more files than are remembered, and long names.
pub(super) const BYTES: u64 = 8 << 20;
/// Changes when a record of the same key means something else.
const VERSION: u32 = 1;

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
    Digest::of(format!("{VERSION} layer {form} {} {}", content.digest, content.size).as_bytes())
}

pub(super) fn file_key(form: &str, path: &BundlePath, size: u64) -> Digest {
    Digest::of(format!("{VERSION} file {form} {size} {path}").as_bytes())
}

/// The text of a record.
pub(super) fn text(value: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(value).unwrap_or_default();
    [format!("{}\n", Digest::of(&json)).as_bytes(), &json].concat()
}

/// What a record says, unless it is damaged or of another version.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    let (line, json) = (&text[..end], &text[end + 1..]);
    let said: Digest = std::str::from_utf8(line).ok()?.parse().ok()?;
    (said == Digest::of(json)).then(|| serde_json::from_slice(json).ok())?
}
