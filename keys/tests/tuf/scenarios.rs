//! The other scenarios, under their names.

use landfall_keys::{ChainError, RootError, RootLink, TrustError, TrustRoot, TrustedKeysError};
use serde_json::json;

use crate::cast::{id, public, renamed, root, sign, signed};

#[test]
fn test_basic_refresh_trusted_data() {
    let first = root(1, 2, &[0, 1, 2], &[]);
    assert_eq!(first.follow(&[]).unwrap(), first, "nothing new");
    let next = root(2, 2, &[0, 1, 3], &[]);
    assert_eq!(first.follow(&[signed(&next, &[0, 1])]).unwrap().to_json(), next.to_json());
}

#[test]
fn test_invalid_initial_root() {
    let good = json!({"version": 1, "threshold": 1, "keys": [public(0)], "revoked": []});
    for field in ["version", "threshold", "keys", "revoked"] {
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(field);
        assert!(matches!(TrustRoot::parse(without.to_string().as_bytes()), Err(RootError::Json(_))), "{field}");
    }
}

#[test]
fn test_unsigned_metadata() {
    let first = root(1, 1, &[0], &[]);
    let unsigned = first.follow(&[signed(&root(2, 1, &[0], &[2]), &[])]).unwrap_err();
    assert!(matches!(unsigned, ChainError::OldKeys { version: 2, .. }), "{unsigned}");
}

#[test]
fn test_url_and_metadata_version_mismatch() {
    let first = root(1, 1, &[0], &[]);
    for version in [3, 4, u32::MAX] {
        let skipped = first.follow(&[signed(&root(version, 1, &[0], &[]), &[0])]).unwrap_err();
        assert!(matches!(skipped, ChainError::Sequence { after: 1, found } if found == version), "{skipped}");
    }
    let links = [signed(&root(2, 1, &[0], &[]), &[0]), signed(&root(2, 1, &[0], &[]), &[0])];
    assert!(matches!(first.follow(&links), Err(ChainError::Sequence { after: 2, found: 2 })));
}

/// Also the bytes that nobody signs stay as they are: there are none.
#[test]
fn test_metadata_bytes_match() {
    let next = root(2, 1, &[0], &[]);
    let compact = serde_json::to_string(&next).unwrap();
    let spaced = next.to_json().replace(": ", ":  ");
    for text in [compact, spaced, next.to_json().replace('\n', "\r\n")] {
        let link = RootLink::from_texts(text.clone(), vec![sign(0, &text).to_file()]);
        let refused = root(1, 1, &[0], &[]).follow(&[link]).unwrap_err();
        assert!(matches!(refused, ChainError::NotCanonical { version: 2 }), "{refused}");
    }
}

#[test]
fn test_custom_fields() {
    let text = root(2, 1, &[0], &[]).to_json().replacen('{', "{\n  \"custom-field\": \"value\",", 1);
    let link = RootLink::from_texts(text.clone(), vec![sign(0, &text).to_file()]);
    assert!(matches!(root(1, 1, &[0], &[]).follow(&[link]), Err(ChainError::Root(RootError::Json(_)))));
}

#[test]
fn test_incorrect_metadata_type() {
    let release = r#"{"schema":1,"product":"acme"}"#.to_owned();
    let link = RootLink::from_texts(release.clone(), vec![sign(0, &release).to_file()]);
    assert!(matches!(root(1, 1, &[0], &[]).follow(&[link]), Err(ChainError::Root(_))));
}

#[test]
fn test_snapshot_does_not_meet_threshold() {
    let first = root(1, 3, &[0, 1, 2], &[]);
    let next = root(2, 3, &[0, 1, 2], &[]);
    for signers in [&[0, 1][..], &[0, 2], &[1, 2], &[0], &[], &[0, 1, 5, 6]] {
        let refused = first.follow(&[signed(&next, signers)]).unwrap_err();
        assert!(matches!(refused, ChainError::OldKeys { version: 2, .. }), "{signers:?}: {refused}");
    }
    assert_eq!(first.follow(&[signed(&next, &[2, 0, 1])]).unwrap(), next);
}

#[test]
fn test_snapshot_has_too_few_keys() {
    let keys: Vec<_> = (0..5).map(public).collect();
    let json = json!({"version": 2, "threshold": 6, "keys": keys, "revoked": []});
    let refused = TrustRoot::parse(json.to_string().as_bytes()).unwrap_err();
    assert!(matches!(refused, RootError::Keys(TrustedKeysError::Threshold { threshold: 6, keys: 5 })));
}

