use serde_json::{Value, json};

use super::*;
use crate::trusted::TrustError;
use crate::{SecretKey, Signature};

fn keys(count: usize) -> Vec<SecretKey> {
    (0..count).map(|_| SecretKey::generate().unwrap()).collect()
}

fn public(keys: &[SecretKey]) -> Vec<PublicKey> {
    keys.iter().map(SecretKey::public_key).collect()
}

fn parse(json: &Value) -> Result<TrustRoot, RootError> {
    TrustRoot::parse(json.to_string().as_bytes())
}

fn sign(key: &SecretKey) -> Signature {
    key.sign(b"message", "").unwrap()
}

#[test]
fn begins_at_version_one_with_nothing_revoked_and_reads_back() {
    let keys = keys(2);
    let root = TrustRoot::first(public(&keys), 2).unwrap();
    assert_eq!((root.version(), root.revoked()), (1, [].as_slice()));
    assert_eq!((root.trusted_keys().keys(), root.trusted_keys().threshold()), (&*public(&keys), 2));
    let json = root.to_json();
    assert_eq!(TrustRoot::parse(json.as_bytes()).unwrap(), root);
    let lines: Vec<String> = keys.iter().map(|key| key.public_key().to_line()).collect();
    let expected = json!({"version": 1, "threshold": 2, "keys": lines, "revoked": []});
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), expected);
    assert!(json.ends_with("}\n"));
}

#[test]
fn begins_anew_at_any_version_with_what_was_revoked_before() {
    let keys = keys(3);
    let lost = keys[2].id();
    let root = TrustRoot::beginning_at(8, public(&keys[..2]), 2, vec![lost]).unwrap();
    assert_eq!((root.version(), root.revoked()), (8, [lost].as_slice()));
    assert_eq!(TrustRoot::parse(root.to_json().as_bytes()).unwrap(), root);
    let still = TrustRoot::beginning_at(8, public(&keys), 2, vec![lost]);
    assert!(matches!(still, Err(RootError::RevokedKey { id }) if id == lost));
    assert!(matches!(TrustRoot::beginning_at(0, public(&keys), 2, vec![]), Err(RootError::Version)));
}

#[test]
fn never_counts_a_revoked_key() {
    let keys = keys(2);
    let [kept, revoked] = keys.as_slice() else { unreachable!() };
    let json = json!({
        "version": 7, "threshold": 1, "keys": public(&keys),
        "revoked": [revoked.id(), "0123456789abcdef"],
    });
    let root = parse(&json).unwrap();
    assert_eq!(root.version(), 7);
    assert_eq!(root.revoked().first(), Some(&revoked.id()));
    let trusted = root.trusted_keys();
    assert_eq!(trusted.keys(), [kept.public_key()]);
    trusted.verify(b"message".to_vec(), &[sign(kept), sign(revoked)]).unwrap();
    let refused = trusted.verify(b"message".to_vec(), &[sign(revoked)]);
    let expected = TrustError::Revoked { revoked: vec![revoked.id()], trusted: vec![kept.id()] };
    assert_eq!(refused, Err(expected));
}

#[test]
fn refuses_roots_that_nobody_could_meet() {
    let keys = keys(2);
    let (public, id) = (public(&keys), keys.first().unwrap().id());
    let with = |keys: &[PublicKey], threshold: u32, revoked: &[KeyId]| json!({"version": 1, "threshold": threshold, "keys": keys, "revoked": revoked});
    assert!(matches!(parse(&with(&[], 1, &[])), Err(RootError::Keys(TrustedKeysError::NoKeys))));
    assert!(matches!(parse(&with(&public, 0, &[])), Err(RootError::Keys(TrustedKeysError::Threshold { .. }))));
    assert!(matches!(parse(&with(&public, 3, &[])), Err(RootError::Keys(TrustedKeysError::Threshold { .. }))));
    assert!(matches!(
        parse(&with(&public, 2, &[id])),
        Err(RootError::Revoked(TrustedKeysError::Threshold { threshold: 2, keys: 1 }))
    ));
}

#[test]
fn refuses_a_revoked_key_that_stays_under_another_id() {
    let key = SecretKey::from_seed(KeyId::from_bytes([1; 8]), &[5; 32]);
    let alias = SecretKey::from_seed(KeyId::from_bytes([2; 8]), &[5; 32]);
    let json = json!({
        "version": 1, "threshold": 1, "keys": [key.public_key(), alias.public_key()], "revoked": [key.id()],
    });
    assert!(matches!(parse(&json), Err(RootError::Keys(TrustedKeysError::DuplicateKey { .. }))));
}

#[test]
fn refuses_json_that_is_not_exactly_a_trust_root() {
    let good = json!({"version": 1, "threshold": 1, "keys": public(&keys(1)), "revoked": []});
    parse(&good).unwrap();
    let change = |name: &str, value: Value| {
        let mut json = good.clone();
        json.as_object_mut().unwrap().insert(name.to_owned(), value);
        json.to_string()
    };
    let mut without = good.clone();
    without.as_object_mut().unwrap().remove("revoked");
    let table = [
        change("comment", json!("an unknown field")),
        change("version", json!(-1)),
        change("version", json!(u64::from(u32::MAX) + 1)),
        change("version", json!("1")),
        change("keys", json!(["RW"])),
        change("keys", json!("RW")),
        change("revoked", json!(["not an id"])),
        without.to_string(),
        good.to_string() + "{}",
        good.to_string().replacen('{', "{\"version\": 1,", 1),
        String::new(),
    ];
    for json in table {
        assert!(matches!(TrustRoot::parse(json.as_bytes()), Err(RootError::Json(_))), "{json}");
    }
    let zero = change("version", json!(0));
    assert!(matches!(TrustRoot::parse(zero.as_bytes()), Err(RootError::Version)));
}

#[test]
fn reads_a_bounded_number_of_bytes() {
    let json = TrustRoot::first(public(&keys(1)), 1).unwrap().to_json();
    let longest = json.clone() + &" ".repeat(MAX_TRUST_ROOT_BYTES - json.len());
    TrustRoot::parse(longest.as_bytes()).unwrap();
    let longer = TrustRoot::parse((longest + " ").as_bytes());
    assert!(matches!(longer, Err(RootError::TooLong { found }) if found == MAX_TRUST_ROOT_BYTES + 1));
}
