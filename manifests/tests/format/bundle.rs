//! A bundle reads back as it was written, and nothing else is a bundle.

use crate::fixture::{blobs, bundle, read, release, trusted, write};
use landfall_keys::{MAX_CHAIN_LINKS, MAX_SIGNATURES, RootChanges, RootLink, SecretKey, TrustRoot};
use landfall_manifests::{
    Bundle, Digest, Head, ReadError, Release, SignError, Signed, WriteError, Writer, archive, limits,
};

#[test]
fn reads_back_what_was_written() {
    let key = SecretKey::generate().unwrap();
    let bytes = bundle(release(&key), std::slice::from_ref(&key));
    let contents = read(&bytes, &trusted(&key)).unwrap();
    assert_eq!(contents[3..], blobs(), "after the three files of the image layout");
    let head = Head::read(&mut bytes.as_slice()).unwrap();
    assert_eq!(head.offered_keys(), [key.public_key()]);
    let signed = head.clone().into_signed_without_verifying().unwrap();
    assert_eq!(signed.bundle_bytes(), bytes.len() as u64);
    let end = head.end();
    let opened: Bundle = head.verify(&trusted(&key)).unwrap();
    assert_eq!((opened.size(), opened.entries()[0].offset), (bytes.len() as u64, end));
    assert_eq!(*opened.release(), release(&key));
    for entry in opened.entries() {
        let header = usize::try_from(entry.offset).unwrap();
        assert_eq!(bytes[header..header + 512], archive::header(&entry.name, entry.size));
    }
}

#[test]
fn the_same_release_and_key_give_the_same_bytes() {
    let key = SecretKey::generate().unwrap();
    let one = bundle(release(&key), std::slice::from_ref(&key));
    assert_eq!(one, bundle(release(&key), std::slice::from_ref(&key)));
}

#[test]
fn refuses_every_single_byte_change() {
    let key = SecretKey::generate().unwrap();
    let trusted = trusted(&key);
    let bytes = bundle(release(&key), std::slice::from_ref(&key));
    let mut refused = 0;
    for offset in 0..bytes.len() {
        for change in [0x01, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[offset] ^= change;
            assert!(read(&changed, &trusted).is_err(), "offset {offset} ^ {change:#x}");
            refused += 1;
        }
    }
    assert_eq!(refused, bytes.len() * 3);
}

#[test]
fn refuses_every_truncation_and_anything_appended() {
    let key = SecretKey::generate().unwrap();
    let trusted = trusted(&key);
    let bytes = bundle(release(&key), std::slice::from_ref(&key));
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length], &trusted).is_err(), "{length} bytes");
    }
    for extra in [vec![0], vec![0; 512], vec![0; 10240], b"x".to_vec(), archive::header("extra", 0).to_vec()] {
        let longer = [bytes.as_slice(), &extra].concat();
        assert!(matches!(read(&longer, &trusted), Err(ReadError::Trailing { .. })));
    }
}

#[test]
fn refuses_entries_that_are_missing_doubled_or_swapped() {
    let key = SecretKey::generate().unwrap();
    let trusted = trusted(&key);
    let bytes = bundle(release(&key), std::slice::from_ref(&key));
    let opened = Head::read(&mut bytes.as_slice()).unwrap().verify(&trusted).unwrap();
    let range = |index: usize| {
        let entry = &opened.entries()[index];
        let start = usize::try_from(entry.offset).unwrap();
        start..start + usize::try_from(entry.archive_bytes()).unwrap()
    };
    for index in 0..opened.entries().len() {
        let (before, entry, after) = (&bytes[..range(index).start], &bytes[range(index)], &bytes[range(index).end..]);
        assert!(read(&[before, after].concat(), &trusted).is_err(), "without {index}");
        assert!(read(&[before, entry, entry, after].concat(), &trusted).is_err(), "{index} twice");
        if index > 0 {
            let (first, end) = (&bytes[range(index - 1)], range(index).end);
            let swapped = [&bytes[..range(index - 1).start], entry, first, &bytes[end..]].concat();
            assert!(read(&swapped, &trusted).is_err(), "{index} before its predecessor");
        }
    }
}

