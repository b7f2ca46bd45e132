//! How the pinned trust root changes with a release.

use landfall_keys::{KeyId, PublicKey, TrustRoot};
use serde::Serialize;
use std::fmt;

/// A root that is pinned instead of another one, or as the first one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TrustChange {
    /// The version of the publisher's trust root that is pinned so far; `null` if none is.
    pub(crate) from: Option<u32>,
    pub(crate) to: u32,
    /// How many of the keys must have signed a release.
    pub(crate) threshold: u32,
    /// The ids of the keys that are not revoked.
    pub(crate) keys: Vec<KeyId>,
}

impl TrustChange {
    /// What becomes different when `next` is pinned; nothing, if it is.
    pub(crate) fn between(pinned: Option<&TrustRoot>, next: &TrustRoot) -> Option<Self> {
        let (from, trusted) = (pinned.map(TrustRoot::version), next.trusted_keys());
        let keys = trusted.keys().iter().map(PublicKey::id).collect();
        let change = Self { from, to: next.version(), threshold: trusted.threshold(), keys };
        (pinned != Some(next)).then_some(change)
    }
}

impl fmt::Display for TrustChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(from) = self.from {
            write!(f, "version {} of the publisher's trust root instead of {from}: ", self.to)?;
        }
        let ids: Vec<String> = self.keys.iter().map(KeyId::to_string).collect();
        write!(f, "will trust {} of {} keys: {}", self.threshold, ids.len(), ids.join(", "))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use landfall_keys::{RootChanges, SecretKey};

    #[test]
    fn says_whom_a_host_will_trust_and_nothing_where_that_stays() {
        let [one, two] = [(); 2].map(|()| SecretKey::generate().unwrap().public_key());
        let first = TrustRoot::first(vec![one], 1).unwrap();
        let both = RootChanges { add: vec![two], threshold: Some(2), ..RootChanges::default() };
        let next = first.next(&both).unwrap();
        let shown = |pinned, next| TrustChange::between(pinned, next).map(|change| change.to_string());
        assert_eq!(shown(None, &first), Some(format!("will trust 1 of 1 keys: {}", one.id())));
        let expected = format!("instead of 1: will trust 2 of 2 keys: {}, {}", one.id(), two.id());
        assert!(shown(Some(&first), &next).unwrap().ends_with(&expected));
        assert_eq!(shown(Some(&next), &next), None);
    }
}