/// The same public key under two ids, in a root and in signatures.
#[test]
fn test_duplicate_keys() {
    let alias = renamed(&public(0).to_line(), id(9));
    for keys in [[public(0).to_line(), public(0).to_line()], [public(0).to_line(), alias]] {
        let json = json!({"version": 2, "threshold": 2, "keys": keys, "revoked": []});
        let refused = TrustRoot::parse(json.to_string().as_bytes()).unwrap_err();
        assert!(matches!(refused, RootError::Keys(TrustedKeysError::DuplicateKey { .. })), "{refused}");
    }
    let (first, next) = (root(1, 2, &[0, 1], &[]), root(2, 2, &[0, 1], &[]));
    let real = sign(0, &next.to_json()).to_file();
    let body = real.lines().nth(1).unwrap();
    let as_other = |person: usize| real.replace(body, &renamed(body, id(person)));
    let follow =
        |second: String| first.follow(&[RootLink::from_texts(next.to_json(), vec![real.clone(), second])]).unwrap_err();
    let unknown = follow(as_other(9));
    assert!(
        matches!(unknown, ChainError::OldKeys { source: TrustError::Threshold { have: 1, need: 2, .. }, .. }),
        "{unknown}"
    );
    let pretended = follow(as_other(1));
    assert!(
        matches!(&pretended, ChainError::OldKeys { source: TrustError::BadSignature { key_id }, .. } if *key_id == id(1)),
        "{pretended}"
    );
}

#[test]
fn test_duplicate_sig_keyids() {
    let (first, next) = (root(1, 1, &[0, 1], &[]), root(2, 1, &[0, 1], &[]));
    let refused = first.follow(&[signed(&next, &[0, 1, 0])]).unwrap_err();
    assert!(matches!(refused, ChainError::SignedTwice { version: 2, id: twice } if twice == id(0)), "{refused}");
}

#[test]
fn test_keytype_and_scheme() {
    let (first, next) = (root(1, 2, &[0, 1], &[]), root(2, 2, &[0, 1], &[]));
    let texts = vec![sign(0, &next.to_json()).to_file(), sign(1, &first.to_json()).to_file()];
    let refused = first.follow(&[RootLink::from_texts(next.to_json(), texts)]).unwrap_err();
    assert!(matches!(refused, ChainError::OldKeys { source: TrustError::BadSignature { .. }, .. }), "{refused}");
}

#[test]
fn test_invalid_sig_in_valid_metadata() {
    let (first, next) = (root(1, 1, &[0, 1], &[]), root(2, 1, &[0, 1], &[]));
    let texts = vec![sign(0, &next.to_json()).to_file(), sign(1, "other bytes").to_file()];
    let refused = first.follow(&[RootLink::from_texts(next.to_json(), texts)]).unwrap_err();
    assert!(matches!(refused, ChainError::OldKeys { source: TrustError::BadSignature { .. }, .. }), "{refused}");
}

/// What they show with timestamps, snapshots and targets: an older one is never taken for a newer one.
#[test]
fn test_root_rollback() {
    let versions: Vec<_> = (1..=4).map(|version| root(version, 1, &[0], &[])).collect();
    let links: Vec<_> = versions[1..].iter().map(|root| signed(root, &[0])).collect();
    assert_eq!(versions[3].follow(&links[..1]).unwrap(), versions[3]);
    for older in &links[..2] {
        assert!(matches!(versions[3].succeeded_by(older), Err(ChainError::Sequence { after: 4, .. })));
    }
    let taken_back = root(3, 1, &[0, 5], &[]);
    let forked = [links[0].clone(), signed(&taken_back, &[0]), signed(&root(4, 1, &[0, 5], &[]), &[0])];
    assert!(matches!(versions[3].follow(&forked), Err(ChainError::Fork { version: 4 })));
}

/// Theirs recover from a version that an attacker has raised out of reach. A root cannot be: each version takes a link.
#[test]
fn test_root_fast_forward() {
    let first = root(1, 1, &[0], &[]);
    let far = signed(&root(u32::MAX, 1, &[0], &[]), &[0]);
    assert!(matches!(first.follow(std::slice::from_ref(&far)), Err(ChainError::Sequence { .. })));
    assert!(matches!(first.follow(&[signed(&root(2, 1, &[0], &[]), &[0]), far]), Err(ChainError::Sequence { .. })));
    let last = root(u32::MAX, 1, &[0], &[]);
    assert!(matches!(last.succeeded_by(&signed(&first, &[0])), Err(ChainError::Sequence { .. })));
}
