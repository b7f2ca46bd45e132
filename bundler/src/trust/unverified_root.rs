use super::root_report::digest;
use super::signature_status::signatures;
use landfall_keys::{KeyId, PublicKey, RootLink, Signature, list_ids};
use serde::Serialize;
use std::fmt;

/// The newest trust root of a bundle as it describes itself. A host accepts it because of its signatures only.
#[derive(Debug, Serialize)]
pub(crate) struct UnverifiedRoot {
    version: u32,
    digest: String,
    threshold: u32,
    keys: Vec<KeyId>,
    revoked: Vec<KeyId>,
    /// Whose signatures over the root come with it.
    signers: Vec<KeyId>,
}

impl UnverifiedRoot {
    /// The last of `links`, if there are any and it is a root.
    pub(crate) fn of(links: &[RootLink]) -> Option<Self> {
        let link = links.last()?;
        let root = link.unverified_root().ok()?;
        Some(Self {
            version: root.version(),
            digest: digest(&root),
            threshold: root.trusted_keys().threshold(),
            keys: root.trusted_keys().keys().iter().map(PublicKey::id).collect(),
            revoked: root.revoked().to_vec(),
            signers: signatures(link).iter().map(Signature::key_id).collect(),
        })
    }

    pub(crate) fn version(&self) -> u32 {
        self.version
    }
}

impl fmt::Display for UnverifiedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, threshold, keys, signers, revoked, .. } = self;
        write!(f, "root version {version} ({threshold} of {})", list_ids(keys))?;
        // Nobody has to sign the first.
        if !signers.is_empty() {
            write!(f, ", signed by {}", list_ids(signers))?;
        }
        if revoked.is_empty() { Ok(()) } else { write!(f, ", revokes {}", list_ids(revoked)) }
    }
}
