//! The next version of a root: what a publisher changes.

use super::{MAX_TRUST_ROOT_BYTES, RootError, RootFile, TrustRoot, distinct_ids, share_id};
use crate::key_id::KeyId;
use crate::public_key::PublicKey;

/// What the next version of a root says differently.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootChanges {
    /// Keys that are trusted from now on.
    pub add: Vec<PublicKey>,
    /// Ids of keys that are no longer needed. They must be there. The same key may come back later.
    pub remove: Vec<KeyId>,
    /// Ids of keys that others may hold. They need not be there, and can never come back.
    pub revoke: Vec<KeyId>,
    /// How many keys must sign; as many as before if absent.
    pub threshold: Option<u32>,
}

impl TrustRoot {
    /// The next version, not yet signed: [`TrustRoot::succeeded_by`] asks for the
    /// thresholds of both versions.
    ///
    /// # Errors
    /// A key to remove is not there, a key to add is revoked or there already or has another key's id,
    /// the threshold cannot be met, or nothing would change.
    pub fn next(&self, changes: &RootChanges) -> Result<Self, RootError> {
        self.next_after([], changes)
    }

    /// The same where versions before this one are known: a revoked key stays out under whatever id,
    /// and an id stays its key's, also if only an `earlier` version lists it.
    pub fn next_after<'a>(
        &'a self,
        earlier: impl IntoIterator<Item = &'a Self>,
        changes: &RootChanges,
    ) -> Result<Self, RootError> {
        // Checked: a version that wrapped around to 0 would be older than all others.
        let version = self.version().checked_add(1).ok_or(RootError::LastVersion)?;
        // 1. A key to remove must be there: a mistyped id would leave a key trusted after its publisher took it for removed.
        if let Some(&id) = changes.remove.iter().find(|id| self.file.keys.iter().all(|key| key.id() != **id)) {
            return Err(RootError::UnknownKey { id, version: self.version() });
        }
        // 2. Revocations only add up: hosts refuse a root that takes one back (`ChainError::Forgotten`).
        let mut revoked = self.file.revoked.clone();
        for id in &changes.revoke {
            if !revoked.contains(id) {
                revoked.push(*id);
            }
        }
        // 3. Keys go before others come, so that one change may give a key another id.
        let mut keys = self.file.keys.clone();
        keys.retain(|key| !changes.remove.contains(&key.id()));
        keys.extend(&changes.add);
        let gone = |key: &PublicKey| revoked.contains(&key.id());
        let added_gone = changes.add.iter().find(|key| gone(key));
        keys.retain(|key| !gone(key));
        // 4. A revoked id stands for its key: that key stays out under every id by which any version lists it.
        let known: Vec<&PublicKey> = earlier.into_iter().chain([self]).flat_map(Self::listed_keys).collect();
        let returns = |key: &&PublicKey| known.iter().any(|old| old.same_signer(key) && gone(old));
        if let Some(key) = added_gone.or_else(|| keys.iter().find(returns)) {
            return Err(RootError::RevokedKey { id: key.id() });
        }
        // 5. Signatures name ids only, and the keys of both versions sign the next root: an id must not be two keys'
        // in turn.
        if let Some(key) = changes.add.iter().find(|key| known.iter().any(|old| share_id(old, key))) {
            return Err(RootError::SharedId { id: key.id() });
        }
        distinct_ids(&keys)?;
        let threshold = changes.threshold.unwrap_or(self.file.threshold);
        self.checked(RootFile { version, threshold, keys, revoked })
    }

    fn checked(&self, next: RootFile) -> Result<Self, RootError> {
        if self.file.says_the_same(&next) {
            return Err(RootError::Unchanged { version: self.version() });
        }
        let next = Self::new(next)?;
        let found = next.to_json().len();
        // Hosts read no longer root: the publisher's chain would end here for all of them.
        if found > MAX_TRUST_ROOT_BYTES {
            return Err(RootError::TooLong { found });
        }
        Ok(next)
    }
}

