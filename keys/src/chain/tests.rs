use super::*;
use crate::trusted::TrustError;
use crate::{KeyId, MAX_TRUST_ROOT_BYTES, RootChanges, SecretKey};

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(KeyId::from_bytes([seed; 8]), &[seed; 32])
}

fn first(seeds: &[u8], threshold: u32) -> TrustRoot {
    TrustRoot::first(seeds.iter().map(|&seed| key(seed).public_key()).collect(), threshold).unwrap()
}

fn replacing(root: &TrustRoot, old: u8, new: u8) -> TrustRoot {
    let changes =
        RootChanges { remove: vec![key(old).id()], add: vec![key(new).public_key()], ..RootChanges::default() };
    root.next(&changes).unwrap()
}

fn link(root: &TrustRoot, signers: &[u8]) -> RootLink {
    let sign = |&seed: &u8| key(seed).sign(root.to_json().as_bytes(), "root").unwrap();
    RootLink::new(root, &signers.iter().map(sign).collect::<Vec<_>>())
}

/// Versions 1 to 4: one key, replaced by the next one each time.
fn chain() -> (Vec<TrustRoot>, Vec<RootLink>) {
    let mut roots = vec![first(&[1], 1)];
    let mut links = Vec::new();
    for old in 1..=3 {
        let next = replacing(roots.last().unwrap(), old, old + 1);
        links.push(link(&next, &[old, old + 1]));
        roots.push(next);
    }
    (roots, links)
}

#[test]
fn follows_from_any_version_to_the_newest() {
    let (roots, links) = chain();
    for root in &roots {
        assert_eq!(root.follow(&links).unwrap(), roots[3], "from {}", root.version());
    }
    assert_eq!(roots[0].follow(&links[..1]).unwrap(), roots[1]);
    assert_eq!(roots[3].follow(&links[..1]).unwrap(), roots[3], "an older chain changes nothing");
    assert_eq!(roots[0].follow(&[]).unwrap(), roots[0]);
    assert_eq!(links.iter().map(|link| link.version().unwrap()).collect::<Vec<_>>(), [2, 3, 4]);
}

#[test]
fn refuses_gaps_repeats_and_disorder() {
    let (roots, links) = chain();
    let pick = |which: &[usize]| which.iter().map(|&at| links[at].clone()).collect::<Vec<_>>();
    let table = [(vec![1, 2], 1, 3), (vec![0, 2], 2, 4), (vec![0, 0], 2, 2), (vec![1, 0], 3, 2)];
    for (which, after, found) in table {
        let refused = roots[0].follow(&pick(&which)).unwrap_err();
        let is = matches!(refused, ChainError::Sequence { after: a, found: f } if (a, f) == (after, found));
        assert!(is, "{which:?}: {refused}");
    }
    assert!(matches!(roots[3].follow(&pick(&[0, 2])), Err(ChainError::Sequence { .. })), "also where it is skipped");
}

#[test]
fn refuses_another_root_of_the_trusted_version_unless_it_is_the_first() {
    let (roots, links) = chain();
    let fork = replacing(&roots[0], 1, 9);
    let forked = [link(&fork, &[1, 9])];
    assert!(matches!(roots[1].follow(&forked), Err(ChainError::Fork { version: 2 })));
    assert!(matches!(fork.follow(&links), Err(ChainError::Fork { version: 2 })));
    let all: Vec<_> = [link(&roots[0], &[])].into_iter().chain(links).collect();
    assert_eq!(first(&[1, 7], 1).follow(&all).unwrap(), roots[3], "given out of band, with one key more");
}

#[test]
fn refuses_a_whole_chain_with_one_bad_link() {
    let (roots, mut links) = chain();
    links[2] = link(&roots[3], &[4]);
    assert!(matches!(roots[0].follow(&links), Err(ChainError::OldKeys { version: 4, .. })));
    links[2] = link(&roots[3], &[3]);
    assert!(matches!(roots[0].follow(&links), Err(ChainError::OwnKeys { version: 4, .. })));
}

