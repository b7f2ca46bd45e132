use proptest::prelude::*;

use super::*;
use crate::SecretKey;

const MESSAGE: &[u8] = b"a release manifest";

/// A key from a number: the id is given apart, so that keys can share one.
fn key(id: u8, seed: u8) -> SecretKey {
    SecretKey::from_seed(id_of(id), &[seed; 32])
}

fn id_of(id: u8) -> KeyId {
    KeyId::from_bytes([id; 8])
}

fn trust(keys: &[&SecretKey], threshold: u32) -> TrustedKeys {
    TrustedKeys::new(keys.iter().map(|key| key.public_key()).collect(), threshold).unwrap()
}

fn sign(key: &SecretKey) -> Signature {
    key.sign(MESSAGE, "comment").unwrap()
}

fn verify(trusted: &TrustedKeys, signatures: &[Signature]) -> Result<Verified<Vec<u8>>, TrustError> {
    trusted.verify(MESSAGE.to_vec(), signatures)
}

#[test]
fn refuses_sets_that_could_never_be_met_or_always() {
    let public = |id, seed| key(id, seed).public_key();
    let many: Vec<_> = (0..33).map(|n| public(n, n)).collect();
    let table = [
        (vec![], 1, TrustedKeysError::NoKeys),
        (many[..32].to_vec(), 17, TrustedKeysError::Unmeetable { threshold: 17 }),
        (many, 1, TrustedKeysError::TooManyKeys { found: 33 }),
        (vec![public(1, 1)], 0, TrustedKeysError::Threshold { threshold: 0, keys: 1 }),
        (vec![public(1, 1)], 2, TrustedKeysError::Threshold { threshold: 2, keys: 1 }),
        (vec![public(1, 1)], u32::MAX, TrustedKeysError::Threshold { threshold: u32::MAX, keys: 1 }),
        (vec![public(1, 1), public(1, 1)], 1, TrustedKeysError::DuplicateKey { first: id_of(1), id: id_of(1) }),
        (
            vec![public(1, 1), public(2, 2), public(3, 1)],
            2,
            TrustedKeysError::DuplicateKey { first: id_of(1), id: id_of(3) },
        ),
    ];
    for (keys, threshold, expected) in table {
        assert_eq!(TrustedKeys::new(keys, threshold), Err(expected));
    }
    let sixteen = TrustedKeys::new((0..32).map(|n| public(n, n)).collect(), 16).unwrap();
    assert_eq!(sixteen.threshold(), 16, "as many as a release carries");
}

#[test]
fn accepts_what_a_trusted_key_signed_and_says_who_and_what() {
    let key = key(1, 1);
    let verified = verify(&trust(&[&key], 1), &[key.sign(MESSAGE, "serial=12").unwrap()]).unwrap();
    assert_eq!(verified.get(), MESSAGE);
    let [signer] = verified.signers() else { panic!("{verified:?}") };
    assert_eq!((signer.key(), signer.trusted_comment()), (&key.public_key(), "serial=12"));
    assert_eq!(verified.into_inner(), MESSAGE);
}

#[test]
fn stays_verified_when_parsed_and_not_when_parsing_fails() {
    let key = key(1, 1);
    let verified = verify(&trust(&[&key], 1), &[sign(&key)]).unwrap();
    let text = verified.clone().try_map(String::from_utf8).unwrap();
    assert_eq!((text.get().as_bytes(), text.signers()), (MESSAGE, verified.signers()));
    assert_eq!(verified.try_map(|_| Err::<(), _>("no manifest")), Err("no manifest"));
}

#[test]
fn refuses_what_no_trusted_key_signed_and_names_who_did() {
    let (trusted, other) = (key(1, 1), key(2, 2));
    let trusted_ids = vec![id_of(1)];
    let table = [(vec![], vec![]), (vec![sign(&other)], vec![id_of(2)]), (vec![sign(&other); 3], vec![id_of(2)])];
    for (signatures, signed_by) in table {
        let expected = TrustError::NotTrusted { signed_by, trusted: trusted_ids.clone() };
        assert_eq!(verify(&trust(&[&trusted], 1), &signatures), Err(expected));
    }
}

