//! Rollback and automatic revert with edited settings, damaged files, and releases that know more settings.

use crate::fixture::{Parts, SETTINGS, Scene};

/// A host that was updated from 1.0.0-1 to 1.1.0-2, which knows one more setting.
fn updated() -> Scene {
    let (scene, _) = Scene::installed();
    let mut parts = Parts::new("1.1.0", 2);
    parts.file("config.toml", "0644", format!("{SETTINGS}\n[fresh]\nknob = 1\n").as_bytes());
    let next = scene.put("next.tar", &parts.pack(&scene.key));
    scene.run(&["update", next.to_str().unwrap()]).ok();
    scene
}

const CONFIG: &str = "etc/landfall/config.toml";

fn write(scene: &Scene, text: &str) {
    std::fs::write(scene.root().join(CONFIG), text).unwrap();
}

#[test]
fn no_update_or_rollback_writes_the_operators_settings() {
    let scene = updated();
    let text = "# mine\n[api]\nport = 8080\n[fresh]\nknob = 2\n";
    write(&scene, text);
    scene.run(&["rollback"]).ok();
    assert_eq!(scene.read(CONFIG), text);
    scene.run(&["config", "show"]).ok().says("api.port = 8080").says("fresh.knob is in config.toml");
    scene.run(&["update", scene.stick().join("next.tar").to_str().unwrap()]).ok();
    assert_eq!(scene.read(CONFIG), text);
    scene.run(&["config", "show"]).ok().says("fresh.knob = 2");
}

#[test]
fn a_value_that_the_next_release_does_not_take_is_refused() {
    let (scene, _) = Scene::installed();
    let mut parts = Parts::new("1.1.0", 2);
    parts.file("config.toml", "0644", format!("{SETTINGS}\n[fresh]\nknob = 1\n").as_bytes());
    let next = scene.put("next.tar", &parts.pack(&scene.key));
    for (text, named) in [("[api]\nport = 70000\n", "70000"), ("[fresh]\nknob = \"a\"\n", "fresh.knob")] {
        write(&scene, text);
        let before = scene.tree();
        scene.run(&["update", next.to_str().unwrap()]).exits(2).says(named);
        scene.run(&["plan", next.to_str().unwrap()]).exits(2).says(named);
        assert_eq!(scene.tree(), before);
    }
    write(&scene, "[old]\nkey = 1\n");
    scene.run(&["plan", next.to_str().unwrap()]).ok().says("old.key: is in config.toml, is no setting of this release");
}

#[test]
fn a_damaged_retained_release_is_rebuilt_from_the_store() {
    let scene = updated();
    let kept = scene.root().join("opt/landfall/releases/1.0.0-1");
    std::fs::write(kept.join("bin/landfall"), "rotten").unwrap();
    std::fs::write(kept.join("config.toml"), SETTINGS.replace("3000", "6666")).unwrap();
    std::fs::remove_file(kept.join("units/landfall.service")).unwrap();
    scene.run(&["rollback"]).ok().says("is repaired");
    assert_eq!(scene.read("opt/landfall/current/bin/landfall"), "the runtime 1.0.0");
    assert_eq!(scene.read("opt/landfall/current/config.toml"), SETTINGS);
}

#[test]
fn a_release_with_a_damaged_manifest_can_be_replaced() {
    let (scene, _) = Scene::installed();
    let manifest = scene.root().join("opt/landfall/current/landfall.json");
    let mut bytes = std::fs::read(&manifest).unwrap();
    bytes.push(b' ');
    std::fs::write(manifest, bytes).unwrap();
    let next = scene.put("next.tar", &Parts::new("1.1.0", 2).pack(&scene.key));
    scene.run(&["update", next.to_str().unwrap()]).ok().says("damaged");
}

#[test]
fn a_release_without_tries_is_reverted() {
    let scene = updated();
    write(&scene, "[fresh]\nknob = 2\n");
    for _ in 0..5 {
        scene.run(&["recover", "--before-start"]).ok();
        scene.run(&["recover"]).ok().says("nothing to settle");
    }
    scene.run(&["recover", "--before-start"]).ok().says("again and again");
    scene.run(&["recover"]).ok().says("taken back");
    assert_eq!(scene.read("opt/landfall/current/bin/landfall"), "the runtime 1.0.0");
    assert_eq!(scene.read(CONFIG), "[fresh]\nknob = 2\n");
    scene.run(&["recover", "--before-start"]).ok();
    scene.run(&["recover"]).ok().says("nothing to settle");
}

#[test]
fn a_damaged_trust_root_does_not_prevent_a_rollback() {
    let rotted = || {
        let scene = updated();
        std::fs::write(scene.root().join("etc/landfall/trust.json"), "{").unwrap();
        scene
    };
    let asked = rotted();
    asked.run(&["rollback", "--yes"]).ok().says("1.0.0-1 runs again").says("trust.json cannot be used");
    assert_eq!(asked.read("opt/landfall/current/bin/landfall"), "the runtime 1.0.0");

    let unasked = rotted();
    for _ in 0..6 {
        unasked.run(&["recover", "--before-start"]).ok();
    }
    unasked.run(&["recover"]).ok().says("taken back").says("trust.json cannot be used");
    assert_eq!(unasked.read("opt/landfall/current/bin/landfall"), "the runtime 1.0.0");
    unasked.run(&["status"]).ok().says("trust.json");
    assert_eq!(unasked.read("etc/landfall/trust.json"), "{", "no rollback and no revert writes it");
}

#[test]
fn a_release_that_was_marked_good_is_not_reverted() {
    let scene = updated();
    std::fs::write(scene.root().join("var/lib/landfall/db/proven"), "1.1.0-2\n").unwrap();
    for _ in 0..7 {
        scene.run(&["recover", "--before-start"]).ok();
    }
    scene.run(&["recover"]).ok().says("nothing to settle");
    assert_eq!(scene.read("opt/landfall/current/bin/landfall"), "the runtime 1.1.0");
}