#[test]
fn adopts_the_newest_root_to_which_given_keys_lead() {
    let (roots, links) = chain();
    let given = |seed: u8| vec![key(seed).public_key()];
    assert_eq!(TrustRoot::adopt(given(1), 1, &[]).unwrap(), roots[0]);
    for seed in 1..=4 {
        assert_eq!(TrustRoot::adopt(given(seed), 1, &links).unwrap(), roots[3], "from key {seed}");
    }
    let stranger = TrustRoot::adopt(given(9), 1, &links).unwrap_err();
    assert!(matches!(stranger, ChainError::NoneSigned { first: 2, last: 4 }));
    let both = [given(1), given(9)].concat();
    assert!(matches!(TrustRoot::adopt(both.clone(), 2, &links), Err(ChainError::NoneSigned { .. })));
    assert_eq!(TrustRoot::adopt(both, 1, &links).unwrap(), roots[3]);
    assert!(matches!(TrustRoot::adopt(vec![], 1, &links), Err(ChainError::Given(_))));
}

/// Two of three must sign, and two have.
#[test]
fn a_key_that_does_not_suffice_alone_leads_nowhere() {
    let next = replacing(&first(&[1, 2, 3], 2), 3, 4);
    let links = [link(&next, &[1, 2])];
    let given = |seeds: &[u8]| seeds.iter().map(|&seed| key(seed).public_key()).collect();
    for few in [&[1][..], &[2], &[1, 3], &[1, 9]] {
        let refused = TrustRoot::adopt(given(few), 1, &links).unwrap_err();
        assert!(matches!(refused, ChainError::NoneSigned { first: 2, last: 2 }), "{few:?}: {refused}");
    }
    assert_eq!(TrustRoot::adopt(given(&[1, 2]), 1, &links).unwrap(), next);
    assert_eq!(TrustRoot::adopt(given(&[1, 2, 9]), 2, &links).unwrap(), next);
}

#[test]
fn adopts_nothing_that_its_own_keys_have_not_signed() {
    let next = replacing(&first(&[1], 1), 1, 2);
    let given = vec![key(1).public_key()];
    assert!(matches!(TrustRoot::adopt(given, 1, &[link(&next, &[1])]), Err(ChainError::OwnKeys { version: 2, .. })));
}

#[test]
fn keeps_revoked_keys_out() {
    let revoking = RootChanges { revoke: vec![key(1).id()], ..RootChanges::default() };
    let revoked = first(&[1, 2, 3], 1).next(&revoking).unwrap();
    let refused = |from: &str, to: &str| {
        let text = revoked.to_json().replace("\"version\": 2", "\"version\": 3").replace(from, to);
        let root = TrustRoot::parse(text.as_bytes()).unwrap();
        revoked.succeeded_by(&link(&root, &[2])).unwrap_err()
    };
    let forgotten = refused("[\n    \"0101010101010101\"\n  ]", "[]");
    assert!(matches!(forgotten, ChainError::Forgotten { version: 3, id } if id == key(1).id()), "{forgotten}");
    let returned = refused(&key(3).public_key().to_line(), &key(1).public_key().to_line());
    assert!(matches!(returned, ChainError::Returned { version: 3, id } if id == key(1).id()), "{returned}");

    let alias = SecretKey::from_seed(KeyId::from_bytes([8; 8]), &[1; 32]).public_key();
    let json = revoked.to_json().replace(&key(3).public_key().to_line(), &alias.to_line());
    let root = TrustRoot::parse(json.as_bytes()).unwrap();
    let returned = first(&[1, 2, 3], 1).succeeded_by(&link(&root, &[2])).unwrap_err();
    assert!(matches!(returned, ChainError::Returned { version: 2, id } if id == alias.id()), "{returned}");
}

/// Version 2 revokes a key, and a later one lists it under another id: hosts that followed from version 1 refuse it.
#[test]
fn recognizes_revoked_keys_from_every_root_that_was_followed() {
    let one = first(&[1, 2, 3], 1);
    let two = one.next(&RootChanges { revoke: vec![key(1).id()], ..RootChanges::default() }).unwrap();
    let three = two.next(&RootChanges { remove: vec![key(3).id()], ..RootChanges::default() }).unwrap();
    let alias = SecretKey::from_seed(KeyId::from_bytes([8; 8]), &[1; 32]).public_key();
    let four = three.next(&RootChanges { add: vec![alias], ..RootChanges::default() }).unwrap();
    let links = [link(&two, &[2]), link(&three, &[2]), link(&four, &[2])];
    let refused = one.follow(&links).unwrap_err();
    assert!(matches!(refused, ChainError::Returned { version: 4, id } if id == alias.id()), "{refused}");
    assert_eq!(one.follow(&links[..2]).unwrap(), three);
    assert_eq!(two.follow(&links).unwrap(), four, "skipped roots are not verified, and so are not used");
}