#[test]
fn ignores_signatures_by_keys_that_are_not_trusted() {
    let (trusted, other) = (key(1, 1), key(2, 2));
    let verified = verify(&trust(&[&trusted], 1), &[sign(&other), sign(&trusted)]).unwrap();
    assert_eq!(verified.signers().len(), 1);
}

#[test]
fn asks_for_as_many_distinct_keys_as_the_threshold() {
    let (a, b, c) = (key(1, 1), key(2, 2), key(3, 3));
    let two_of_three = trust(&[&a, &b, &c], 2);
    let too_few = |have| {
        Err(TrustError::Threshold {
            have,
            need: 2,
            signed_by: vec![id_of(1)],
            revoked: vec![],
            trusted: vec![id_of(1), id_of(2), id_of(3)],
        })
    };
    assert_eq!(verify(&two_of_three, &[sign(&a)]), too_few(1));
    assert_eq!(verify(&two_of_three, &[sign(&a), sign(&a)]), too_few(1), "one key, one vote");
    let twice = [sign(&a), a.sign(MESSAGE, "another comment").unwrap()];
    assert_eq!(verify(&two_of_three, &twice), too_few(1), "whatever it says");
    assert_eq!(verify(&two_of_three, &[sign(&a), sign(&c)]).unwrap().signers().len(), 2);
    assert_eq!(verify(&two_of_three, &[sign(&c), sign(&b), sign(&a)]).unwrap().signers().len(), 3);
}

#[test]
fn counts_keys_that_share_an_id_apart() {
    let (a, b, stranger) = (key(1, 1), key(1, 2), key(1, 3));
    let both = trust(&[&a, &b], 2);
    assert_eq!(verify(&both, &[sign(&b), sign(&a)]).unwrap().signers().len(), 2);
    assert!(matches!(verify(&both, &[sign(&b)]), Err(TrustError::Threshold { have: 1, .. })));
    let refused = verify(&both, &[sign(&a), sign(&b), sign(&stranger)]);
    assert_eq!(refused, Err(TrustError::BadSignature { key_id: id_of(1) }));
}

#[test]
fn refuses_a_bad_signature_by_a_trusted_key_even_if_others_suffice() {
    let (a, b) = (key(1, 1), key(2, 2));
    let bad = b.sign(b"other bytes", "comment").unwrap();
    let refused = verify(&trust(&[&a, &b], 1), &[sign(&a), bad]);
    assert_eq!(refused, Err(TrustError::BadSignature { key_id: id_of(2) }));
}

#[test]
fn refuses_a_key_under_an_id_that_is_not_trusted() {
    let trusted = trust(&[&key(1, 1)], 1);
    assert!(matches!(verify(&trusted, &[sign(&key(2, 1))]), Err(TrustError::NotTrusted { .. })));
}

#[test]
fn checks_a_bounded_number_of_signatures() {
    let key = key(1, 1);
    let trusted = trust(&[&key], 1);
    verify(&trusted, &vec![sign(&key); MAX_SIGNATURES]).unwrap();
    let found = MAX_SIGNATURES + 1;
    assert_eq!(verify(&trusted, &vec![sign(&key); found]), Err(TrustError::TooManySignatures { found }));
}

#[test]
fn refuses_a_trusted_comment_that_was_changed_or_moved() {
    let key = key(1, 1);
    let (one, two) = (key.sign(MESSAGE, "serial=1").unwrap(), key.sign(b"other", "serial=2").unwrap());
    let changed = one.to_file().replace("serial=1", "serial=9");
    let (one, two) = (one.to_file(), two.to_file());
    let first = one.lines().take(2);
    let moved: String = first.chain(two.lines().skip(2)).flat_map(|line| [line, "\n"]).collect();
    for file in [changed, moved] {
        let refused = verify(&trust(&[&key], 1), &[Signature::parse(file.as_bytes()).unwrap()]);
        assert_eq!(refused, Err(TrustError::BadSignature { key_id: id_of(1) }), "{file}");
    }
}

