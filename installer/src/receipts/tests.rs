#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::body::{Place, SCHEMA, TrustedBy};
use super::chain::Found;
use super::counter::MAX_RECEIPTS;
use super::draft::{Footing, footing};
use super::who::By;
use super::*;
use crate::layout::Layout;
use landfall_keys::SecretKey;
use landfall_manifests::Digest;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

fn counter(number: u32) -> Counter {
    number.try_into().unwrap()
}

fn receipt(number: u32, previous: Option<Digest>) -> Receipt {
    let place = |serial: u64| Place {
        version: "1.0.0".parse().unwrap(),
        serial: serial.try_into().unwrap(),
        manifest: Digest::of(b"m"),
    };
    Receipt {
        schema: SCHEMA,
        counter: counter(number),
        time: "2026-11-22T08:00:00Z".to_owned(),
        operation: if number == 1 { Act::Install } else { Act::Update },
        by: By { uid: 0, user: "root".to_owned(), login: Some("alice".to_owned()) },
        product: "acme".parse().unwrap(),
        from: (number > 1).then(|| place(u64::from(number) - 1)),
        to: place(u64::from(number)),
        signers: Vec::new(),
        trust: TrustedBy { version: 1, digest: Digest::of(b"root") },
        installer: "0.1.0".to_owned(),
        previous,
        gap: None,
    }
}

fn found(key: &SecretKey, receipt: &Receipt) -> Found {
    let body = receipt.to_json().into_bytes();
    let signature = key.sign(&body, &receipt.comment()).unwrap().to_file().into_bytes();
    Found { counter: receipt.counter, body, signature: Some(signature) }
}

/// Receipts 1 to `count`, as a host writes them.
fn chained(key: &SecretKey, count: u32) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for number in 1..=count {
        all.push(found(key, &receipt(number, all.last().map(|last| Digest::of(&last.body)))));
    }
    all
}

/// What is wrong with these, one after the other.
fn faults(key: &SecretKey, all: &[Found]) -> Vec<String> {
    let mut chain = Chain::new(vec![key.public_key()]).unwrap();
    all.iter()
        .filter_map(|found| chain.follow(found).err())
        .map(|fault| format!("{:#}", anyhow::Error::from(fault)))
        .collect()
}

#[track_caller]
fn is_refused(key: &SecretKey, all: &[Found], first: &str) {
    let faults = faults(key, all);
    assert!(faults.first().is_some_and(|fault| fault.contains(first)), "{first:?} is not first in {faults:#?}");
}

#[test]
fn receipts_that_a_host_wrote_one_after_the_other_are_believed() {
    let key = SecretKey::generate().unwrap();
    assert_eq!(faults(&key, &chained(&key, 5)), [""; 0]);
    assert_eq!(faults(&key, &chained(&key, 1)), [""; 0]);
}

#[test]
fn a_receipt_that_is_removed_is_missed() {
    let key = SecretKey::generate().unwrap();
    for gone in 0..4 {
        let mut all = chained(&key, 5);
        all.remove(gone);
        is_refused(&key, &all, &format!("receipt {} is missing", gone + 1));
    }
}

#[test]
fn receipts_in_another_order_or_twice_are_refused() {
    let key = SecretKey::generate().unwrap();
    let mut all = chained(&key, 4);
    all.swap(1, 2);
    is_refused(&key, &all, "receipt 2 is missing");
    let mut all = chained(&key, 4);
    all.insert(2, all[1].clone());
    is_refused(&key, &all, "receipt 2 does not come after 2");
    // Under each other's names.
    let mut all = chained(&key, 4);
    let third = all[2].clone();
    all[1] = Found { counter: counter(2), ..third };
    is_refused(&key, &all, "receipt 2 says that it is receipt 3");
}

#[test]
fn a_changed_or_truncated_byte_is_found_wherever_it_is() {
    let key = SecretKey::generate().unwrap();
    let good = chained(&key, 3);
    let body = good[1].body.len();
    let last_signature = good[1].signature.clone().unwrap().len();
    for at in 0..body {
        let mut all = good.clone();
        all[1].body[at] ^= 1;
        is_refused(&key, &all, "receipt 2 is not signed by this host's key");
        let mut all = good.clone();
        all[1].body.truncate(at);
        is_refused(&key, &all, "receipt 2 is not signed by this host's key");
    }
    // The untrusted comment alone is free to change, as it is for minisign.
    let comment = good[1].signature.as_ref().unwrap().iter().position(|byte| *byte == b'\n').unwrap();
    for at in comment..last_signature - 1 {
        let mut all = good.clone();
        all[1].signature.as_mut().unwrap()[at] ^= 1;
        assert!(!faults(&key, &all).is_empty(), "byte {at} of the signature");
    }
    let mut all = good;
    all[1].signature = None;
    is_refused(&key, &all, "receipt 2 has no signature");
}

