//! A root other than `/`: a rehearsal, or the disk of another machine that nobody vouches for.

use crate::fixture::{Outcome, Parts, SETTINGS, Scene};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

/// Runs the installer with `--root` alone, and an engine that only waits to be asked.
fn run(scene: &Scene, words: &[&str]) -> Outcome {
    let socket = scene.stick().join("engine.sock");
    let _ = std::fs::remove_file(&socket);
    let engine = UnixListener::bind(&socket).unwrap();
    engine.set_nonblocking(true).unwrap();
    let output = scene
        .bare_command(words)
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(engine.accept().is_err(), "{words:?} asked the engine");
    Outcome {
        exit: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The sign that a program of the tree was run.
fn sign(scene: &Scene) -> PathBuf {
    scene.stick().join("it-ran")
}

/// A release whose programs leave a sign when they are run.
fn release(scene: &Scene, version: &str, serial: u64) -> String {
    let mut parts = Parts::new(version, serial);
    let program = format!("#!/bin/sh\ntouch {}\necho '{{\"interrupted\": null}}'\n", sign(scene).display());
    parts.file("bin/landfall", "0755", program.as_bytes());
    parts.file("bin/landfall-installer", "0755", program.as_bytes());
    parts.file("config.toml", "0644", SETTINGS.as_bytes());
    scene.put(&format!("{version}.tar"), &parts.pack(&scene.key)).to_str().unwrap().to_owned()
}

#[test]
fn no_command_below_another_root_asks_an_engine_or_runs_a_program_of_that_tree() {
    let scene = Scene::new();
    let (first, second) = (release(&scene, "1.0.0", 1), release(&scene, "1.1.0", 2));
    let key = scene.key.public_key().to_line();
    run(&scene, &["install", &first, "--trust", &key]).ok();
    // Whoever brings the disk may have written anything into its records.
    let record = scene.root().join("var/lib/landfall/state/installed.json");
    let text = std::fs::read_to_string(&record).unwrap();
    let socket = format!("\"unix://{}\"", scene.stick().join("engine.sock").display());
    assert!(text.contains("\"engine\": \"none\""), "{text}");
    std::fs::write(&record, text.replace("\"engine\": \"none\"", &format!("\"engine\": {socket}"))).unwrap();
    for words in [
        &["status"][..],
        &["plan", &second],
        &["update", &second],
        &["recover", "--before-start"],
        &["recover", "--after-stop"],
        &["recover"],
        &["rollback"],
        &["receipts", "--verify"],
        &["uninstall", "--purge", "--yes"],
    ] {
        run(&scene, words).ok();
        assert!(!sign(&scene).exists(), "{words:?} ran a program");
    }
}

#[test]
fn no_link_on_the_disk_of_another_machine_leads_a_command_to_this_one() {
    let scene = Scene::new();
    let first = release(&scene, "1.0.0", 1);
    let key = scene.key.public_key().to_line();
    run(&scene, &["install", &first, "--trust", &key]).ok();
    for folder in ["opt", "etc/landfall", "var/lib/landfall", "var/lib/landfall/db"] {
        let (link, own) = (scene.root().join(folder), scene.stick().join("this-host"));
        std::fs::rename(&link, &own).unwrap();
        symlink(&own, &link).unwrap();
        let before = scene.tree();
        for words in [
            &["status"][..],
            &["install", &first, "--trust", &key],
            &["config", "set", "api.port=8080"],
            &["recover"],
            &["uninstall", "--purge", "--yes"],
        ] {
            run(&scene, words).exits(6).says(&format!(", but to {}", own.display()));
        }
        assert_eq!(scene.tree(), before);
        std::fs::remove_file(&link).unwrap();
        std::fs::rename(&own, &link).unwrap();
    }
    // One that stays below the root is that machine's business.
    std::fs::rename(scene.root().join("opt"), scene.root().join("data")).unwrap();
    symlink("data", scene.root().join("opt")).unwrap();
    run(&scene, &["status"]).ok();
}

#[test]
fn no_journal_on_the_disk_of_another_machine_names_what_is_not_of_an_installation() {
    let scene = Scene::new();
    let first = release(&scene, "1.0.0", 1);
    let key = scene.key.public_key().to_line();
    run(&scene, &["install", &first, "--trust", &key]).ok();
    symlink(scene.stick(), scene.root().join("srv")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&scene.read("var/lib/landfall/state/installed.json")).unwrap();
    let uninstall = serde_json::json!({"purge": true, "units": ["srv/acme.pub"], "tags": [], "created": []});
    let journal = serde_json::json!({"schema": 4, "host": record["host"], "operation": {"uninstall": uninstall}});
    std::fs::write(scene.root().join("var/lib/landfall/state/journal.json"), journal.to_string()).unwrap();
    run(&scene, &["recover"]).exits(1).says("srv/acme.pub");
    assert!(scene.stick().join("acme.pub").exists());
}

#[test]
fn a_database_below_another_root_is_migrated_by_nobody() {
    let scene = Scene::new();
    let first = release(&scene, "1.0.0", 1);
    let key = scene.key.public_key().to_line();
    run(&scene, &["install", &first, "--trust", &key]).ok();
    std::fs::write(scene.root().join("var/lib/landfall/db/landfall.db"), "rows").unwrap();
    let mut parts = Parts::new("1.1.0", 2);
    parts.release.database = Some(landfall_manifests::Database { schema: 2, reversible_to: 1 });
    let second = scene.put("second.tar", &parts.pack(&scene.key)).to_str().unwrap().to_owned();
    // The release before has no schema, so that nothing is to be migrated; the one after that has another one.
    run(&scene, &["update", &second]).ok();
    let mut parts = Parts::new("1.2.0", 3);
    parts.release.database = Some(landfall_manifests::Database { schema: 3, reversible_to: 1 });
    let third = scene.put("third.tar", &parts.pack(&scene.key)).to_str().unwrap().to_owned();
    run(&scene, &["update", &third]).exits(7).says("no program below another root is run");
    assert_eq!(scene.read("var/lib/landfall/db/landfall.db"), "rows");
    assert!(!sign(&scene).exists());
}