#[test]
fn refuses_every_flipped_bit_of_a_canonical_signature_file() {
    let key = key(1, 1);
    let trusted = trust(&[&key], 1);
    let file = sign(&key).to_file().into_bytes();
    for bit in 0..file.len() * 8 {
        let mut file = file.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        if let Ok(signature) = Signature::parse_canonical(&file) {
            verify(&trusted, &[signature]).unwrap_err();
        }
    }
}

#[test]
fn says_what_happened_and_which_keys_were_concerned() {
    let (a, b) = (key(0xA1, 1), key(0xB2, 2));
    let message =
        |signatures: &[Signature], trusted: &TrustedKeys| verify(trusted, signatures).unwrap_err().to_string();
    assert_eq!(
        message(&[], &trust(&[&a], 1)),
        "not signed by a trusted key: signed by nobody, trusted: A1A1A1A1A1A1A1A1"
    );
    assert_eq!(
        message(&[sign(&a)], &trust(&[&a, &b], 2)),
        "signed by 1 of the trusted keys, but 2 are needed: \
         signed by A1A1A1A1A1A1A1A1, trusted: A1A1A1A1A1A1A1A1, B2B2B2B2B2B2B2B2"
    );
}

#[test]
fn says_which_signers_are_revoked() {
    let (a, b, gone) = (key(0xA1, 1), key(0xB2, 2), key(0xC3, 3));
    let trusted = trust(&[&a, &b], 2).revoking(vec![gone.id()]);
    let message = |signatures: &[Signature]| verify(&trusted, signatures).unwrap_err().to_string();
    assert_eq!(
        message(&[sign(&gone), sign(&key(0xD4, 4))]),
        "signed by C3C3C3C3C3C3C3C3, which this host has revoked; trusted: A1A1A1A1A1A1A1A1, B2B2B2B2B2B2B2B2"
    );
    assert_eq!(
        message(&[sign(&gone), sign(&a)]),
        "signed by 1 of the trusted keys, but 2 are needed: signed by A1A1A1A1A1A1A1A1 (and by C3C3C3C3C3C3C3C3, \
         which this host has revoked), trusted: A1A1A1A1A1A1A1A1, B2B2B2B2B2B2B2B2"
    );
    assert!(message(&[sign(&key(0xD4, 4))]).starts_with("not signed by a trusted key"));
}

proptest! {
    #[test]
    fn refuses_any_flipped_byte_of_the_message(mut message in proptest::collection::vec(any::<u8>(), 1..300), at: prop::sample::Index, flip in 1..=u8::MAX) {
        let key = key(1, 1);
        let signature = key.sign(&message, "").unwrap();
        let trusted = trust(&[&key], 1);
        prop_assert!(trusted.verify(message.clone(), std::slice::from_ref(&signature)).is_ok());
        let at = at.index(message.len());
        message[at] ^= flip;
        prop_assert_eq!(trusted.verify(message, &[signature]), Err(TrustError::BadSignature { key_id: id_of(1) }));
    }

    /// The result equals that of counting distinct points one by one, for any keys, ids and signers.
    #[test]
    fn accepts_exactly_when_enough_distinct_points_signed(
        seeds in proptest::collection::btree_set(0_u8..6, 1..5),
        signers in proptest::collection::vec(0_u8..6, 0..8),
        threshold in 1_u32..4,
    ) {
        let keys: Vec<_> = seeds.iter().map(|&seed| key(seed, seed)).collect();
        prop_assume!(threshold as usize <= keys.len());
        let trusted = trust(&keys.iter().collect::<Vec<_>>(), threshold);
        let signatures: Vec<_> = signers.iter().map(|&seed| sign(&key(seed, seed))).collect();
        let have = seeds.iter().filter(|seed| signers.contains(seed)).count();
        prop_assert_eq!(verify(&trusted, &signatures).is_ok(), have >= threshold as usize);
    }
}
