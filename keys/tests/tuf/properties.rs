//! What holds for any roots and signers.

use std::collections::BTreeSet;

use landfall_keys::{ChainError, KeyId, TrustRoot};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::cast::{PEOPLE, id, root, signed};

fn people() -> Vec<usize> {
    (0..PEOPLE).collect()
}

/// Keys, and a threshold that they can meet.
fn team() -> impl Strategy<Value = (Vec<usize>, u32)> {
    subsequence(people(), 1..=PEOPLE).prop_flat_map(|keys| {
        let most = u32::try_from(keys.len()).unwrap();
        (Just(keys), 1..=most)
    })
}

fn count(keys: &[usize], signers: &[usize]) -> usize {
    keys.iter().filter(|key| signers.contains(key)).count()
}

proptest! {
    /// Both thresholds decide, and nothing else: for any signers in any order.
    #[test]
    fn accepts_exactly_what_both_thresholds_signed(
        (old, old_threshold) in team(),
        (new, new_threshold) in team(),
        signers in subsequence(people(), 0..=PEOPLE).prop_shuffle(),
    ) {
        let (first, next) = (root(1, old_threshold, &old, &[]), root(2, new_threshold, &new, &[]));
        let met = count(&old, &signers) >= old_threshold as usize && count(&new, &signers) >= new_threshold as usize;
        let followed = first.follow(&[signed(&next, &signers)]);
        prop_assert_eq!(followed.is_ok(), met);
        if let Ok(newest) = followed {
            prop_assert_eq!(newest, next);
        }
    }

    /// A subset of good signatures that misses a threshold by one or more is never enough.
    #[test]
    fn never_accepts_a_subset_below_a_threshold((team, threshold) in team(), signers in btree_set(0..PEOPLE, 0..PEOPLE)) {
        let few: Vec<usize> = team.iter().copied().filter(|key| signers.contains(key)).take(threshold as usize - 1).collect();
        let (first, next) = (root(1, threshold, &team, &[]), root(2, threshold, &team, &[]));
        let refused = first.follow(&[signed(&next, &few)]);
        let is = matches!(refused, Err(ChainError::OldKeys { version: 2, .. }));
        prop_assert!(is, "{:?}", refused);
    }

}

proptest! {
    // Each case follows a whole chain.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whoever signs, a key that was revoked once is in no later root that a host accepts.
    #[test]
    fn a_revoked_id_never_returns(steps in vec((subsequence(people(), 1..=PEOPLE), subsequence(people(), 0..4)), 1..12)) {
        let everybody = people();
        let mut newest: TrustRoot = root(1, 1, &everybody, &[]);
        let mut gone: BTreeSet<KeyId> = BTreeSet::new();
        for (keys, revoked) in steps {
            if keys.iter().all(|key| revoked.contains(key)) {
                continue;
            }
            let next = root(newest.version() + 1, 1, &keys, &revoked);
            let named: BTreeSet<KeyId> = revoked.iter().map(|&person| id(person)).collect();
            let lists_revoked = keys.iter().any(|key| revoked.contains(key));
            let good = gone.is_subset(&named) && !lists_revoked;
            let followed = newest.follow(&[signed(&next, &everybody)]);
            prop_assert_eq!(followed.is_ok(), good);
            if let Ok(accepted) = followed {
                gone = named;
                newest = accepted;
            }
            prop_assert!(newest.trusted_keys().keys().iter().all(|key| !gone.contains(&key.id())));
        }
    }

    /// A chain is accepted as a whole or refused, from any version that a host trusts.
    #[test]
    fn leads_to_the_same_root_from_every_version(length in 2_u32..12, broken in proptest::option::of(2_u32..12)) {
        let roots: Vec<_> = (1..=length).map(|version| root(version, 2, &[version as usize % 7, 7, 8], &[])).collect();
        let signers = |version: u32| if broken == Some(version) { vec![7] } else { vec![7, 8] };
        let links: Vec<_> = roots[1..].iter().map(|root| signed(root, &signers(root.version()))).collect();
        for start in &roots {
            let walks_over_it = broken.is_some_and(|at| start.version() < at && at <= length);
            match start.follow(&links) {
                Ok(newest) => prop_assert!(!walks_over_it && newest == roots[roots.len() - 1]),
                Err(error) => prop_assert!(walks_over_it, "{}", error),
            }
        }
    }
}