#[test]
fn says_that_a_signer_is_revoked() {
    let revoking = RootChanges { revoke: vec![key(1).id()], ..RootChanges::default() };
    let revoked = first(&[1, 2], 1).next(&revoking).unwrap();
    let next = replacing(&revoked, 2, 3);
    let Err(ChainError::OldKeys { version: 3, source }) = revoked.succeeded_by(&link(&next, &[1, 3])) else { panic!() };
    assert_eq!(source, TrustError::Revoked { revoked: vec![key(1).id()], trusted: vec![key(2).id()] });
    assert!(source.to_string().starts_with("signed by 0101010101010101, which this host has revoked"));
}

#[test]
fn reads_roots_in_the_one_form_in_which_they_are_written() {
    let (roots, links) = chain();
    let texts = |root: String| RootLink::from_texts(root, links[0].signatures().to_vec());
    let compact = serde_json::to_string(&roots[1]).unwrap();
    for text in [compact, roots[1].to_json() + "\n", roots[1].to_json().trim_end().to_owned()] {
        assert!(matches!(texts(text).version(), Err(ChainError::NotCanonical { version: 2 })));
    }
    assert_eq!(texts(roots[1].to_json()), links[0]);
}

#[test]
fn refuses_what_is_no_root_no_signature_or_too_much() {
    let (roots, links) = chain();
    let follow = |link: RootLink| roots[0].follow(&[link]).unwrap_err();
    let root = roots[1].to_json();
    let long = root.clone() + &" ".repeat(MAX_TRUST_ROOT_BYTES);
    assert!(matches!(follow(RootLink::from_texts(long, vec![])), ChainError::Root(_)));
    assert!(matches!(follow(RootLink::from_texts("{}".to_owned(), vec![])), ChainError::Root(_)));
    let signature = follow(RootLink::from_texts(root.clone(), vec!["RW".to_owned()]));
    assert!(matches!(signature, ChainError::Signature { version: 2, .. }));
    let twice = vec![links[0].signatures()[0].clone(); 2];
    let twice = follow(RootLink::from_texts(root.clone(), twice));
    assert!(matches!(twice, ChainError::SignedTwice { version: 2, id } if id == key(1).id()), "{twice}");
    let many = vec![links[0].signatures()[0].clone(); MAX_SIGNATURES + 1];
    assert!(matches!(follow(RootLink::from_texts(root, many)), ChainError::TooManySignatures { found: 65, .. }));
    let chain = vec![links[0].clone(); MAX_CHAIN_LINKS + 1];
    assert!(matches!(roots[0].follow(&chain), Err(ChainError::TooManyLinks { found: 257 })));
}

#[test]
fn a_link_and_a_root_have_a_json_form() {
    let (roots, links) = chain();
    let json = serde_json::to_value(&links[0]).unwrap();
    assert_eq!(json, serde_json::json!({"root": roots[1].to_json(), "signatures": links[0].signatures()}));
    assert_eq!(serde_json::from_value::<RootLink>(json.clone()).unwrap(), links[0]);
    let mut more = json;
    more.as_object_mut().unwrap().insert("comment".to_owned(), "?".into());
    serde_json::from_value::<RootLink>(more).unwrap_err();

    let root = serde_json::to_string(&roots[1]).unwrap();
    assert_eq!(serde_json::from_str::<TrustRoot>(&root).unwrap(), roots[1]);
    let unmet = serde_json::from_str::<TrustRoot>(&root.replace("\"threshold\":1", "\"threshold\":2")).unwrap_err();
    assert!(unmet.to_string().contains("the threshold is 2, but must be from 1"), "{unmet}");
}
