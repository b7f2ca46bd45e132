//! The trust root that a bundle offers to a host that trusts none yet.

use landfall_console::{Exit, Failure};
use landfall_keys::{ChainError, RootLink, TrustRoot, root_file_name};
use landfall_manifests::Digest;

/// A root that nobody has vouched for: for showing it to a person, who compares its digest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OfferedRoot(TrustRoot);

impl OfferedRoot {
    /// The newest root that the chain leads to from its own oldest one; `None` where there is no chain.
    ///
    /// # Errors
    /// The chain does not hold, so that no host would follow it.
    pub(crate) fn of(chain: &[RootLink]) -> Result<Option<Self>, ChainError> {
        let Some(oldest) = chain.first() else { return Ok(None) };
        oldest.unverified_root()?.follow(chain).map(|newest| Some(Self(newest)))
    }

    pub(crate) fn root(&self) -> &TrustRoot {
        &self.0
    }

    /// What people compare: the digest of the root's file.
    pub(crate) fn digest(&self) -> String {
        Digest::of(self.0.to_json().as_bytes()).to_string()
    }

    /// Which root it is, for a person.
    pub(crate) fn title(&self) -> String {
        let (version, trusted) = (self.0.version(), self.0.trusted_keys());
        format!(
            "version {version} of the publisher's trust root, {} of whose {} keys must sign",
            trusted.threshold(),
            trusted.keys().len()
        )
    }

    /// Nothing is installed by less than this root: exit code 4, with a hint that tells how to trust it.
    pub(crate) fn refusal(&self, code: &'static str, message: impl Into<String>) -> Failure {
        let hint = format!(
            "the bundle brings {}: compare its digest, {}, with the one that the publisher told you out of band, and give its \
             file with --trust {}",
            self.title(),
            self.digest(),
            root_file_name(self.0.version())
        );
        Failure::new(Exit::Untrusted, code, message).hint(hint)
    }
}
