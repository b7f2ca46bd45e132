//! The chain of trust roots that a bundle brings, before the bundle is verified.
//!
//! A fuzzer holds one key. On a host that pinned another one, it is a stranger, and no root counts but those that their
//! holders signed. On a host that pinned the fuzzer's key, it is the publisher, and may do what publishers may.

use crate::key::{KEY, OTHERS};
use crate::{ReadOutcome, Target, none};
use landfall_keys::{PublicKey, RootChanges, RootLink, SecretKey, Signature, TrustRoot};

/// Nobody forges a root; what is revoked stays revoked; and a chain leads to one root, in one walk as in several.
pub(crate) const TARGET: Target = Target { name: "trust_chain", read, seeds, findings: none, mutate: Some(mutated) };

fn read(input: &[u8]) -> ReadOutcome {
    let Ok(links) = serde_json::from_slice::<Vec<RootLink>>(input) else { return ReadOutcome::Refused };
    let [owner, co_signer] = OTHERS.each_ref().map(SecretKey::public_key);
    let found = [KEY.public_key(), owner].map(|key| walk(key, &links));
    if let Some(newest) = found[1].as_ref().filter(|newest| newest.version() > 1) {
        assert!(honest().iter().any(|(root, _)| root == newest), "a forged root counts:\n{}", newest.to_json());
    }
    if !links.is_empty() && links.iter().all(is_strange) {
        assert!(TrustRoot::adopt(vec![co_signer], 1, &links).is_err(), "a stranger's chain is adopted");
    }
    if found.iter().any(Option::is_some) { ReadOutcome::Accepted } else { ReadOutcome::Refused }
}

/// Whether only the fuzzer signed a link.
fn is_strange(link: &RootLink) -> bool {
    let signatures = link.signatures().iter().filter_map(|text| Signature::parse(text.as_bytes()).ok());
    let mut signers = signatures.map(|signature| signature.key_id());
    signers.all(|id| id == KEY.id())
}

/// Where the links lead a host that pinned `key`.
fn walk(key: PublicKey, links: &[RootLink]) -> Option<TrustRoot> {
    let pinned = TrustRoot::first(vec![key], 1).expect("one key meets a threshold of one");
    let newest = pinned.follow(links).ok()?;
    assert_eq!(newest.follow(links).ok().as_ref(), Some(&newest), "a second walk leads elsewhere");
    let mut step = pinned;
    for walked in 0..=links.len() {
        let next = step.follow(&links[..walked]).expect("a part of a chain that was followed");
        assert!(step.revoked().iter().all(|id| next.revoked().contains(id)), "a revocation is forgotten");
        assert!(next.trusted_keys().keys().iter().all(|key| !next.revoked().contains(&key.id())));
        step = next;
    }
    assert_eq!(step, newest, "one step at a time leads elsewhere");
    if let Ok(adopted) = TrustRoot::adopt(vec![key], 1, links) {
        assert_eq!(adopted.follow(links).ok().as_ref(), Some(&adopted), "an adopted root is followed elsewhere");
    }
    Some(newest)
}

/// The roots of a publisher who lost a key, and those who signed each.
fn honest() -> Vec<(TrustRoot, Vec<&'static SecretKey>)> {
    let [owner, co_signer] = OTHERS.each_ref();
    let first = TrustRoot::first(vec![owner.public_key()], 1).expect("one key meets a threshold of one");
    let add = RootChanges { add: vec![co_signer.public_key()], ..RootChanges::default() };
    let two = first.next(&add).expect("two keys meet a threshold of one");
    let both = two
        .next(&RootChanges { threshold: Some(2), ..RootChanges::default() })
        .expect("two keys meet a threshold of two");
    let strange = RootChanges { add: vec![KEY.public_key()], ..RootChanges::default() };
    let three = both.next(&strange).expect("three keys meet a threshold of two");
    vec![(two, vec![owner]), (both, vec![owner, co_signer]), (three, vec![owner, co_signer])]
}

/// The roots of the fuzzer as a publisher.
fn own() -> Vec<(TrustRoot, Vec<&'static SecretKey>)> {
    let [owner, _] = OTHERS.each_ref();
    let key: &'static SecretKey = &KEY;
    let first = TrustRoot::first(vec![key.public_key()], 1).expect("one key meets a threshold of one");
    let add = RootChanges { add: vec![owner.public_key()], ..RootChanges::default() };
    let two = first.next(&add).expect("two keys meet a threshold of one");
    let revoke = RootChanges { remove: vec![owner.id()], revoke: vec![owner.id()], ..RootChanges::default() };
    let three = two.next(&revoke).expect("one key meets a threshold of one");
    vec![(two, vec![key]), (three, vec![key])]
}

fn links(roots: &[(TrustRoot, Vec<&SecretKey>)]) -> Vec<RootLink> {
    let link = |(root, keys): &(TrustRoot, Vec<&SecretKey>)| {
        let signatures = keys.iter().map(|key| key.sign(root.to_json().as_bytes(), "").expect("a valid comment"));
        RootLink::new(root, &signatures.collect::<Vec<_>>())
    };
    roots.iter().map(link).collect()
}

fn seeds() -> Vec<Vec<u8>> {
    let (honest, own) = (links(&honest()), links(&own()));
    [vec![], honest[..1].to_vec(), honest, own].iter().map(|links| json(links)).collect()
}

fn json(links: &[RootLink]) -> Vec<u8> {
    serde_json::to_vec(links).expect("links are JSON")
}

/// Changes the whole, or one root, which the fuzzer's key then signs; the other signatures stay beside its own.
fn mutated(input: &[u8], rng: u32, mutate: &mut dyn FnMut(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let links = serde_json::from_slice::<Vec<RootLink>>(input).unwrap_or_default();
    let at = usize::try_from(rng >> 8).unwrap_or_default() % links.len().max(1);
    let Some(link) = links.get(at).filter(|_| !rng.is_multiple_of(4)) else { return mutate(input.to_vec()) };
    let mut root = String::from_utf8_lossy(&mutate(link.root().as_bytes().to_vec())).into_owned();
    if let Ok(parsed) = TrustRoot::parse(root.as_bytes()) {
        root = parsed.to_json();
    }
    let own = KEY.sign(root.as_bytes(), "").expect("a valid comment").to_file();
    let others = link.signatures().iter().filter(|_| rng & 16 == 0);
    let signatures = std::iter::once(own).chain(others.cloned()).collect();
    let mut links = links.clone();
    links[at] = RootLink::from_texts(root, signatures);
    if rng & 32 == 0 {
        links.truncate(at + 1);
    }
    json(&links)
}