#[test]
fn a_receipt_by_another_key_is_refused_and_a_second_key_of_the_host_counts_if_it_is_given() {
    let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let mut all = chained(&key, 3);
    all[2] = found(&other, &receipt(3, Some(Digest::of(&all[1].body))));
    is_refused(&key, &all, "receipt 3 is not signed by this host's key");
    let mut chain = Chain::new(vec![key.public_key(), other.public_key()]).unwrap();
    assert!(all.iter().all(|found| chain.follow(found).is_ok()));
}

#[test]
fn a_receipt_that_was_replaced_breaks_the_chain_although_the_host_signed_it() {
    let key = SecretKey::generate().unwrap();
    let mut all = chained(&key, 3);
    let mut other = receipt(2, Some(Digest::of(&all[0].body)));
    other.by.user = "mallory".to_owned();
    all[1] = found(&key, &other);
    is_refused(&key, &all, "receipt 3 does not go on from 2");
    let mut all = chained(&key, 1);
    all[0] = found(&key, &receipt(1, Some(Digest::of(b"another"))));
    is_refused(&key, &all, "goes on from one before the first");
    let all = [found(&key, &receipt(1, None)), found(&key, &receipt(2, None))];
    is_refused(&key, &all, "receipt 2 does not go on from 1");
}

#[test]
fn a_signature_over_these_bytes_that_speaks_of_others_is_refused() {
    let key = SecretKey::generate().unwrap();
    let mut all = chained(&key, 1);
    let comment = "counter=2 product=acme version=1.0.0";
    all[0].signature = Some(key.sign(&all[0].body, comment).unwrap().to_file().into_bytes());
    is_refused(&key, &all, "the signature of receipt 1 speaks of another one");
}

#[test]
fn a_gap_is_reported_with_its_reason() {
    let key = SecretKey::generate().unwrap();
    let mut all = chained(&key, 2);
    let mut third = receipt(3, None);
    third.gap = Some("receipt 2 cannot be read".to_owned());
    all.push(found(&key, &third));
    all.push(found(&key, &receipt(4, Some(Digest::of(&all[2].body)))));
    assert_eq!(faults(&key, &all), ["receipt 3 says that the chain is broken before it: receipt 2 cannot be read"]);
}

#[test]
fn what_cannot_be_read_is_passed_and_the_rest_is_checked_all_the_same() {
    let key = SecretKey::generate().unwrap();
    let all = chained(&key, 4);
    let mut chain = Chain::new(vec![key.public_key()]).unwrap();
    chain.follow(&all[0]).unwrap();
    chain.pass(counter(2));
    chain.follow(&all[2]).unwrap();
    chain.follow(&all[3]).unwrap();
}

#[test]
fn bytes_that_are_no_receipt_are_refused() {
    let key = SecretKey::generate().unwrap();
    let good = receipt(1, None);
    let mut text = good.clone();
    text.by.user = "\u{1b}[2J".to_owned();
    let mut later = good.clone();
    later.schema = 2;
    for (json, reason) in [
        (good.to_json().replace("\"counter\": 1", "\"counter\": 0"), "does not parse"),
        (good.to_json().replace("\"product\"", "\"produce\""), "does not parse"),
        (text.to_json(), "control characters"),
        (later.to_json(), "schema is 2"),
        (" ".repeat(body::MAX_RECEIPT_BYTES + 1), "is larger than"),
    ] {
        let signature = key.sign(json.as_bytes(), "counter=1").unwrap().to_file().into_bytes();
        let found = Found { counter: counter(1), body: json.into_bytes(), signature: Some(signature) };
        is_refused(&key, &[found], reason);
    }
}

#[test]
fn the_next_receipt_goes_on_from_the_last_or_says_why_not() {
    let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let last = chained(&key, 7).pop().unwrap();
    let here = |_| Ok(last.clone());
    let own = || Ok(Some(key.public_key()));
    let gap = |counter: Option<u32>, why: &str, found: Footing| {
        assert_eq!((found.counter.map(u32::from), found.previous), (counter, None), "{why}");
        assert!(found.gap.as_ref().is_some_and(|gap| gap.contains(why)), "{why}: {:?}", found.gap);
    };
    let digest = Some(Digest::of(&last.body));
    assert_eq!(footing(Ok(None), Ok(None), here), Footing { counter: Some(Counter::FIRST), previous: None, gap: None });
    assert_eq!(
        footing(Ok(Some(counter(7))), own(), here),
        Footing { counter: Some(counter(8)), previous: digest, gap: None }
    );
    gap(Some(1), "are gone", footing(Ok(None), own(), here));
    gap(Some(1), "cannot read the folder", footing(Err("cannot read the folder".into()), own(), here));
    gap(Some(8), "key that signed", footing(Ok(Some(counter(7))), Ok(None), here));
    gap(Some(8), "no key", footing(Ok(Some(counter(7))), Err("no key".into()), here));
    gap(Some(8), "not signed", footing(Ok(Some(counter(7))), Ok(Some(other.public_key())), here));
    gap(Some(8), "EIO", footing(Ok(Some(counter(7))), own(), |_| Err("EIO".into())));
    gap(
        Some(8),
        "has no signature",
        footing(Ok(Some(counter(7))), own(), |_| Ok(Found { signature: None, ..last.clone() })),
    );
    assert_eq!(footing(Ok(Some(counter(MAX_RECEIPTS))), own(), here).counter, None);
    let long = footing(Err("\n".repeat(10_000)), own(), here).gap.unwrap();
    assert_eq!(long, " ".repeat(512));
}

