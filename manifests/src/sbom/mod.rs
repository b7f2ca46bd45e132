//! Software bills of materials, which a release has as files below `evidence/`: CycloneDX 1.6 in JSON, as far as Landfall writes and reads it.
//!
//! Reading is lenient, since other tools may have written a document: fields that are not known are passed over. Whether a document is the
//! release's own is for the digests of the manifest to say.

mod changes;
mod purl;

pub use changes::{PackageChanges, UpdatedPackage};
pub use purl::{Purl, encode};

use crate::{BundlePath, Digest, ImageName};
use serde::{Deserialize, Serialize};
use std::io::Read;

/// A document, in bytes: an image of some ten thousand packages, and small enough to hold in memory.
pub const BYTES: u64 = 16 << 20;
/// The document of the release itself.
pub const BUNDLE_PATH: &str = "evidence/bundle.cdx.json";
/// The folder of the images' documents.
const IMAGES: &str = "evidence/images";

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bom {
    /// `CycloneDX`.
    pub bom_format: String,
    /// `1.6`.
    pub spec_version: String,
    /// A URN with a UUID that is the document's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// Of the document.
    #[serde(default)]
    pub version: u32,
    /// What the document is of.
    #[serde(default)]
    pub metadata: Metadata,
    /// What that consists of.
    #[serde(default)]
    pub components: Vec<Component>,
    /// How complete the list is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compositions: Vec<Composition>,
}

/// What a document is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// When the release was made (RFC 3339), if the build was given a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// What wrote the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Tools>,
    /// The thing itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// What else is known of the document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

/// What wrote a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tools {
    /// Programs.
    #[serde(default)]
    pub components: Vec<Component>,
}

/// A package, a program, a file, an image or a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// `library`, `application`, `container`, `file`, `operating-system` and others.
    #[serde(rename = "type")]
    pub kind: String,
    /// Unique in the document.
    #[serde(rename = "bom-ref", default, skip_serializing_if = "Option::is_none")]
    pub bom_ref: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Supplier>,
    /// As its own kind of package calls it.
    pub name: String,
    /// As its own kind of package counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Of its content, where it has one of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
    /// Under which it may be used, as it says itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<LicenseChoice>,
    /// Its package URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// Other documents about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_references: Vec<ExternalReference>,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// What else is known of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supplier {
    /// Its name.
    #[serde(default)]
    pub name: String,
}

/// A digest, in the form of the specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hash {
    /// `SHA-256`.
    pub alg: String,
    /// Hex digits.
    pub content: String,
}

/// One licence, or an expression of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LicenseChoice {
    /// An expression by the rules of SPDX.
    Expression {
        /// Its text.
        expression: String,
    },
    /// A licence.
    License {
        /// Which one.
        license: License,
    },
}

/// A licence, by one of its two names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct License {
    /// The identifier of SPDX.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The words of the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A document elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalReference {
    /// `bom`, `distribution` and others.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is.
    pub url: String,
    /// What is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<Hash>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Where a component was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub occurrences: Vec<Occurrence>,
}

/// A place where a component was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// A path.
    pub location: String,
}

/// A name with a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

/// How complete a list of components is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Composition {
    /// `incomplete`, `unknown` and others.
    pub aggregate: String,
    /// The components that it is said of, by their `bom-ref`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assemblies: Vec<String>,
}

/// Bytes are no document that this program reads.
#[derive(Debug, thiserror::Error)]
pub enum BomError {
    /// Not JSON, or not of this shape.
    #[error("it is no CycloneDX document")]
    Json(#[from] serde_json::Error),
    /// Of another format.
    #[error("it is no CycloneDX document: its bomFormat is {0:?}")]
    Format(String),
}

impl Bom {
    /// Reads a document of at most [`BYTES`].
    pub fn read(from: impl Read) -> Result<Self, BomError> {
        let bom: Self = serde_json::from_reader(from.take(BYTES))?;
        if bom.bom_format != "CycloneDX" {
            return Err(BomError::Format(bom.bom_format.chars().take(40).collect()));
        }
        Ok(bom)
    }

    /// The document's bytes.
    pub fn to_json(&self) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "no map with keys that are not text, and no writer that can fail")]
        let mut bytes = serde_json::to_vec_pretty(self).expect("a document is JSON");
        bytes.push(b'\n');
        bytes
    }
}

impl Component {
    /// Its licences, for people.
    pub fn licence_text(&self) -> String {
        let one = |choice: &LicenseChoice| match choice {
            LicenseChoice::Expression { expression } => expression.clone(),
            LicenseChoice::License { license: License { id, name } } => id.clone().or(name.clone()).unwrap_or_default(),
        };
        self.licenses.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

impl Hash {
    /// The digest, as the specification writes it.
    pub fn of(digest: &Digest) -> Self {
        Self { alg: "SHA-256".to_owned(), content: digest.hex() }
    }
}

/// The path of an image's document in the release.
pub fn image_path(image: &ImageName) -> BundlePath {
    #[expect(clippy::expect_used, reason = "an image's name is a path's component")]
    format!("{IMAGES}/{image}.cdx.json").parse().expect("a path that a release may hold")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn reads_what_other_tools_write_and_refuses_other_formats() {
        let text = br#"{"$schema": "x", "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": {"tools": {"components": []}},
            "components": [{"type": "library", "name": "a", "cpe": "x", "licenses": [{"license": {"id": "MIT"}}, {"expression": "A OR B"}]}],
            "dependencies": []}"#;
        let bom = Bom::read(&text[..]).unwrap();
        assert_eq!(bom.components[0].licence_text(), "MIT, A OR B");
        assert_eq!(Bom::read(&*bom.to_json()).unwrap(), bom);
        assert!(matches!(Bom::read(&br#"{"bomFormat": "SPDX", "specVersion": "1"}"#[..]), Err(BomError::Format(_))));
        assert!(matches!(Bom::read(&b"{}"[..]), Err(BomError::Json(_))));
    }
}
