use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landfall_keys::SecretKey;

fn keys(count: usize) -> Vec<SecretKey> {
    (0..count).map(|_| SecretKey::generate().unwrap()).collect()
}

fn first(keys: &[SecretKey], threshold: u32) -> TrustRoot {
    TrustRoot::first(keys.iter().map(SecretKey::public_key).collect(), threshold).unwrap()
}

fn link(root: &TrustRoot, signers: &[&SecretKey]) -> RootLink {
    let sign = |key: &&SecretKey| key.sign(root.to_json().as_bytes(), "").unwrap();
    RootLink::new(root, &signers.iter().map(sign).collect::<Vec<_>>())
}

/// Two of three, and the next version without the third.
fn roots(keys: &[SecretKey]) -> (TrustRoot, TrustRoot) {
    let first = first(keys, 2);
    let next = first.next(&RootChanges { remove: vec![keys[2].id()], ..RootChanges::default() }).unwrap();
    (first, next)
}

fn chain(links: Vec<RootLink>) -> RootChain {
    RootChain::new(links).unwrap().unwrap()
}

#[test]
fn the_first_version_needs_no_signature_and_is_packed() {
    assert_eq!(RootChain::new(vec![]).unwrap(), None);
    let keys = keys(3);
    let first = link(&first(&keys, 2), &[]);
    let chain = chain(vec![first.clone()]);
    assert!(chain.is_complete() && chain.previous().is_none());
    assert_eq!(chain.packed(), [first]);
}

#[test]
fn a_chain_that_begins_anew_is_signed_by_its_own_keys() {
    let keys = keys(2);
    let public = keys.iter().map(SecretKey::public_key).collect();
    let anew = TrustRoot::beginning_at(8, public, 2, vec![]).unwrap();
    assert!(!chain(vec![link(&anew, &[&keys[0]])]).is_complete());
    let signed = link(&anew, &[&keys[0], &keys[1]]);
    assert!(chain(vec![signed.clone()]).is_complete());
    assert_eq!(chain(vec![signed.clone()]).packed(), [signed]);
    let next = anew.next(&RootChanges { threshold: Some(1), ..RootChanges::default() }).unwrap();
    let over = vec![link(&anew, &[]), link(&next, &[&keys[0], &keys[1]])];
    let over = chain(over);
    assert!(!over.is_complete(), "hosts that are told keys alone would not find it");
    assert!(over.missing().starts_with("2 more keys of version 8"), "{}", over.missing());
}

#[test]
fn says_who_has_signed_and_who_is_missing_for_both_versions() {
    let keys = keys(4);
    let (first, next) = roots(&keys[..3]);
    let at = |signers: &[&SecretKey]| chain(vec![link(&first, &[]), link(&next, signers)]);
    let none = at(&[]);
    assert!(!none.is_complete());
    let counts: Vec<_> =
        none.signature_statuses().iter().map(|status| (status.version, status.missing, status.waiting.len())).collect();
    assert_eq!(counts, [(1, 2, 3), (2, 2, 2)]);

    let one = at(&[&keys[2], &keys[3]]);
    let counts: Vec<_> = one.signature_statuses().iter().map(|status| (status.missing, status.signed.len())).collect();
    assert_eq!(counts, [(1, 1), (2, 0)], "the third key counts for the version that it is in");
    assert_eq!(one.unknown_signers(), [keys[3].id()]);
    assert!(one.missing().contains("2 more keys of version 2"), "{}", one.missing());

    let both = at(&[&keys[0], &keys[1]]);
    assert!(both.is_complete() && both.missing().is_empty());
    assert_eq!(both.packed(), [link(&first, &[]), link(&next, &[&keys[0], &keys[1]])]);
}

#[test]
fn takes_a_false_signature_and_an_unsigned_middle_for_what_they_are() {
    let keys = keys(3);
    let (first, next) = roots(&keys);
    let other = keys[0].sign(b"other bytes", "").unwrap();
    let forged = vec![link(&first, &[]), RootLink::new(&next, &[other])];
    assert!(matches!(RootChain::new(forged), Err(ChainError::OldKeys { source: TrustError::BadSignature { .. }, .. })));
    let third = next.next(&RootChanges { threshold: Some(1), ..RootChanges::default() }).unwrap();
    let unsigned = vec![link(&first, &[]), link(&next, &[]), link(&third, &[&keys[0], &keys[1]])];
    assert!(matches!(RootChain::new(unsigned), Err(ChainError::OldKeys { version: 2, .. })));
    let gap = vec![link(&first, &[]), link(&third, &[&keys[0], &keys[1]])];
    assert!(matches!(RootChain::new(gap), Err(ChainError::Sequence { after: 1, found: 3 })));
}

/// A public key's or a signature's line in the name of `id`.
fn renamed(line: &str, id: KeyId) -> String {
    let mut bytes = STANDARD.decode(line).unwrap();
    bytes[2..10].copy_from_slice(&id.to_bytes());
    STANDARD.encode(bytes)
}

#[test]
fn tells_the_signature_of_another_key_with_the_same_id() {
    let [one, two, stranger] = keys(3).try_into().unwrap();
    let id = one.id();
    let [first, second] = [&one, &two].map(|key| renamed(&key.public_key().to_line(), id));
    let json = format!(r#"{{"version": 1, "threshold": 1, "keys": ["{first}", "{second}"], "revoked": []}}"#);
    let root = TrustRoot::parse(json.as_bytes()).unwrap();
    let chain = chain(vec![link(&root, &[])]);
    let sign = |key: &SecretKey| {
        let file = key.sign(root.to_json().as_bytes(), "").unwrap().to_file();
        let line = file.lines().nth(1).unwrap();
        Signature::parse(file.replace(line, &renamed(line, id)).as_bytes()).unwrap()
    };
    let anothers = |signer: &SecretKey| chain.is_by_other_key_with_id(&sign(signer), &one.public_key());
    assert_eq!([&one, &two, &stranger].map(anothers), [false, true, false]);
}

#[test]
fn counts_the_keys_of_the_newest_version_that_sign_a_release() {
    let keys = keys(3);
    let (first, next) = roots(&keys);
    let chain = chain(vec![link(&first, &[]), link(&next, &[&keys[0], &keys[1]])]);
    let needs =
        |signing: &[&SecretKey]| chain.release_needs(&signing.iter().map(|key| key.public_key()).collect::<Vec<_>>());
    assert_eq!(needs(&[&keys[0], &keys[1]]), None);
    assert_eq!(needs(&[&keys[0], &keys[2]]), Some(format!("1 more of {}", keys[1].id())), "one was taken out");
}

#[test]
fn revokes_only_keys_that_were_ever_there() {
    let keys = keys(4);
    let (first, next) = roots(&keys[..3]);
    let chain = chain(vec![link(&first, &[]), link(&next, &[&keys[0], &keys[1]])]);
    let gone = keys[2].id();
    let revoke = RootChanges { revoke: vec![gone], ..RootChanges::default() };
    assert_eq!(chain.removal(&[gone], true), Ok(revoke), "removed long ago, found on a stolen disk now");
    assert_eq!(chain.removal(&[gone, keys[3].id()], true), Err(keys[3].id()));
    let remove = RootChanges { remove: vec![keys[0].id()], ..RootChanges::default() };
    assert_eq!(chain.removal(&[keys[0].id()], false), Ok(remove));
}
