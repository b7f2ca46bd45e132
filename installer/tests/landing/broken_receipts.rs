//! Missing or damaged receipts and keys: no operation fails because of them, and the next receipt states the gap.

use crate::fixture::Scene;
use crate::receipts::{FOLDER, STATE, bundle, exported, file, host_key, receipts, updated_and_rolled_back, verify};
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Makes a folder, a pipe or a link where something else was.
fn replace(path: &Path, make: fn(&Path)) {
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

/// The damage to a host's receipts, the reason that the next receipt states, and the exit code of a check after that one.
const DAMAGE: [(Damage, &str, i32); 14] = [
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
    (|scene| replace(&state(scene, "receipts"), |path| std::fs::write(path, "").unwrap()), "cannot read the folder", 3),
    (
        |scene| replace(&state(scene, "receipts"), |path| symlink("/nowhere", path).unwrap()),
        "cannot read the folder",
        3,
    ),
    (
        |scene| replace(&state(scene, "receipts"), |path| symlink("/sys/kernel", path).unwrap()),
        "cannot read the folder",
        3,
    ),
    (|scene| replace(&state(scene, "last-receipt"), folder), "last-receipt", 0),
    (|scene| std::fs::write(state(scene, "host.key"), "rotten").unwrap(), "host.key", 0),
    (|scene| replace(&state(scene, "host.key"), pipe), "host.key", 0),
    (|scene| std::fs::remove_file(state(scene, "host.key")).unwrap(), "key that signed", 0),
    (
        |scene| {
            std::fs::remove_file(state(scene, "host.key")).unwrap();
            replace(&state(scene, "host.pub"), folder);
        },
        "key that signed",
        3,
    ),
];

#[test]
fn damaged_receipts_stop_no_update_and_the_next_one_states_the_gap() {
    for (damage, why, verified) in DAMAGE {
        let scene = updated_and_rolled_back();
        damage(&scene);
        scene.run(&["update", &bundle(&scene, "1.2.0", 3)]).ok().says(why);
        let last = receipts(&scene).pop().unwrap();
        assert_eq!((&last["counter"], &last["previous"]), (&json!(4), &Value::Null), "{why}");
        assert!(last["gap"].as_str().unwrap().contains(why), "{last}");
        verify(&scene).exits(verified);
        // The receipt after that one continues it.
        scene.run(&["rollback"]).ok();
        let next = receipts(&scene).pop().unwrap();
        assert_eq!((next["counter"].as_u64().unwrap(), next.get("gap")), (5, None));
        assert!(next["previous"].is_string());
        verify(&scene).exits(verified);
    }
}

#[test]
fn a_receipt_that_cannot_be_written_stops_neither_an_update_nor_a_revert() {
    let scene = updated_and_rolled_back();
    std::fs::write(state(&scene, "host.key"), "rotten").unwrap();
    let renamed_key = |number| state(&scene, &format!("host.key.unusable.{number}"));
    (1..=100).for_each(|number| folder(&renamed_key(number)));
    scene.run(&["update", &bundle(&scene, "1.2.0", 3)]).ok().says("no receipt of this operation could be written");
    scene.run(&["recover"]).ok().says("nothing was interrupted");
    verify(&scene).exits(3).says("receipt 4 is missing: this host has issued 4");
    for _ in 0..6 {
        scene.run(&["recover", "--before-start"]).ok();
    }
    scene.run(&["recover"]).ok().says("taken back").says("no receipt of this operation could be written");
    std::fs::remove_dir(renamed_key(1)).unwrap();
    scene.run(&["update", &bundle(&scene, "1.3.0", 4)]).ok();
    let last = receipts(&scene).pop().unwrap();
    assert_eq!((&last["counter"], &last["previous"]), (&json!(6), &Value::Null));
    assert!(last["gap"].as_str().unwrap().contains("host.key"), "{last}");
}

#[test]
fn damage_that_can_be_repaired_leaves_no_gap() {
    let table: [Damage; 4] = [
        |scene| replace(&state(scene, "host.pub"), folder),
        |scene| replace(&state(scene, "host.pub"), pipe),
        |scene| std::fs::remove_file(state(scene, "last-receipt")).unwrap(),
        |scene| std::fs::remove_file(state(scene, "host.pub")).unwrap(),
    ];
    for damage in table {
        let scene = updated_and_rolled_back();
        let key = host_key(&scene);
        damage(&scene);
        verify(&scene).ok();
        scene.run(&["update", &bundle(&scene, "1.2.0", 3)]).ok();
        verify(&scene).ok().says("verified  4: none is missing, none was changed");
        assert_eq!((host_key(&scene), scene.read(&format!("{STATE}/last-receipt")).as_str()), (key, "4\n"));
    }
}

#[test]
fn missing_newest_receipts_are_reported_and_their_counters_never_reused() {
    let table: [(Damage, &str); 5] = [
        (|scene| std::fs::remove_file(file(scene, "0000000003.json")).unwrap(), "receipt 3 is missing"),
        (
            |scene| {
                std::fs::remove_file(file(scene, "0000000003.json")).unwrap();
                std::fs::remove_file(state(scene, "last-receipt")).unwrap();
            },
            "receipt 3 is missing, but its signature is there",
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
            "no receipt for the installed release",
        ),
    ];
    for (damage, why) in table {
        let scene = updated_and_rolled_back();
        damage(&scene);
        verify(&scene).exits(3).says(why);
        scene.run(&["uninstall", "--yes"]).ok();
    }
    let scene = updated_and_rolled_back();
    std::fs::remove_dir_all(state(&scene, "receipts")).unwrap();
    scene.run(&["uninstall", "--yes"]).ok();
    scene.run(&["receipts"]).ok().says("a gap before it: the earlier receipts are gone");
    verify(&scene).exits(3).says("receipt 1 is missing: the next one is 4");
    scene.install(&scene.stick().join("1.1.0.tar")).ok();
    assert_eq!(receipts(&scene)[1]["counter"], 5);
}

#[test]
fn a_file_name_alone_uses_up_no_counter() {
    for stray in ["0000100000.json.minisig", "0000100000.json"] {
        let scene = updated_and_rolled_back();
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
fn a_host_that_lost_its_key_is_checked_with_both_keys() {
    let scene = updated_and_rolled_back();
    let lost = host_key(&scene);
    std::fs::remove_file(state(&scene, "host.key")).unwrap();
    scene.run(&["receipts"]).ok().says("the next receipt will be signed with a new one");
    let report = scene.run(&["update", "--json", &bundle(&scene, "1.2.0", 3)]).ok().json();
    let warned = &report["warnings"];
    assert!(
        warned.as_array().unwrap().iter().any(|one| one.as_str().unwrap().contains("the key that signed")),
        "{warned}"
    );
    let report =
        scene.run(&["receipts", "--verify", "--json"]).ok().says("the host recorded a gap before receipt 4").json();
    assert_eq!((&report["verified"], &report["faults"]), (&json!(true), &json!([])));
    let why = "the key that signed the earlier receipts is gone";
    assert_eq!(report["gaps"], json!([{"counter": 4, "message": why}]));
    let folder = exported(&scene);
    let kept = std::fs::read_to_string(format!("{folder}/host.pub.{}", lost.id())).unwrap();
    assert_eq!(kept, lost.to_file());
    let (old, new) = (lost.to_line(), host_key(&scene).to_line());
    let check = ["receipts", "--verify", "--from", &folder, "--host-key", &old];
    scene.run(&check).exits(3).says("receipt 4 is not signed");
    scene.run(&[&check[..], &["--host-key", &new]].concat()).ok().says("none is missing up to the newest one there");
    for number in [1, 2] {
        std::fs::write(file(&scene, &format!("000000000{number}.json")), "{}").unwrap();
    }
    let error = scene.run(&["receipts", "--verify", "--json"]).exits(3).json()["error"].take();
    let counters: Vec<&Value> = error["faults"].as_array().unwrap().iter().map(|fault| &fault["counter"]).collect();
    assert_eq!((counters, &error["gaps"][0]["counter"]), (vec![&json!(1), &json!(2), &json!(3)], &json!(4)));
}

#[test]
fn an_export_names_what_cannot_be_read_and_copies_the_rest() {
    let scene = updated_and_rolled_back();
    replace(&file(&scene, "0000000002.json"), folder);
    let to = scene.stick().join("exported");
    let words = ["receipts", "--json", "--export", to.to_str().unwrap()];
    let error = scene.run(&words).exits(3).json()["error"].take();
    assert_eq!((&error["leftOut"], &error["exported"]), (&json!(["0000000002.json"]), &json!(to)));
    assert!(to.join("0000000003.json").exists() && to.join("host.pub").exists());
    // A folder of that name may be the operator's, so it is not removed.
    let scene = updated_and_rolled_back();
    let litter = scene.stick().join(".exported.partial");
    folder(&litter);
    std::fs::write(litter.join("mine"), "").unwrap();
    let to = scene.stick().join("exported");
    scene.run(&["receipts", "--export", to.to_str().unwrap()]).exits(2).says("exists already");
    assert!(litter.join("mine").exists() && !to.exists());
}

#[test]
fn a_host_without_receipts_begins_with_its_next_operation() {
    let (scene, _) = Scene::installed();
    for left in ["host.key", "host.pub", "last-receipt"] {
        std::fs::remove_file(state(&scene, left)).unwrap();
    }
    std::fs::remove_dir_all(scene.root().join(FOLDER)).unwrap();
    verify(&scene).exits(3).says("no receipt for the installed release");
    scene.run(&["update", &bundle(&scene, "1.1.0", 2)]).ok().says("before it kept receipts");
    let all = receipts(&scene);
    assert_eq!((all.len(), &all[0]["operation"], &all[0]["counter"]), (1, &json!("update"), &json!(1)));
    verify(&scene).ok().says("gaps that the host itself recorded: 1");
}
