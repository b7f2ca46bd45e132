//! The check of a chain of receipts.

use super::*;

#[track_caller]
fn is_refused(key: &SecretKey, all: &[UnverifiedReceipt], first: &str) {
    let faults = faults(key, all);
    assert!(faults.first().is_some_and(|fault| fault.contains(first)), "{first:?} is not first in {faults:#?}");
}

#[test]
fn receipts_of_one_host_in_order_verify() {
    let key = SecretKey::generate().unwrap();
    assert_eq!(faults(&key, &chained(&key, 5)), [""; 0]);
    assert_eq!(faults(&key, &chained(&key, 1)), [""; 0]);
}

#[test]
fn a_removed_receipt_is_reported() {
    let key = SecretKey::generate().unwrap();
    let end = ExpectedEnd { recorded: Some(counter(5)), ..ExpectedEnd::default() };
    for gone in 0..5 {
        let mut all = chained(&key, 5);
        all.remove(gone);
        let faults = report(&key, &all, &end).faults.listed;
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].counter, counter(u32::try_from(gone).unwrap() + 1));
        assert!(faults[0].message.starts_with(&format!("receipt {} is missing", gone + 1)), "{faults:?}");
    }
    assert!(report(&key, &chained(&key, 5), &end).faults.is_empty());
}

#[test]
fn missing_newest_receipts_are_reported_from_each_record_of_the_host() {
    let key = SecretKey::generate().unwrap();
    let (recorded, signature, current) = (Some(counter(5)), Some(counter(5)), Some(Digest::of(b"another")));
    for (end, count, expected) in [
        (ExpectedEnd { recorded, ..ExpectedEnd::default() }, 3, "receipts 4 to 5 are missing: this host has issued 5"),
        (ExpectedEnd { signature, ..ExpectedEnd::default() }, 3, "receipt 5 is missing, but its signature is there"),
        (
            ExpectedEnd { current, ..ExpectedEnd::default() },
            3,
            "receipts after 3 are missing: the installed release is not",
        ),
        (ExpectedEnd { recorded, ..ExpectedEnd::default() }, 0, "receipts 1 to 5 are missing"),
        (ExpectedEnd { current, ..ExpectedEnd::default() }, 0, "there is no receipt for the installed release"),
    ] {
        let faults = messages(report(&key, &chained(&key, count), &end).faults);
        assert!(faults.len() == 1 && faults[0].starts_with(expected), "{expected:?} is not {faults:?}");
    }
    let end = ExpectedEnd { recorded, signature, current: Some(Digest::of(b"m")) };
    assert!(report(&key, &chained(&key, 5), &end).faults.is_empty());
}

#[test]
fn all_faults_are_counted_and_the_first_hundred_listed() {
    let key = SecretKey::generate().unwrap();
    let mut all = chained(&key, 6);
    all[1].signature = None;
    all.remove(3);
    all[4].body.push(b' ');
    let faults = faults(&key, &all);
    let expected = ["receipt 2 has no signature", "receipt 4 is missing", "receipt 6 is not signed"];
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults.iter().zip(expected).all(|(fault, expected)| fault.starts_with(expected)), "{faults:?}");
    let many: Vec<UnverifiedReceipt> =
        chained(&key, 105).into_iter().map(|found| UnverifiedReceipt { signature: None, ..found }).collect();
    let faults = report(&key, &many, &ExpectedEnd::default()).faults;
    assert_eq!((faults.listed.len(), faults.more), (100, 5));
    assert!(faults.lines().ends_with("\nand 5 more"), "{}", faults.lines());
}

#[test]
fn receipts_out_of_order_or_doubled_are_refused() {
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
    all[1] = UnverifiedReceipt { counter: counter(2), ..third };
    is_refused(&key, &all, "receipt 2 has the counter 3 in it");
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
fn a_receipt_by_another_key_is_refused_unless_that_key_is_given() {
    let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let mut all = chained(&key, 3);
    all[2] = signed(&other, &receipt(3, Some(Digest::of(&all[1].body))));
    is_refused(&key, &all, "receipt 3 is not signed by this host's key");
    let mut chain = Chain::new(vec![key.public_key(), other.public_key()]).unwrap();
    assert!(all.iter().all(|found| chain.check_next(found).is_some()));
}

#[test]
fn a_replaced_receipt_breaks_the_chain_even_if_the_host_signed_it() {
    let key = SecretKey::generate().unwrap();
    let mut all = chained(&key, 3);
    let mut other = receipt(2, Some(Digest::of(&all[0].body)));
    other.by.user = "mallory".to_owned();
    all[1] = signed(&key, &other);
    is_refused(&key, &all, "receipt 3 does not continue 2");
    let mut all = chained(&key, 1);
    all[0] = signed(&key, &receipt(1, Some(Digest::of(b"another"))));
    is_refused(&key, &all, "continues one before the first");
    let all = [signed(&key, &receipt(1, None)), signed(&key, &receipt(2, None))];
    is_refused(&key, &all, "receipt 2 does not continue 1");
}

#[test]
fn a_signature_with_the_comment_of_another_receipt_is_refused() {
    let key = SecretKey::generate().unwrap();
    let mut all = chained(&key, 1);
    let comment = "counter=2 product=acme version=1.0.0";
    all[0].signature = Some(key.sign(&all[0].body, comment).unwrap().to_file().into_bytes());
    is_refused(&key, &all, "the signature of receipt 1 was made for another one");
}

#[test]
fn a_gap_that_the_host_signed_is_reported_and_no_fault() {
    let key = SecretKey::generate().unwrap();
    let mut all = chained(&key, 2);
    let mut third = receipt(3, None);
    third.gap = Some("receipt 2 cannot be read".to_owned());
    all.push(signed(&key, &third));
    all.push(signed(&key, &receipt(4, Some(Digest::of(&all[2].body)))));
    let checked = report(&key, &all, &ExpectedEnd::default());
    assert!(checked.faults.is_empty(), "{:?}", checked.faults);
    let gap = Finding { counter: counter(3), message: "receipt 2 cannot be read".to_owned() };
    assert_eq!(checked.gaps.listed, [gap]);
    // One that came over a release says that there was one.
    let mut first = receipt(1, None);
    first.from = first.to.clone();
    let checked = report(&key, &[signed(&key, &first)], &ExpectedEnd::default());
    assert_eq!((checked.faults.is_empty(), checked.gaps.listed[0].counter), (true, counter(1)));
}

#[test]
fn an_unreadable_receipt_is_reported_and_the_rest_checked() {
    let key = SecretKey::generate().unwrap();
    let all = chained(&key, 4);
    let mut chain = Chain::new(vec![key.public_key()]).unwrap();
    chain.check_next(&all[0]);
    chain.skip_unreadable(counter(2), "it is not a regular file".to_owned());
    chain.check_next(&all[2]).unwrap();
    chain.check_next(&all[3]).unwrap();
    assert_eq!(messages(chain.finish(&ExpectedEnd::default()).faults), ["it is not a regular file"]);
}

#[test]
fn malformed_receipts_are_refused() {
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
        (" ".repeat(receipt::MAX_RECEIPT_BYTES + 1), "is larger than"),
    ] {
        let signature = key.sign(json.as_bytes(), "counter=1").unwrap().to_file().into_bytes();
        let found = UnverifiedReceipt { counter: counter(1), body: json.into_bytes(), signature: Some(signature) };
        is_refused(&key, &[found], reason);
    }
}
