//! The signed index of a folder of bundles: a host that looks there learns what there is from its publisher, and not from whoever
//! serves the folder.

use crate::release::LINKS_KEPT;
use crate::{Arch, Digest, Os, Product, Release, ReleaseId, Serial, Version, limits};
use landfall_keys::{RootLink, SecretKey, Signature, SignatureError, TrustError, TrustedKeys, Verified, at_most};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The name of its file.
pub const INDEX_NAME: &str = "landfall-index.json";

const NAME_END: &str = ".landfall.tar";
const SIGNATURES_KEPT: usize = limits::SIGNATURES + 1;
const BUNDLES_KEPT: usize = limits::INDEXED_BUNDLES + 1;

/// The bundles of a folder.
///
/// ```json
/// {"schema": 1, "product": "acme", "bundles": [
///   {"file": "acme-1.4.0-linux-amd64.landfall.tar", "version": "1.4.0", "serial": 12, "os": "linux", "arch": "amd64",
///    "minUpgradeFrom": "1.2.0", "manifest": "sha256:…", "size": 123}]}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleIndex {
    /// The form's number, 1.
    pub schema: u32,
    /// What all the bundles are of.
    pub product: Product,
    /// The bundles, sorted by their files' names.
    #[serde(deserialize_with = "at_most::<_, _, BUNDLES_KEPT>")]
    pub bundles: Vec<IndexedBundle>,
}

/// A bundle in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IndexedBundle {
    /// The name of its file there; of one in parts, the name without `.partNNN`.
    pub file: String,
    /// Its release's version.
    pub version: Version,
    /// Its release's serial.
    pub serial: Serial,
    /// The operating system that it is for.
    pub os: Os,
    /// The processor that it is for.
    pub arch: Arch,
    /// The oldest version that can be updated to it.
    pub min_upgrade_from: Option<Version>,
    /// The digest of its `landfall.json`.
    pub manifest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// An index as it is in its file, [`INDEX_NAME`], of at most [`limits::INDEX_BYTES`]. The signed bytes are the text of `index`; what makes
/// them count is in the same file, so that nobody reads one half of an old and one of a new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedIndex {
    index: String,
    /// Minisign signatures, each the text of a file of its own.
    #[serde(deserialize_with = "at_most::<_, _, SIGNATURES_KEPT>")]
    signatures: Vec<String>,
    /// The publisher's trust roots, as bundles carry them.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "at_most::<_, _, LINKS_KEPT>")]
    trust: Vec<RootLink>,
}

