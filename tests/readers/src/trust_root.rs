//! A trust root, as it lies on a host or comes to it.

use crate::{ReadOutcome, Target, key, none};
use landfall_keys::TrustRoot;

/// A root is written as it was read, no revoked key counts, and what counts can be met.
pub(crate) const TARGET: Target = Target { name: "trust_root", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Ok(root) = TrustRoot::parse(input) else { return ReadOutcome::Refused };
    assert_eq!(TrustRoot::parse(root.to_json().as_bytes()).ok().as_ref(), Some(&root));
    let trusted = root.trusted_keys();
    assert!(trusted.keys().iter().all(|key| !root.revoked().contains(&key.id())));
    assert!((1..=trusted.keys().len()).contains(&usize::try_from(trusted.threshold()).expect("a small number")));
    ReadOutcome::Accepted
}

fn seeds() -> Vec<Vec<u8>> {
    let one = TrustRoot::first(vec![key::public()], 1).expect("one key meets a threshold of one").to_json();
    let later = one.replace("\"version\": 1", "\"version\": 7");
    let revoked = later.replace("\"revoked\": []", "\"revoked\": [\"0123456789ABCDEF\"]");
    [one, later, revoked].map(String::into_bytes).to_vec()
}