impl RootFile {
    /// Whether both mean the same but for the version. The order of keys means nothing.
    fn says_the_same(&self, other: &Self) -> bool {
        let same_keys = self.keys.len() == other.keys.len() && self.keys.iter().all(|key| other.keys.contains(key));
        same_keys && self.threshold == other.threshold && self.revoked == other.revoked
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::SecretKey;
    use crate::trusted::TrustedKeysError;

    fn key(id: u8, seed: u8) -> PublicKey {
        SecretKey::from_seed(KeyId::from_bytes([id; 8]), &[seed; 32]).public_key()
    }

    fn ids(ids: &[u8]) -> Vec<KeyId> {
        ids.iter().map(|&id| KeyId::from_bytes([id; 8])).collect()
    }

    /// Two of three.
    fn root() -> TrustRoot {
        TrustRoot::first(vec![key(1, 1), key(2, 2), key(3, 3)], 2).unwrap()
    }

    fn has(root: &TrustRoot) -> (u32, u32, Vec<KeyId>, Vec<KeyId>) {
        let keys = root.trusted_keys();
        (root.version(), keys.threshold(), keys.keys().iter().map(PublicKey::id).collect(), root.revoked().to_vec())
    }

    #[test]
    fn adds_removes_replaces_and_revokes_keys_and_moves_the_threshold() {
        let table = [
            (RootChanges { add: vec![key(4, 4)], ..RootChanges::default() }, (2, 2, ids(&[1, 2, 3, 4]), vec![])),
            (RootChanges { remove: ids(&[1]), ..RootChanges::default() }, (2, 2, ids(&[2, 3]), vec![])),
            (RootChanges { revoke: ids(&[1, 1]), ..RootChanges::default() }, (2, 2, ids(&[2, 3]), ids(&[1]))),
            (RootChanges { revoke: ids(&[9]), ..RootChanges::default() }, (2, 2, ids(&[1, 2, 3]), ids(&[9]))),
            (RootChanges { threshold: Some(3), ..RootChanges::default() }, (2, 3, ids(&[1, 2, 3]), vec![])),
            (
                RootChanges { remove: ids(&[2]), add: vec![key(4, 4)], ..RootChanges::default() },
                (2, 2, ids(&[1, 3, 4]), vec![]),
            ),
            (
                RootChanges { remove: ids(&[2]), add: vec![key(4, 2)], ..RootChanges::default() },
                (2, 2, ids(&[1, 3, 4]), vec![]),
            ),
        ];
        for (changes, expected) in table {
            let next = root().next(&changes).unwrap();
            assert_eq!(has(&next), expected, "{changes:?}");
            assert_eq!(TrustRoot::parse(next.to_json().as_bytes()).unwrap(), next);
        }
    }

    #[test]
    fn refuses_changes_that_would_not_do_what_they_say() {
        let next = |changes: RootChanges| root().next(&changes).unwrap_err();
        let unknown = next(RootChanges { remove: ids(&[9]), ..RootChanges::default() });
        assert!(matches!(unknown, RootError::UnknownKey { version: 1, .. }));
        let there = next(RootChanges { add: vec![key(9, 1)], ..RootChanges::default() });
        assert!(matches!(there, RootError::Keys(TrustedKeysError::DuplicateKey { .. })));
        let too_few = next(RootChanges { remove: ids(&[1, 2]), ..RootChanges::default() });
        assert!(matches!(too_few, RootError::Keys(TrustedKeysError::Threshold { threshold: 2, keys: 1 })));
        assert!(matches!(next(RootChanges::default()), RootError::Unchanged { version: 1 }));
        let itself = next(RootChanges { remove: ids(&[1]), add: vec![key(1, 1)], ..RootChanges::default() });
        assert!(matches!(itself, RootError::Unchanged { version: 1 }), "another order is no other root: {itself}");
    }

    #[test]
    fn refuses_an_id_that_is_another_keys() {
        let shared = |changes: RootChanges| matches!(root().next(&changes), Err(RootError::SharedId { .. }));
        assert!(shared(RootChanges { add: vec![key(1, 9)], ..RootChanges::default() }));
        assert!(shared(RootChanges { add: vec![key(8, 8), key(8, 9)], ..RootChanges::default() }));
        // Both versions' keys sign the next one: the one signature under the id would be false for the other.
        assert!(shared(RootChanges { remove: ids(&[1]), add: vec![key(1, 9)], ..RootChanges::default() }));
        for alike in [
            TrustRoot::first(vec![key(1, 1), key(1, 2)], 1),
            TrustRoot::beginning_at(4, vec![key(1, 1), key(1, 2)], 1, vec![]),
        ] {
            assert!(matches!(alike, Err(RootError::SharedId { .. })), "{alike:?}");
        }
    }

    #[test]
    fn knows_a_key_again_that_only_an_earlier_version_lists() {
        let first = root();
        let second = first.next(&RootChanges { revoke: ids(&[1]), ..RootChanges::default() }).unwrap();
        let third = second.next(&RootChanges { threshold: Some(1), ..RootChanges::default() }).unwrap();
        let alias = RootChanges { add: vec![key(9, 1)], ..RootChanges::default() };
        let refused = third.next_after([&first, &second], &alias);
        assert!(matches!(refused, Err(RootError::RevokedKey { .. })), "{refused:?}");
        let again = RootChanges { add: vec![key(1, 9)], ..RootChanges::default() };
        assert!(matches!(third.next_after([&first, &second], &again), Err(RootError::RevokedKey { .. })));

        // The key goes on under another id, and then the first id turns out to have leaked.
        let renamed = RootChanges { remove: ids(&[2]), add: vec![key(9, 2)], ..RootChanges::default() };
        let renamed = first.next(&renamed).unwrap();
        let leaked = RootChanges { revoke: ids(&[2]), ..RootChanges::default() };
        assert!(matches!(renamed.next_after([&first], &leaked), Err(RootError::RevokedKey { .. })));
        let both = RootChanges { revoke: ids(&[2, 9]), ..RootChanges::default() };
        assert_eq!(renamed.next_after([&first], &both).unwrap().revoked(), ids(&[2, 9]));
        let again = RootChanges { add: vec![key(2, 7)], ..RootChanges::default() };
        assert!(matches!(renamed.next_after([&first], &again), Err(RootError::SharedId { .. })));
    }

    #[test]
    fn never_lets_a_revoked_key_return() {
        let again = RootChanges { revoke: ids(&[1]), add: vec![key(1, 9)], ..RootChanges::default() };
        assert!(matches!(root().next(&again), Err(RootError::RevokedKey { .. })));
        let alias = RootChanges { revoke: ids(&[1]), add: vec![key(9, 1)], ..RootChanges::default() };
        assert!(matches!(root().next(&alias), Err(RootError::RevokedKey { .. })));
        let revoked = root().next(&RootChanges { revoke: ids(&[1]), ..RootChanges::default() }).unwrap();
        let later = RootChanges { add: vec![key(1, 1)], ..RootChanges::default() };
        assert!(matches!(revoked.next(&later), Err(RootError::RevokedKey { .. })));
        let other = revoked.next(&RootChanges { add: vec![key(4, 4)], ..RootChanges::default() }).unwrap();
        assert_eq!(other.revoked(), ids(&[1]));
    }

    #[test]
    fn ends_at_the_last_version_and_at_the_longest_file() {
        let last = root().to_json().replace("\"version\": 1", &format!("\"version\": {}", u32::MAX));
        let last = TrustRoot::parse(last.as_bytes()).unwrap();
        let change = RootChanges { threshold: Some(1), ..RootChanges::default() };
        assert!(matches!(last.next(&change), Err(RootError::LastVersion)));
        let many = (0..4000_u64).map(|n| KeyId::from_bytes((n + (9 << 40)).to_le_bytes())).collect();
        let long = root().next(&RootChanges { revoke: many, ..RootChanges::default() });
        assert!(matches!(long, Err(RootError::TooLong { .. })));
    }
}
