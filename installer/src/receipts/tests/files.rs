//! Receipts and the host's key as files.

use super::*;
use crate::receipts::issue::issue;
use std::path::Path;

#[test]
fn the_next_receipt_continues_the_last_or_states_a_gap() {
    let (key, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let all = chained(&key, 7);
    let last = all[6].clone();
    let read = |counter: Counter| {
        let found = all.iter().find(|found| found.counter == counter);
        found.cloned().ok_or_else(|| format!("no receipt {counter}"))
    };
    let seven = Ok(Some(counter(7)));
    let key = Ok(Some(key.public_key()));
    let known = PriorState { recorded: seven.clone(), highest: seven.clone(), key, from: Some(Digest::of(b"m")) };
    let expected = ChainPosition { counter: counter(8), previous: Some(Digest::of(&last.body)), gap: None };
    for recorded in [7, 6] {
        let known = PriorState { recorded: Ok(Some(counter(recorded))), ..known.clone() };
        assert_eq!(chain_position(&known, read), expected);
    }
    assert_eq!(chain_position(&PriorState { recorded: Ok(None), ..known.clone() }, read), expected);
    // A name alone gives no number away.
    for stray in [9, MAX_RECEIPTS] {
        assert_eq!(chain_position(&PriorState { highest: Ok(Some(counter(stray))), ..known.clone() }, read), expected);
    }
    let nothing = PriorState { recorded: Ok(None), highest: Ok(None), key: Ok(None), from: None };
    assert_eq!(chain_position(&nothing, read), ChainPosition { counter: Counter::FIRST, previous: None, gap: None });
    let gap = |number: u32, why: &str, known: &PriorState| {
        let found = chain_position(known, read);
        assert_eq!((found.counter, found.previous), (counter(number), None), "{why}");
        assert!(found.gap.as_ref().is_some_and(|gap| gap.contains(why)), "{why}: {:?}", found.gap);
    };
    let other = Ok(Some(other.public_key()));
    let used_up = Ok(Some(counter(MAX_RECEIPTS)));
    gap(1, "had releases before", &PriorState { from: known.from, ..nothing.clone() });
    gap(1, "are gone", &PriorState { key: known.key.clone(), ..nothing.clone() });
    gap(8, "are gone", &PriorState { recorded: seven.clone(), ..nothing.clone() });
    gap(8, "are gone", &PriorState { highest: Ok(None), ..known.clone() });
    gap(8, "cannot read the folder", &PriorState { highest: Err("cannot read the folder".into()), ..known.clone() });
    gap(8, "no number", &PriorState { recorded: Err("no number".into()), ..known.clone() });
    gap(8, "key that signed", &PriorState { key: Ok(None), ..known.clone() });
    gap(8, "no key", &PriorState { key: Err("no key".into()), ..known.clone() });
    gap(8, "not signed", &PriorState { key: other, ..known.clone() });
    gap(10, "no receipt 9", &PriorState { recorded: Ok(Some(counter(9))), ..known.clone() });
    gap(8, "after receipt 7 left no receipt", &PriorState { from: Some(Digest::of(b"another")), ..known.clone() });
    gap(1, "counts from the first again", &PriorState { recorded: used_up.clone(), ..known.clone() });
    gap(1, "counts from the first again", &PriorState { recorded: Ok(None), highest: used_up, ..known.clone() });
    let long = chain_position(&PriorState { key: Err("\n".repeat(10_000)), ..known }, read).gap.unwrap();
    assert_eq!(long, " ".repeat(512));
}

/// A host's state folder.
fn host() -> (TempDir, Layout) {
    let root = tempfile::tempdir().unwrap();
    let layout = Layout::new(root.path());
    fs::create_dir_all(layout.state()).unwrap();
    (root, layout)
}

fn all(layout: &Layout) -> Vec<UnverifiedReceipt> {
    let folder = Folder::new(layout.receipts());
    folder.counters().unwrap().into_iter().map(|counter| folder.read(counter).unwrap()).collect()
}

#[test]
fn issuing_again_writes_the_same_bytes() {
    let (_root, layout) = host();
    assert!(issue(&layout, &draft(1, None)).unwrap().is_none());
    let first = all(&layout);
    let second = draft(2, Some(Digest::of(&first[0].body)));
    assert!(issue(&layout, &second).unwrap().is_none());
    let both = all(&layout);
    // What a run that was cut off leaves: the signature alone.
    fs::remove_file(layout.receipts().join("0000000002.json")).unwrap();
    assert_eq!(all(&layout), first);
    for _ in 0..2 {
        assert!(issue(&layout, &second).unwrap().is_none());
        assert_eq!(all(&layout), both);
    }
    let key = host_key::read(&layout).unwrap().unwrap();
    assert_eq!(faults(&key, &both), [""; 0]);
    assert_eq!(layout.host_key().metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(host_key::public(&layout).unwrap(), Some(key.public_key()));
}

#[test]
fn an_unusable_key_is_replaced_and_kept_beside_the_new_one() {
    let (_root, layout) = host();
    for (number, content) in [(1, "nothing"), (2, "\u{0}")] {
        fs::write(layout.host_key(), content).unwrap();
        assert!(host_key::read(&layout).is_err());
        assert!(issue(&layout, &draft(1, None)).unwrap().is_none());
        assert_eq!(fs::read_to_string(layout.state().join(format!("host.key.unusable.{number}"))).unwrap(), content);
        assert_eq!(faults(&host_key::read(&layout).unwrap().unwrap(), &all(&layout)), [""; 0]);
        assert!(host_key::public(&layout).unwrap().is_some());
    }
}

#[test]
fn the_public_key_of_each_lost_key_is_kept_and_verifies() {
    let (_root, layout) = host();
    let mut keys = Vec::new();
    for number in 1..=3 {
        assert!(issue(&layout, &draft(number, None)).unwrap().is_none());
        keys.push(host_key::public(&layout).unwrap().unwrap());
        assert!(!host_key::is_lost(&layout));
        fs::remove_file(layout.host_key()).unwrap();
        assert!(host_key::is_lost(&layout));
    }
    let kept = layout.state().join(format!("host.pub.{}", keys[0].id()));
    assert_eq!(fs::read_to_string(kept).unwrap(), keys[0].to_file());
    let all_keys = host_key::all_public(&layout).unwrap();
    assert_eq!((all_keys.len(), all_keys[0]), (3, keys[2]));
    let mut chain = Chain::new(all_keys).unwrap();
    for found in all(&layout) {
        chain.check_next(&found);
    }
    let faults = chain.finish(&ExpectedEnd::default()).faults.lines();
    assert!(!faults.contains("signed"), "{faults}");
}

#[test]
fn a_missing_or_damaged_public_key_is_derived_from_the_secret_key_again() {
    let (_root, layout) = host();
    assert!(issue(&layout, &draft(1, None)).unwrap().is_none());
    let (path, key) = (layout.host_public_key(), host_key::public(&layout).unwrap());
    let table: [fn(&Path); 3] =
        [|_| {}, |path| fs::write(path, "rotten").unwrap(), |path| fs::create_dir(path).unwrap()];
    for damage in table {
        fs::remove_file(&path).unwrap();
        damage(&path);
        assert_eq!(host_key::public(&layout).unwrap(), key);
        assert_eq!(host_key::all_public(&layout).unwrap(), [key.unwrap()]);
        assert!(issue(&layout, &draft(1, None)).unwrap().is_none());
        assert_eq!(fs::read_to_string(&path).unwrap(), key.unwrap().to_file());
    }
    assert_eq!(fs::read_to_string(layout.state().join("host.pub.unusable.1")).unwrap(), "rotten");
    assert!(layout.state().join("host.pub.unusable.2").is_dir());
}

#[test]
fn an_unusable_folder_is_replaced_and_its_content_kept() {
    let (_root, layout) = host();
    fs::write(layout.receipts(), "not a folder").unwrap();
    assert!(issue(&layout, &draft(1, None)).unwrap().is_none());
    let state = layout.state();
    assert_eq!(fs::read_to_string(state.join("receipts.unusable.1")).unwrap(), "not a folder");
    let mut other = receipt(1, None);
    other.by.user = "bob".to_owned();
    let other = serde_json::json!({"counter": 1, "body": other.to_json(), "comment": other.comment()});
    let other = serde_json::from_value(other).unwrap();
    for _ in 0..2 {
        assert!(issue(&layout, &other).unwrap().is_none());
        assert_eq!(all(&layout).len(), 1);
        assert!(state.join("receipts.unusable.2/0000000001.json").exists());
        assert!(!state.join("receipts.unusable.3").exists());
    }
}

#[test]
fn a_receipt_that_cannot_be_written_leaves_the_folder_and_uses_up_its_counter() {
    let (_root, layout) = host();
    assert!(issue(&layout, &draft(1, None)).unwrap().is_none());
    let folder = Folder::new(layout.receipts());
    let full = || {
        durable::create_folder(folder.path(), 0o700)
            .and(Err(std::io::ErrorKind::StorageFull).at("write", folder.path()))
    };
    let error = folder.write_into_new(full).unwrap_err();
    assert_eq!(error.source.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(all(&layout).len(), 1);
    assert_eq!(fs::read_dir(layout.state()).unwrap().count(), 4, "host.key, host.pub, last-receipt, receipts");
    // Neither the key nor its place can be had.
    for number in 1..=100 {
        fs::create_dir(layout.state().join(format!("host.key.unusable.{number}"))).unwrap();
    }
    fs::write(layout.host_key(), "rotten").unwrap();
    assert!(issue(&layout, &draft(2, None)).unwrap().is_some());
    assert_eq!((all(&layout).len(), last_counter::read(&layout).unwrap()), (1, Some(counter(2))));
    assert_eq!(fs::read_dir(layout.state()).unwrap().count(), 104, "nothing is left of the trial");
    // Nor can it be had anywhere else: the commit has to be repeated.
    fs::write(crate::durable::partial(&layout.receipts()), "in the way of a trial").unwrap();
    assert!(issue(&layout, &draft(2, None)).is_err());
}

#[test]
fn the_last_counter_replaces_whatever_is_in_its_place() {
    let (_root, layout) = host();
    assert_eq!(last_counter::read(&layout).unwrap(), None);
    fs::create_dir(layout.last_receipt()).unwrap();
    assert!(last_counter::read(&layout).is_err());
    assert!(issue(&layout, &draft(1, None)).unwrap().is_none());
    assert_eq!(
        (last_counter::read(&layout).unwrap(), fs::read_to_string(layout.last_receipt()).unwrap().as_str()),
        (Some(counter(1)), "1\n")
    );
    for content in ["", "0\n", "x", "100001"] {
        fs::write(layout.last_receipt(), content).unwrap();
        assert!(matches!(last_counter::read(&layout), Err(last_counter::LastCounterError::Content(_))), "{content:?}");
    }
}

#[test]
fn other_names_and_lone_signatures_are_no_receipts() {
    let (_root, layout) = host();
    let folder = Folder::new(layout.receipts());
    assert_eq!((folder.counters().unwrap(), folder.highest_signature().unwrap()), (Vec::new(), None));
    assert!(issue(&layout, &draft(1, None)).unwrap().is_none());
    for name in ["host.pub", ".0000000003.json.partial", "0000100001.json", "0000000002.json.minisig"] {
        fs::write(layout.receipts().join(name), "").unwrap();
    }
    assert_eq!(folder.counters().unwrap(), [counter(1)]);
    assert_eq!(folder.highest_signature().unwrap(), Some(counter(2)));
}

#[test]
fn a_pipe_is_refused_without_waiting() {
    let (_root, layout) = host();
    fs::create_dir(layout.receipts()).unwrap();
    let pipe = layout.receipts().join("0000000001.json");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let error = Folder::new(layout.receipts()).read(counter(1)).unwrap_err();
    assert_eq!(error.source.to_string(), "it is not a regular file");
}