/// A host's state folder.
fn host() -> (TempDir, Layout) {
    let root = tempfile::tempdir().unwrap();
    let layout = Layout::new(root.path());
    fs::create_dir_all(layout.state()).unwrap();
    (root, layout)
}

fn draft(number: u32, previous: Option<Digest>) -> Draft {
    let receipt = receipt(number, previous);
    serde_json::from_value(
        serde_json::json!({"counter": number, "body": receipt.to_json(), "comment": receipt.comment()}),
    )
    .unwrap()
}

fn all(layout: &Layout) -> Vec<Found> {
    let folder = Folder::new(layout.receipts());
    folder.counters().unwrap().into_iter().map(|counter| folder.read(counter).unwrap()).collect()
}

#[test]
fn recording_again_gives_the_same_bytes() {
    let (_root, layout) = host();
    record(&layout, &draft(1, None)).unwrap();
    let first = all(&layout);
    let second = draft(2, Some(Digest::of(&first[0].body)));
    record(&layout, &second).unwrap();
    let both = all(&layout);
    // What a run that was cut off leaves: the signature alone.
    fs::remove_file(layout.receipts().join("0000000002.json")).unwrap();
    assert_eq!(all(&layout), first);
    for _ in 0..2 {
        record(&layout, &second).unwrap();
        assert_eq!(all(&layout), both);
    }
    let key = host_key::read(&layout).unwrap().unwrap();
    assert_eq!(faults(&key, &both), [""; 0]);
    assert_eq!(layout.host_key().metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(host_key::public(&layout).unwrap(), Some(key.public_key()));
}

#[test]
fn a_key_that_cannot_be_used_gives_way_and_stays_beside_the_new_one() {
    let (_root, layout) = host();
    for content in ["nothing", "\u{0}"] {
        fs::write(layout.host_key(), content).unwrap();
        assert!(host_key::read(&layout).is_err());
        record(&layout, &draft(1, None)).unwrap();
        assert_eq!(fs::read_to_string(layout.state().join("host.key.unusable")).unwrap(), content);
        assert_eq!(faults(&host_key::read(&layout).unwrap().unwrap(), &all(&layout)), [""; 0]);
        assert!(host_key::public(&layout).unwrap().is_some());
    }
}

#[test]
fn a_folder_that_cannot_take_a_receipt_gives_way_and_nothing_in_it_is_lost() {
    let (_root, layout) = host();
    fs::write(layout.receipts(), "not a folder").unwrap();
    record(&layout, &draft(1, None)).unwrap();
    let state = layout.state();
    assert_eq!(fs::read_to_string(state.join("receipts.unusable.1")).unwrap(), "not a folder");
    let mut other = receipt(1, None);
    other.by.user = "bob".to_owned();
    let other = serde_json::json!({"counter": 1, "body": other.to_json(), "comment": other.comment()});
    let other = serde_json::from_value(other).unwrap();
    for _ in 0..2 {
        record(&layout, &other).unwrap();
        assert_eq!(all(&layout).len(), 1);
        assert!(state.join("receipts.unusable.2/0000000001.json").exists());
        assert!(!state.join("receipts.unusable.3").exists());
    }
}

#[test]
fn other_names_and_a_signature_alone_are_no_receipts_but_its_counter_is_taken() {
    let (_root, layout) = host();
    let folder = Folder::new(layout.receipts());
    assert_eq!((folder.counters().unwrap(), folder.highest().unwrap()), (Vec::new(), None));
    record(&layout, &draft(1, None)).unwrap();
    for name in ["host.pub", ".0000000003.json.partial", "0000100001.json", "0000000002.json.minisig"] {
        fs::write(layout.receipts().join(name), "").unwrap();
    }
    assert_eq!(folder.counters().unwrap(), [counter(1)]);
    assert_eq!(folder.highest().unwrap(), Some(counter(2)));
}

#[test]
fn what_is_not_a_file_is_not_waited_for() {
    let (_root, layout) = host();
    fs::create_dir(layout.receipts()).unwrap();
    let pipe = layout.receipts().join("0000000001.json");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let error = Folder::new(layout.receipts()).read(counter(1)).unwrap_err();
    assert_eq!(error.source.to_string(), "it is not a regular file");
}