/// An index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file is larger than what is read.
    #[error("the index has more than the 4 MiB that are read")]
    TooLarge,
    /// Not JSON, or not of this shape.
    #[error("the index does not parse")]
    Json(#[from] serde_json::Error),
    /// A form that this program does not know.
    #[error("the index's schema {0} is not 1: a newer Landfall made it")]
    Schema(u32),
    /// More signatures than a bundle has.
    #[error("the index has more than 16 signatures")]
    Signatures,
    /// More bundles than an index lists.
    #[error("the index lists more than 4096 bundles")]
    Bundles,
    /// Something that was named a signature.
    #[error("a signature of the index does not parse")]
    Signature(#[from] SignatureError),
    /// Not enough keys that are trusted have signed it.
    #[error("the index is not signed by the keys that this host trusts")]
    Untrusted(#[from] TrustError),
    /// A name that is none of a bundle's file.
    #[error("the index lists {0:?}, which is no name of a bundle's file")]
    Name(String),
    /// A file, or a release for one kind of host, that is listed twice.
    #[error("the index lists {0} twice")]
    Twice(String),
}

impl BundleIndex {
    /// The index of bundles of one product.
    ///
    /// # Errors
    /// A name is no bundle's, or something is there twice.
    pub fn new(product: Product, mut bundles: Vec<IndexedBundle>) -> Result<Self, IndexError> {
        bundles.sort_by(|one, other| one.file.cmp(&other.file));
        let index = Self { schema: 1, product, bundles };
        index.check()?;
        Ok(index)
    }

    fn check(&self) -> Result<(), IndexError> {
        if self.schema != 1 {
            return Err(IndexError::Schema(self.schema));
        }
        if self.bundles.len() > limits::INDEXED_BUNDLES {
            return Err(IndexError::Bundles);
        }
        let (mut files, mut releases) = (BTreeSet::new(), BTreeSet::new());
        for bundle in &self.bundles {
            // It becomes the end of a path and of an address.
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            let name = &bundle.file;
            let fits = name.len() <= limits::PATH_COMPONENT_BYTES && name.ends_with(NAME_END) && !name.starts_with('.');
            if !fits || !name.bytes().all(is_plain) {
                return Err(IndexError::Name(name.clone()));
            }
            if !files.insert(name) {
                return Err(IndexError::Twice(name.clone()));
            }
            // Which of the two would be meant?
            if !releases.insert((bundle.os.name(), bundle.arch.name(), bundle.serial)) {
                return Err(IndexError::Twice(format!("serial {} for {}", bundle.serial, bundle.platform())));
            }
        }
        Ok(())
    }
}

impl IndexedBundle {
    /// What an index says of a bundle of `release`, whose manifest has this digest.
    pub fn of(file: String, release: &Release, manifest: Digest, size: u64) -> Self {
        Self {
            file,
            version: release.version.clone(),
            serial: release.serial,
            os: release.os,
            arch: release.arch,
            min_upgrade_from: release.min_upgrade_from.clone(),
            manifest,
            size,
        }
    }

    /// The release's identity on a host.
    pub fn id(&self) -> ReleaseId {
        ReleaseId { version: self.version.clone(), serial: self.serial }
    }

    /// `os/arch`.
    pub fn platform(&self) -> String {
        format!("{}/{}", self.os.name(), self.arch.name())
    }
}

impl SignedIndex {
    /// An index that nobody has signed yet. `trust` are the roots by which hosts come to know the keys.
    pub fn new(index: &BundleIndex, trust: Vec<RootLink>) -> Result<Self, IndexError> {
        Ok(Self { index: serde_json::to_string_pretty(index)? + "\n", signatures: Vec::new(), trust })
    }

    /// Takes over the signatures of one that says the same.
    #[must_use]
    pub fn with_signatures_of(mut self, other: &Self) -> Self {
        if self.index == other.index {
            self.signatures.clone_from(&other.signatures);
        }
        self
    }

    /// Adds the signature of a key, in place of an earlier one of the same.
    ///
    /// # Errors
    /// There are as many signatures as one may have, or it cannot be made.
    pub fn sign(&mut self, key: &SecretKey) -> Result<(), IndexError> {
        let signature = key.sign(self.index.as_bytes(), "landfall bundle index")?;
        let mut signatures = self.signatures()?;
        signatures.retain(|other| other.key_id() != signature.key_id());
        signatures.push(signature);
        if signatures.len() > limits::SIGNATURES {
            return Err(IndexError::Signatures);
        }
        signatures.sort_by_key(|signature| signature.key_id().to_string());
        self.signatures = signatures.iter().map(Signature::to_file).collect();
        Ok(())
    }

    /// Parses the file. Nothing in it is verified.
    ///
    /// # Errors
    /// It is no index, or too large.
    pub fn parse(file: &[u8]) -> Result<Self, IndexError> {
        if file.len() as u64 > limits::INDEX_BYTES {
            return Err(IndexError::TooLarge);
        }
        let signed: Self = serde_json::from_slice(file)?;
        if signed.signatures.len() > limits::SIGNATURES {
            return Err(IndexError::Signatures);
        }
        Ok(signed)
    }

    /// Its file.
    ///
    /// # Errors
    /// It would be larger than what hosts read.
    pub fn to_file(&self) -> Result<Vec<u8>, IndexError> {
        let mut file = serde_json::to_vec_pretty(self)?;
        file.push(b'\n');
        if file.len() as u64 > limits::INDEX_BYTES { Err(IndexError::TooLarge) } else { Ok(file) }
    }

    /// Its signatures, unverified.
    ///
    /// # Errors
    /// One of them is none.
    pub fn signatures(&self) -> Result<Vec<Signature>, IndexError> {
        let parse = |text: &String| Ok(Signature::parse_canonical(text.as_bytes())?);
        self.signatures.iter().map(parse).collect()
    }

    /// The trust roots that it carries, *unverified*: as [`crate::Head::offered_chain`].
    pub fn offered_chain(&self) -> &[RootLink] {
        &self.trust
    }

    /// Checks that enough trusted keys have signed it, and only then parses what it says.
    ///
    /// # Errors
    /// It is not trusted, or not what an index may be.
    pub fn verify(&self, trusted: &TrustedKeys) -> Result<Verified<BundleIndex>, IndexError> {
        let verified = trusted.verify(self.index.as_bytes(), &self.signatures()?)?;
        verified.try_map(|text| {
            let index: BundleIndex = serde_json::from_slice(text)?;
            index.check()?;
            Ok(index)
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn bundle(file: &str, serial: u64) -> IndexedBundle {
        IndexedBundle {
            file: file.to_owned(),
            version: "1.0.0".parse().unwrap(),
            serial: serial.try_into().unwrap(),
            os: Os::Linux,
            arch: Arch::Amd64,
            min_upgrade_from: None,
            manifest: Digest::of(file.as_bytes()),
            size: 1,
        }
    }

    fn index(bundles: Vec<IndexedBundle>) -> Result<BundleIndex, IndexError> {
        BundleIndex::new("acme".parse().unwrap(), bundles)
    }

    fn trusted(keys: &[&SecretKey], threshold: u32) -> TrustedKeys {
        TrustedKeys::new(keys.iter().map(|key| key.public_key()).collect(), threshold).unwrap()
    }

    #[test]
    fn what_enough_trusted_keys_have_signed_is_what_is_read() {
        let [one, two, other] = [(); 3].map(|()| SecretKey::generate().unwrap());
        let index = index(vec![bundle("b.landfall.tar", 2), bundle("a.landfall.tar", 1)]).unwrap();
        let mut signed = SignedIndex::new(&index, Vec::new()).unwrap();
        let both = trusted(&[&one, &two], 2);
        for key in [&one, &one, &other] {
            signed.sign(key).unwrap();
            assert!(matches!(signed.verify(&both), Err(IndexError::Untrusted(_))));
        }
        // The second signature is added by whoever comes later, to the file that is there.
        let there = SignedIndex::parse(&signed.to_file().unwrap()).unwrap();
        let mut again = SignedIndex::new(&index, Vec::new()).unwrap().with_signatures_of(&there);
        again.sign(&two).unwrap();
        let read = SignedIndex::parse(&again.to_file().unwrap()).unwrap();
        assert_eq!((read.verify(&both).unwrap().get(), read.signatures().unwrap().len()), (&index, 3));
        let mut changed = read.clone();
        changed.index = changed.index.replace("1.0.0", "2.0.0");
        assert!(matches!(changed.verify(&both), Err(IndexError::Untrusted(_))));
        let anew = SignedIndex::new(&index, Vec::new()).unwrap().with_signatures_of(&changed);
        assert!(anew.signatures.is_empty(), "what says something else was not signed");
    }

    #[test]
    fn a_name_is_that_of_a_file_in_the_folder_and_no_release_is_there_twice() {
        for name in
            ["../a.landfall.tar", "a/b.landfall.tar", ".landfall.tar", "a.tar", "a b.landfall.tar", "é.landfall.tar"]
        {
            assert!(matches!(index(vec![bundle(name, 1)]), Err(IndexError::Name(_))), "{name}");
        }
        let twice = |one, other| index(vec![bundle("a.landfall.tar", one), bundle(other, 1)]);
        assert!(matches!(twice(1, "b.landfall.tar"), Err(IndexError::Twice(_))));
        assert!(matches!(twice(2, "a.landfall.tar"), Err(IndexError::Twice(_))));
        assert!(twice(2, "b.landfall.tar").is_ok());
        let many = (0..=limits::INDEXED_BUNDLES as u64).map(|n| bundle(&format!("{n}.landfall.tar"), n + 1));
        assert!(matches!(index(many.collect()), Err(IndexError::Bundles)));
    }

    #[test]
    fn what_is_no_index_is_refused_before_anything_is_verified() {
        let large = vec![b' '; usize::try_from(limits::INDEX_BYTES).unwrap() + 1];
        assert!(matches!(SignedIndex::parse(&large), Err(IndexError::TooLarge)));
        for text in ["", "{}", r#"{"index": "", "signatures": [], "more": 1}"#, r#"{"index": 1, "signatures": []}"#] {
            assert!(matches!(SignedIndex::parse(text.as_bytes()), Err(IndexError::Json(_))), "{text}");
        }
    }
}