#[test]
fn takes_several_signatures_and_holds_those_of_named_signers_still() {
    let [one, two, other] = std::array::from_fn(|_| SecretKey::generate().unwrap());
    let mut named = release(&one);
    named.keys.push(two.public_key().to_line());
    let keys = [one, two];
    let bytes = bundle(named, &keys);
    for key in &keys {
        assert!(read(&bytes, &trusted(key)).is_ok());
    }
    assert!(matches!(read(&bytes, &trusted(&other)), Err(ReadError::Untrusted(_))));
    let head_end = Head::read(&mut bytes.as_slice()).unwrap().manifest().len();
    let signatures = head_end.next_multiple_of(512) + 512..;
    for offset in signatures.take_while(|offset| *offset < head_end.next_multiple_of(512) + 512 + 4 * 512) {
        let mut changed = bytes.clone();
        changed[offset] ^= 1;
        assert!(read(&changed, &trusted(&keys[0])).is_err(), "offset {offset}");
    }
}

#[test]
fn a_signature_is_added_without_touching_the_manifest() {
    let [one, two] = std::array::from_fn(|_| SecretKey::generate().unwrap());
    let bytes = bundle(release(&one), std::slice::from_ref(&one));
    let mut signed = Head::read(&mut bytes.as_slice()).unwrap().into_signed_without_verifying().unwrap();
    signed.add(&two).unwrap();
    assert!(signed.add(&two).is_err(), "a second signature by the same key");
    let both = write(&signed);
    assert!(read(&both, &trusted(&one)).is_ok());
    assert!(read(&both, &trusted(&two)).is_ok());
}

#[test]
fn writes_the_blobs_of_the_manifest_and_no_others() {
    let key = SecretKey::generate().unwrap();
    let signed = Signed::new(release(&key), std::slice::from_ref(&key)).unwrap();
    let blobs = blobs();
    let digest = |index: usize| landfall_manifests::Digest::of(&blobs[index]);
    let begin = || Writer::begin(std::io::sink(), &signed).unwrap();
    assert!(matches!(begin().finish(), Err(WriteError::Missing(_))));
    assert!(matches!(begin().blob(digest(1), &mut blobs[1].as_slice()), Err(WriteError::Order(_))));
    for wrong in [b"fil".as_slice(), b"filE", b"files"] {
        let mut content = wrong;
        assert!(matches!(begin().blob(digest(0), &mut content), Err(WriteError::Changed(_))));
    }
}

#[test]
fn what_is_before_the_blobs_fills_the_room_that_was_left_for_it() {
    let key = SecretKey::generate().unwrap();
    let keys = std::slice::from_ref(&key);
    let head_bytes = |signed: &Signed| {
        let mut head = Vec::new();
        signed.write_head(&mut head).unwrap();
        head.len() as u64
    };
    let tight = Signed::room_for(&release(&key), keys).unwrap();
    assert_eq!(head_bytes(&Signed::new(release(&key), keys).unwrap()), tight);
    for room in [tight, tight + 512, tight + 100 * 512] {
        let signed = Signed::new_in(room, release(&key), keys).unwrap();
        assert_eq!(head_bytes(&signed), room);
        let text = std::str::from_utf8(signed.bytes()).unwrap();
        assert!(text.ends_with('\n') && text.trim_end().ends_with('}'));
        let bundle = write(&signed);
        assert!(read(&bundle, &trusted(&key)).is_ok(), "{room} bytes");
        // What others add a signature to keeps the bytes that were signed.
        let again = Head::read(&mut bundle.as_slice()).unwrap().into_signed_without_verifying().unwrap();
        assert_eq!(again.bytes(), signed.bytes());
    }
    let small = Signed::new_in(tight - 512, release(&key), keys);
    assert!(matches!(small, Err(SignError::NoRoom { .. })));
    let mut many = release(&key);
    many.keys = vec!["k".repeat(1 << 20); 16];
    assert!(matches!(Signed::room_for(&many, keys), Err(SignError::TooLarge(_))));
}

