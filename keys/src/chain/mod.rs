//! Signed successors of a root, and the rules by which a host accepts them.
//!
//! A host that pins version 3 of a root and is given versions 2 to 5 follows from 3 to 4 to 5. It
//! accepts each next version only if enough keys of the version before it *and* of itself signed its
//! bytes, as in section 5.3 of the TUF specification (<https://theupdateframework.github.io/specification/latest/>).
//! Only these signatures count, so a chain may come from an untrusted medium.

mod at_most;
mod error;
mod files;
mod names;
mod walk;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::root::TrustRoot;
use crate::signature::Signature;
use crate::trusted::MAX_SIGNATURES;

pub use at_most::at_most;
pub use error::ChainError;
pub use files::RootFiles;
pub use names::{root_file_name, root_version, signature_file_name, signed_root_version};

/// The most links that are followed: one change of keys a month, for twenty years.
pub const MAX_CHAIN_LINKS: usize = 256;

/// As many signatures of a link are kept as show that there are too many.
const SIGNATURES_KEPT: usize = MAX_SIGNATURES + 1;

/// A root as text, and the texts of the signatures over its bytes.
///
/// Until [`TrustRoot::follow`] or [`TrustRoot::adopt`] has accepted it, everything in it is a claim.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct RootLink {
    root: String,
    #[serde(deserialize_with = "at_most::<_, _, SIGNATURES_KEPT>")]
    signatures: Vec<String>,
}

impl RootLink {
    /// The link of a root, in the form that [`TrustRoot::to_json`] gives it, and signatures over that.
    pub fn new(root: &TrustRoot, signatures: &[Signature]) -> Self {
        Self { root: root.to_json(), signatures: signatures.iter().map(Signature::to_file).collect() }
    }

    /// The link of texts as they were found in files. They are looked at when the link is used.
    pub fn from_texts(root: String, signatures: Vec<String>) -> Self {
        Self { root, signatures }
    }

    /// The root's text: the bytes that are signed.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The signatures, each the text of a signature file.
    pub fn signatures(&self) -> &[String] {
        &self.signatures
    }

    /// The version in the root, unverified.
    pub fn version(&self) -> Result<u32, ChainError> {
        self.unverified_root().map(|root| root.version())
    }

    /// The root, *unverified*: for showing it.
    ///
    /// # Errors
    /// The text is not a root, or is not exactly what [`TrustRoot::to_json`] writes: only then is what
    /// was signed also what a host writes into its `trust.json`, with the same digest.
    pub fn unverified_root(&self) -> Result<TrustRoot, ChainError> {
        let root = TrustRoot::parse(self.root.as_bytes()).map_err(ChainError::Root)?;
        if root.to_json() != self.root {
            return Err(ChainError::NotCanonical { version: root.version() });
        }
        Ok(root)
    }

    /// The signatures, as the link of version `version` has them; none of them has been verified.
    /// One id signs once (TUF specification, section 4.2.1: "The keyid MUST be unique").
    fn parse_signatures(&self, version: u32) -> Result<Vec<Signature>, ChainError> {
        let found = self.signatures.len();
        if found > MAX_SIGNATURES {
            return Err(ChainError::TooManySignatures { version, found });
        }
        let mut ids = BTreeSet::new();
        let parse = |text: &String| {
            let signature = Signature::parse(text.as_bytes());
            let signature = signature.map_err(|source| ChainError::Signature { version, source })?;
            let id = signature.key_id();
            if ids.insert(id) { Ok(signature) } else { Err(ChainError::SignedTwice { version, id }) }
        };
        self.signatures.iter().map(parse).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
