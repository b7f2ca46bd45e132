//! Receipts and keys that are gone, damaged or in the way: nothing waits for them, and what became of them is said.

use crate::fixture::Scene;
use crate::receipts::{FOLDER, STATE, been_around, bundle, carried, file, host_key, receipts, verify};
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Makes a folder, a pipe or a link where something else was.
fn in_place_of(path: &Path, make: fn(&Path)) {
    match path.symlink_metadata() {
        Ok(about) if about.is_dir() => std::fs::remove_dir_all(path).unwrap(),
        Ok(_) => std::fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
    make(path);
}

fn pipe(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
}

fn folder(path: &Path) {
    std::fs::create_dir(path).unwrap();
}

fn state(scene: &Scene, name: &str) -> PathBuf {
    scene.root().join(STATE).join(name)
}

type Damage = fn(&Scene);

/// What was done to a host's receipts, why the next one does not go on from them, and what verification says after that one.
const DISORDER: [(Damage, &str, i32); 14] = [
    (|scene| std::fs::write(file(scene, "0000000003.json"), "{}").unwrap(), "receipt 3 is not signed", 3),
    (|scene| std::fs::remove_file(file(scene, "0000000003.json.minisig")).unwrap(), "receipt 3 has no signature", 3),
    (|scene| std::fs::remove_file(file(scene, "0000000003.json")).unwrap(), "0000000003.json", 3),
    (
        |scene| {
            std::fs::remove_file(file(scene, "0000000003.json")).unwrap();
            std::fs::remove_file(file(scene, "0000000003.json.minisig")).unwrap();
        },
        "0000000003.json",
        3,
    ),
    (|scene| std::fs::remove_dir_all(state(scene, "receipts")).unwrap(), "are gone", 3),
    (
        |scene| {
            for gone in ["host.key", "host.pub"] {
                std::fs::remove_file(state(scene, gone)).unwrap();
            }
            std::fs::remove_dir_all(state(scene, "receipts")).unwrap();
        },
        "are gone",
        3,
    ),
    (
        |scene| in_place_of(&state(scene, "receipts"), |path| std::fs::write(path, "").unwrap()),
        "cannot read the folder",
        3,
    ),
    (
        |scene| in_place_of(&state(scene, "receipts"), |path| symlink("/nowhere", path).unwrap()),
        "cannot read the folder",
        3,
    ),
    (
        |scene| in_place_of(&state(scene, "receipts"), |path| symlink("/sys/kernel", path).unwrap()),
        "cannot read the folder",
        3,
    ),
    (|scene| in_place_of(&state(scene, "last-receipt"), folder), "last-receipt", 0),
    (|scene| std::fs::write(state(scene, "host.key"), "rotten").unwrap(), "host.key", 0),
    (|scene| in_place_of(&state(scene, "host.key"), pipe), "host.key", 0),
    (|scene| std::fs::remove_file(state(scene, "host.key")).unwrap(), "key that signed", 0),
    (
        |scene| {
            std::fs::remove_file(state(scene, "host.key")).unwrap();
            in_place_of(&state(scene, "host.pub"), folder);
        },
        "key that signed",
        3,
    ),
];

#[test]
fn receipts_in_disorder_stop_no_update_and_the_next_one_says_so() {
    for (damage, why, verified) in DISORDER {
        let scene = been_around();
        damage(&scene);
        scene.run(&["update", &bundle(&scene, "1.2.0", 3)]).ok().says(why);
        let last = receipts(&scene).pop().unwrap();
        assert_eq!((&last["counter"], &last["previous"]), (&json!(4), &Value::Null), "{why}");
        assert!(last["gap"].as_str().unwrap().contains(why), "{last}");
        verify(&scene).exits(verified);
        // The one after it goes on from there.
        scene.run(&["rollback"]).ok();
        let next = receipts(&scene).pop().unwrap();
        assert_eq!((next["counter"].as_u64().unwrap(), next.get("gap")), (5, None));
        assert!(next["previous"].is_string());
        verify(&scene).exits(verified);
    }
}

#[test]
fn a_receipt_that_cannot_be_written_at_all_holds_up_neither_an_update_nor_the_way_back() {
    let scene = been_around();
    std::fs::write(state(&scene, "host.key"), "rotten").unwrap();
    let in_the_way = |number| state(&scene, &format!("host.key.unusable.{number}"));
    (1..=100).for_each(|number| folder(&in_the_way(number)));
    scene.run(&["update", &bundle(&scene, "1.2.0", 3)]).ok().says("this leaves no receipt");
    scene.run(&["recover"]).ok().says("nothing was interrupted");
    verify(&scene).exits(3).says("receipt 4 is missing: this host has left 4");
    for _ in 0..6 {
        scene.run(&["recover", "--before-start"]).ok();
    }
    scene.run(&["recover"]).ok().says("taken back").says("this leaves no receipt");
    std::fs::remove_dir(in_the_way(1)).unwrap();
    scene.run(&["update", &bundle(&scene, "1.3.0", 4)]).ok();
    let last = receipts(&scene).pop().unwrap();
    assert_eq!((&last["counter"], &last["previous"]), (&json!(6), &Value::Null));
    assert!(last["gap"].as_str().unwrap().contains("host.key"), "{last}");
}

#[test]
fn what_needs_no_new_beginning_is_put_right_and_the_receipts_go_on() {
    let table: [Damage; 4] = [
        |scene| in_place_of(&state(scene, "host.pub"), folder),
        |scene| in_place_of(&state(scene, "host.pub"), pipe),
        |scene| std::fs::remove_file(state(scene, "last-receipt")).unwrap(),
        |scene| std::fs::remove_file(state(scene, "host.pub")).unwrap(),
    ];
    for damage in table {
        let scene = been_around();
        let key = host_key(&scene);
        damage(&scene);
        verify(&scene).ok();
        scene.run(&["update", &bundle(&scene, "1.2.0", 3)]).ok();
        verify(&scene).ok().says("verified  4: none is missing, none was changed");
        assert_eq!((host_key(&scene), scene.read(&format!("{STATE}/last-receipt")).as_str()), (key, "4\n"));
    }
}

#[test]
fn the_newest_receipts_are_missed_and_their_numbers_never_given_again() {
    let table: [(Damage, &str); 5] = [
        (|scene| std::fs::remove_file(file(scene, "0000000003.json")).unwrap(), "receipt 3 is missing"),
        (
            |scene| {
                std::fs::remove_file(file(scene, "0000000003.json")).unwrap();
                std::fs::remove_file(state(scene, "last-receipt")).unwrap();
            },
            "receipt 3 is missing, and its signature is there",
        ),
        (
            |scene| {
                for gone in ["receipts/0000000003.json", "receipts/0000000003.json.minisig", "last-receipt"] {
                    std::fs::remove_file(state(scene, gone)).unwrap();
                }
            },
            "receipts after 2 are missing",
        ),
        (
            |scene| {
                for gone in ["host.key", "host.pub"] {
                    std::fs::remove_file(state(scene, gone)).unwrap();
                }
                std::fs::remove_dir_all(state(scene, "receipts")).unwrap();
            },
            "receipts 1 to 3 are missing",
        ),
        (
            |scene| {
                for gone in ["host.key", "host.pub", "last-receipt"] {
                    std::fs::remove_file(state(scene, gone)).unwrap();
                }
                std::fs::remove_dir_all(state(scene, "receipts")).unwrap();
            },
            "no receipt of the release that is installed",
        ),
    ];
    for (damage, why) in table {
        let scene = been_around();
        damage(&scene);
        verify(&scene).exits(3).says(why);
        scene.run(&["uninstall", "--yes"]).ok();
    }
    let scene = been_around();
    std::fs::remove_dir_all(state(&scene, "receipts")).unwrap();
    scene.run(&["uninstall", "--yes"]).ok();
    scene.run(&["receipts"]).ok().says("there are no receipts of installs");
    verify(&scene).exits(3).says("receipts 1 to 3 are missing");
    scene.install(&scene.stick().join("1.1.0.tar")).ok();
    assert_eq!(receipts(&scene)[0]["counter"], 4);
}

#[test]
fn a_name_in_the_folder_does_not_use_up_the_numbers() {
    for stray in ["0000100000.json.minisig", "0000100000.json"] {
        let scene = been_around();
        std::fs::write(file(&scene, stray), "").unwrap();
        verify(&scene).exits(3);
        scene.run(&["update", &bundle(&scene, "1.2.0", 3)]).ok();
        assert_eq!(receipts(&scene)[3]["counter"], 4);
        assert_eq!(receipts(&scene)[3].get("gap"), None);
        std::fs::remove_file(file(&scene, stray)).unwrap();
        verify(&scene).ok();
    }
}

#[test]
fn a_host_that_lost_its_key_is_verified_with_both_and_later_tampering_is_found() {
    let scene = been_around();
    let lost = host_key(&scene);
    std::fs::remove_file(state(&scene, "host.key")).unwrap();
    scene.run(&["receipts"]).ok().says("the next receipt is signed with another one");
    let report = scene.run(&["update", "--json", &bundle(&scene, "1.2.0", 3)]).ok().json();
    let warned = &report["warnings"];
    assert!(
        warned.as_array().unwrap().iter().any(|one| one.as_str().unwrap().contains("the key that signed")),
        "{warned}"
    );
    let report = scene.run(&["receipts", "--verify", "--json"]).ok().says("the chain is broken before it").json();
    assert_eq!((&report["verified"], &report["faults"]), (&json!(true), &json!([])));
    let why = "the key that signed the receipts from before is gone";
    assert_eq!(report["gaps"], json!([{"counter": 4, "message": why}]));
    let folder = carried(&scene);
    let kept = std::fs::read_to_string(format!("{folder}/host.pub.{}", lost.id())).unwrap();
    assert_eq!(kept, lost.to_file());
    let (old, new) = (lost.to_line(), host_key(&scene).to_line());
    let check = ["receipts", "--verify", "--from", &folder, "--host-key", &old];
    scene.run(&check).exits(3).says("receipt 4 is not signed");
    scene.run(&[&check[..], &["--host-key", &new]].concat()).ok().says("none is missing up to the last of them");
    for number in [1, 2] {
        std::fs::write(file(&scene, &format!("000000000{number}.json")), "{}").unwrap();
    }
    let error = scene.run(&["receipts", "--verify", "--json"]).exits(3).json()["error"].take();
    let counters: Vec<&Value> = error["faults"].as_array().unwrap().iter().map(|fault| &fault["counter"]).collect();
    assert_eq!((counters, &error["gaps"][0]["counter"]), (vec![&json!(1), &json!(2), &json!(3)], &json!(4)));
}

#[test]
fn what_cannot_be_carried_out_is_named_and_the_rest_is_carried_out() {
    let scene = been_around();
    in_place_of(&file(&scene, "0000000002.json"), folder);
    let to = scene.stick().join("carried");
    let words = ["receipts", "--json", "--export", to.to_str().unwrap()];
    let error = scene.run(&words).exits(3).json()["error"].take();
    assert_eq!((&error["leftOut"], &error["exported"]), (&json!(["0000000002.json"]), &json!(to)));
    assert!(to.join("0000000003.json").exists() && to.join("host.pub").exists());
    // What an operator may have put there is not removed for it.
    let scene = been_around();
    let litter = scene.stick().join(".carried.partial");
    folder(&litter);
    std::fs::write(litter.join("mine"), "").unwrap();
    let to = scene.stick().join("carried");
    scene.run(&["receipts", "--export", to.to_str().unwrap()]).exits(2).says("is in the way");
    assert!(litter.join("mine").exists() && !to.exists());
}

#[test]
fn a_host_from_before_receipts_begins_with_its_next_operation() {
    let (scene, _) = Scene::landed();
    for left in ["host.key", "host.pub", "last-receipt"] {
        std::fs::remove_file(state(&scene, left)).unwrap();
    }
    std::fs::remove_dir_all(scene.root().join(FOLDER)).unwrap();
    verify(&scene).exits(3).says("no receipt of the release that is installed");
    scene.run(&["update", &bundle(&scene, "1.1.0", 2)]).ok().says("before it kept receipts");
    let all = receipts(&scene);
    assert_eq!((all.len(), &all[0]["operation"], &all[0]["counter"]), (1, &json!("update"), &json!(1)));
    verify(&scene).ok().says("the host itself says of 1 that the chain is broken before it");
}