#[test]
fn brings_the_chain_of_trust_roots_as_its_publisher_keeps_it() {
    let [one, two] = std::array::from_fn(|_| SecretKey::generate().unwrap());
    let first = TrustRoot::first(vec![one.public_key()], 1).unwrap();
    let changes = RootChanges { add: vec![two.public_key()], ..RootChanges::default() };
    let next = first.next(&changes).unwrap();
    let link = RootLink::new(&next, &[one.sign(next.to_json().as_bytes(), "").unwrap()]);
    let mut chained = release(&one);
    assert!(!String::from_utf8(chained.to_json()).unwrap().contains("\"trust\""), "an empty chain is left out");
    chained.trust = vec![link.clone()];
    let head = Head::read(&mut bundle(chained, &[two]).as_slice()).unwrap();
    assert_eq!(head.offered_chain(), [link]);
    let trusted = first.follow(&head.offered_chain()).unwrap();
    assert_eq!(trusted, next);
    assert!(head.clone().verify(first.trusted_keys()).is_err(), "the new key alone signed the bundle");
    assert!(head.verify(trusted.trusted_keys()).is_ok());
}

#[test]
fn no_more_of_an_unverified_list_is_kept_than_shows_that_it_is_too_long() {
    let head = |manifest: &str| {
        let size = manifest.len();
        let padding = vec![0; size.next_multiple_of(512) - size + 512];
        let header = archive::header(archive::MANIFEST_NAME, size as u64);
        Head::read(&mut [&header, manifest.as_bytes(), &padding].concat().as_slice()).unwrap()
    };
    let many = |element: &str, count: usize| vec![element; count].join(",");
    let link = |signatures: usize| format!(r#"{{"root":"","signatures":[{}]}}"#, many(r#""""#, signatures));
    let signed = head(&format!(r#"{{"trust":[{}]}}"#, link(100_000)));
    assert_eq!(signed.offered_chain()[0].signatures().len(), MAX_SIGNATURES + 1);
    let chained = head(&format!(r#"{{"trust":[{}],"keys":[{}]}}"#, many(&link(0), 10_000), many(r#""""#, 100_000)));
    assert_eq!(chained.offered_chain().len(), MAX_CHAIN_LINKS + 1);
    assert!(chained.offered_keys().is_empty());
    let key = SecretKey::generate().unwrap();
    let mut full = serde_json::to_value(release(&key)).unwrap();
    full["keys"] = vec![""; 100_000].into();
    let full: Release = serde_json::from_value(full).unwrap();
    assert_eq!(full.keys.len(), limits::OFFERED_KEYS + 1);
    assert!(full.check().unwrap_err().to_string().contains("the number of offered keys"));
}

#[test]
fn a_bundle_keeps_its_entries_under_any_trusted_head_with_its_manifest() {
    let [one, two, stranger] = std::array::from_fn(|_| SecretKey::generate().unwrap());
    let trusted = trusted(&one);
    let head = |release: Release, keys: &[&SecretKey]| {
        let mut signed = Signed::new(release, std::slice::from_ref(keys[0])).unwrap();
        keys[1..].iter().for_each(|key| signed.add(key).unwrap());
        Head::read(&mut write(&signed).as_slice()).unwrap()
    };
    let signers: [&[&SecretKey]; 3] = [&[&one], &[&one, &two], &[&two, &one, &stranger]];
    for (from, to) in signers.iter().flat_map(|from| signers.iter().map(move |to| (from, to))) {
        let [from, to] = [from, to].map(|keys| head(release(&one), keys));
        let (before, expected) = (from.verify(&trusted).unwrap(), to.clone().verify(&trusted).unwrap());
        let own = to.verify_signatures(&trusted, &before).unwrap();
        let moved = before.with_head(own).unwrap();
        assert_eq!((moved.entries(), moved.size()), (expected.entries(), expected.size()));
        assert_eq!((moved.signatures(), moved.verified()), (expected.signatures(), expected.verified()));
    }
    let before = head(release(&one), &[&one]).verify(&trusted).unwrap();
    assert!(head(release(&one), &[&stranger]).verify_signatures(&trusted, &before).is_err());
    let other = head(Release { created: Some("2026".to_owned()), ..release(&one) }, &[&one]);
    let other = other.verify_signatures(&trusted, &before).unwrap();
    let expected = Digest::of(before.manifest());
    assert_eq!(before.with_head(other).unwrap_err().expected, expected);
}

#[test]
fn the_checked_in_schema_is_the_one_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/landfall.schema.json");
    let current = Release::json_schema();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let checked_in = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        parse(&checked_in),
        parse(&current),
        "run `UPDATE=1 cargo test -p landfall-manifests --test format schema`"
    );
}
