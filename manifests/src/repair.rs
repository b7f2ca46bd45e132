//! Repair requests: what an isolated host asks for when a bundle arrived damaged, in a small file that is carried to a machine
//! that has the bundle whole.

use crate::{Arch, Bundle, Digest, Product, Serial, Version, limits};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What has to be brought to the host again.
///
/// ```json
/// {"schema": 1, "product": "acme", "version": "1.4.0", "serial": 12, "arch": "amd64", "manifest": "sha256:…", "blobs": ["sha256:…"]}
/// ```
///
/// A request is not signed: it only says which blobs to look for, and what comes back is verified by the bundle's signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepairRequest {
    /// The manifest or its signatures are damaged, so that the release is unknown. In JSON, all fields are null but `schema` and
    /// `blobs`, which is empty.
    Head,
    /// Blobs of a release that is known.
    Release(RequestedBlobs),
}

/// Blobs of one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedBlobs {
    /// What the release is of.
    pub product: Product,
    /// Its version.
    pub version: Version,
    /// Its serial.
    pub serial: Serial,
    /// The processor that it runs on.
    pub arch: Arch,
    /// The digest of its `landfall.json`, by which alone it is known.
    pub manifest: Digest,
    /// The damaged blobs, in the manifest's order; none if only the image layout's files are damaged, which every patch holds.
    pub blobs: Vec<Digest>,
}

/// A file is not a repair request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Larger than [`limits::REQUEST_BYTES`].
    #[error("the request is larger than the 16 MiB that are read")]
    TooLarge,
    /// Not JSON, or not of this shape.
    #[error("the request does not parse")]
    Json(#[from] serde_json::Error),
    /// A form that this program does not know.
    #[error("the request's schema {0} is not 1: a newer Landfall made it")]
    Schema(u32),
    /// Some fields name a release, and others are null.
    #[error("the request names its release in part only")]
    Partial,
    /// A blob is asked for twice.
    #[error("the request asks twice for blob {0}")]
    Twice(Digest),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestFile {
    schema: u32,
    product: Option<Product>,
    version: Option<Version>,
    serial: Option<Serial>,
    arch: Option<Arch>,
    manifest: Option<Digest>,
    blobs: Vec<Digest>,
}

impl RepairRequest {
    /// The request for those blobs of `bundle` that are in `damaged`.
    pub fn of(bundle: &Bundle, damaged: &BTreeSet<Digest>) -> Self {
        let release = bundle.release();
        Self::Release(RequestedBlobs {
            product: release.product.clone(),
            version: release.version.clone(),
            serial: release.serial,
            arch: release.arch,
            manifest: Digest::of(bundle.manifest()),
            blobs: release.archived().iter().map(|blob| blob.digest).filter(|blob| damaged.contains(blob)).collect(),
        })
    }

    /// Reads a request.
    pub fn parse(json: &[u8]) -> Result<Self, RequestError> {
        if json.len() as u64 > limits::REQUEST_BYTES {
            return Err(RequestError::TooLarge);
        }
        let file: RequestFile = serde_json::from_slice(json)?;
        if file.schema != 1 {
            return Err(RequestError::Schema(file.schema));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = file.blobs.iter().find(|blob| !seen.insert(**blob)) {
            return Err(RequestError::Twice(*twice));
        }
        match (file.product, file.version, file.serial, file.arch, file.manifest) {
            (Some(product), Some(version), Some(serial), Some(arch), Some(manifest)) => {
                Ok(Self::Release(RequestedBlobs { product, version, serial, arch, manifest, blobs: file.blobs }))
            }
            // All fields or none: part of a name could be taken for another release's.
            (None, None, None, None, None) if file.blobs.is_empty() => Ok(Self::Head),
            _ => Err(RequestError::Partial),
        }
    }

    /// The bytes of the file: indented JSON with a final line end.
    pub fn to_json(&self) -> Vec<u8> {
        let wanted = match self {
            Self::Head => None,
            Self::Release(wanted) => Some(wanted.clone()),
        };
        let file = RequestFile {
            schema: 1,
            product: wanted.as_ref().map(|wanted| wanted.product.clone()),
            version: wanted.as_ref().map(|wanted| wanted.version.clone()),
            serial: wanted.as_ref().map(|wanted| wanted.serial),
            arch: wanted.as_ref().map(|wanted| wanted.arch),
            manifest: wanted.as_ref().map(|wanted| wanted.manifest),
            blobs: wanted.map(|wanted| wanted.blobs).unwrap_or_default(),
        };
        #[expect(clippy::expect_used, reason = "no map with keys that are not text, and no writer that can fail")]
        let mut bytes = serde_json::to_vec_pretty(&file).expect("a request is JSON");
        bytes.push(b'\n');
        bytes
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn wanted() -> RequestedBlobs {
        RequestedBlobs {
            product: "acme".parse().unwrap(),
            version: "1.4.0".parse().unwrap(),
            serial: 12.try_into().unwrap(),
            arch: Arch::Amd64,
            manifest: Digest::of(b"manifest"),
            blobs: vec![Digest::of(b"b"), Digest::of(b"a")],
        }
    }

    #[test]
    fn reads_back_what_was_written() {
        let empty = RequestedBlobs { blobs: Vec::new(), ..wanted() };
        for request in [RepairRequest::Head, RepairRequest::Release(wanted()), RepairRequest::Release(empty)] {
            assert_eq!(RepairRequest::parse(&request.to_json()).unwrap(), request);
        }
        let head: serde_json::Value = serde_json::from_slice(&RepairRequest::Head.to_json()).unwrap();
        let expected = serde_json::json!({"schema": 1, "product": null, "version": null, "serial": null, "arch": null,
                                          "manifest": null, "blobs": []});
        assert_eq!(head, expected);
    }

    #[test]
    fn refuses_what_no_host_writes() {
        let json = String::from_utf8(RepairRequest::Release(wanted()).to_json()).unwrap();
        let blob = Digest::of(b"a").to_string();
        let other = Digest::of(b"b").to_string();
        let cases = [
            ("\"schema\": 1", "\"schema\": 2", "schema 2 is not 1"),
            ("\"schema\": 1", "\"schema\": 1, \"more\": 1", "does not parse"),
            ("\"acme\"", "null", "in part only"),
            ("\"acme\"", "\"../acme\"", "does not parse"),
            ("\"serial\": 12", "\"serial\": 0", "does not parse"),
            (other.as_str(), blob.as_str(), "twice for blob"),
        ];
        for (from, to, expected) in cases {
            assert!(json.contains(from), "{from}");
            let error = RepairRequest::parse(json.replacen(from, to, 1).as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{to}: {error}");
        }
        let blobs_of_nothing = r#"{"schema": 1, "blobs": ["B"]}"#.replace('B', &blob);
        assert!(matches!(RepairRequest::parse(blobs_of_nothing.as_bytes()), Err(RequestError::Partial)));
        let large = vec![b' '; usize::try_from(limits::REQUEST_BYTES).unwrap() + 1];
        assert!(matches!(RepairRequest::parse(&large), Err(RequestError::TooLarge)));
    }
}
