//! Releases that do not stay healthy: how often they may fail, and which release the host reverts to.

use crate::fixture::{Outcome, Parts, Scene};
use landfall_manifests::Database;
use std::process::Command;

const TRIES: &str = "var/lib/landfall/state/tries";
const PROVEN: &str = "var/lib/landfall/db/proven";
const HEALTHY: &str = "var/lib/landfall/db/healthy";
const CONFIG: &str = "etc/landfall/config.toml";

/// What a release's installer is that cannot recover the host.
const BROKEN: &[u8] = b"#!/bin/sh\nexit 1\n";

fn update(scene: &Scene, parts: Parts) -> Outcome {
    let bundle = scene.put("next.tar", &parts.pack(&scene.key));
    scene.run(&["update", bundle.to_str().unwrap()])
}

/// A host that went through 1.0.0-1, 1.1.0-2, … to 1.N.0, without a start in between.
fn updated(newest: u64) -> Scene {
    let (scene, _) = Scene::installed();
    for minor in 1..=newest {
        update(&scene, Parts::new(&format!("1.{minor}.0"), minor + 1)).ok();
    }
    scene
}

/// The host loses its power after each start of the release that runs, before that is healthy.
fn crash_loop(scene: &Scene) {
    for _ in 0..6 {
        scene.run(&["recover", "--before-start"]).ok();
    }
}

/// A start of the service, as systemd and the runtime go about it.
struct Start<'a> {
    scene: &'a Scene,
    invocation: String,
}

impl<'a> Start<'a> {
    fn begin(scene: &'a Scene, nth: u32) -> Self {
        let start = Self { scene, invocation: format!("{nth:032x}") };
        start.hook("--before-start", &[]);
        start
    }

    /// The runtime says that it is healthy.
    fn becomes_healthy(self) -> Self {
        write(self.scene, HEALTHY, &format!("{}\n", self.invocation));
        self
    }

    /// systemd says how it ended.
    fn ends(&self, result: &str, code: &str, status: &str) {
        self.hook("--after-stop", &[("SERVICE_RESULT", result), ("EXIT_CODE", code), ("EXIT_STATUS", status)]);
    }

    fn hook(&self, hook: &str, told: &[(&str, &str)]) {
        let mut command = self.scene.command(&["recover", hook]);
        let output = command.env("INVOCATION_ID", &self.invocation).envs(told.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

fn current(scene: &Scene) -> String {
    let link = std::fs::read_link(scene.root().join("opt/landfall/current")).unwrap();
    link.file_name().unwrap().to_str().unwrap().to_owned()
}

fn releases(scene: &Scene) -> Vec<String> {
    let entries = std::fs::read_dir(scene.root().join("opt/landfall/releases")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn write(scene: &Scene, path: &str, text: &str) {
    std::fs::write(scene.root().join(path), text).unwrap();
}

/// A host with the release 1.1.0-2 on trial.
fn on_trial() -> Scene {
    let scene = updated(1);
    std::fs::create_dir_all(scene.root().join(HEALTHY).parent().unwrap()).unwrap();
    scene
}

#[test]
fn clean_restarts_after_a_good_update_keep_the_release_and_its_tries() {
    let scene = on_trial();
    let before = scene.read(TRIES);
    for nth in 0..7 {
        Start::begin(&scene, nth).becomes_healthy().ends("success", "exited", "0");
        scene.run(&["recover"]).ok().says("nothing to settle");
    }
    assert_eq!((current(&scene).as_str(), scene.read(TRIES)), ("1.1.0-2", before));
}

#[test]
fn a_power_cut_after_health_uses_up_no_try() {
    let scene = on_trial();
    for nth in 0..7 {
        Start::begin(&scene, nth).becomes_healthy();
        scene.run(&["recover"]).ok().says("nothing to settle");
    }
    Start::begin(&scene, 7).becomes_healthy().ends("success", "exited", "0");
    assert_eq!(scene.run(&["status", "--json"]).ok().json()["tries"]["left"], 5);
    assert_eq!(current(&scene), "1.1.0-2");
}

#[test]
fn a_release_that_fails_once_it_was_healthy_is_reverted() {
    for (result, code, status) in
        [("exit-code", "exited", "1"), ("watchdog", "dumped", "ABRT"), ("oom-kill", "killed", "KILL")]
    {
        let scene = on_trial();
        for nth in 0..5 {
            Start::begin(&scene, nth).becomes_healthy().ends(result, code, status);
            scene.run(&["recover"]).ok().says("nothing to settle");
        }
        Start::begin(&scene, 5);
        scene.run(&["recover"]).ok().says("taken back");
        assert_eq!(current(&scene), "1.0.0-1", "{result}");
    }
}

#[test]
fn failed_updates_use_up_no_tries_of_the_previous_release() {
    let scene = updated(1);
    scene.run(&["recover", "--before-start"]).ok();
    for serial in 3..9 {
        let mut parts = Parts::new(&format!("1.{serial}.0"), serial);
        parts.file("bin/landfall-installer", "0755", BROKEN);
        update(&scene, parts).exits(7);
        scene.run(&["recover", "--before-start"]).ok();
        scene.run(&["recover"]).ok().says("nothing to settle");
    }
    assert_eq!(current(&scene), "1.1.0-2");
}

#[test]
fn a_failed_update_renews_no_tries_of_a_release_without_any() {
    let scene = updated(1);
    crash_loop(&scene);
    let mut parts = Parts::new("1.2.0", 3);
    parts.file("bin/landfall-installer", "0755", BROKEN);
    update(&scene, parts).exits(7);
    scene.run(&["recover"]).ok().says("taken back");
    assert_eq!(current(&scene), "1.0.0-1");
}

#[test]
fn a_release_marked_good_during_staging_is_not_counted_after_the_update_failed() {
    let (scene, _) = Scene::installed();
    let with_schema = |version: &str, serial: u64, schema: u32| {
        let mut parts = Parts::new(version, serial);
        parts.release.database = Some(Database { schema, reversible_to: 1 });
        parts
    };
    update(&scene, with_schema("1.1.0", 2, 1)).ok();
    write(&scene, "var/lib/landfall/db/landfall.db", "rows");
    let mut broken = with_schema("1.2.0", 3, 2);
    // It tries its migrations before the switch, and then the release that runs has been well for long enough.
    let migrate =
        format!("#!/bin/sh\ncase \"$*\" in *--rehearse*) echo 1.1.0-2 > \"$2/{PROVEN}\";; esac\necho '{{}}'\n");
    broken.file("bin/landfall", "0755", migrate.as_bytes());
    broken.file("bin/landfall-installer", "0755", BROKEN);
    update(&scene, broken).exits(7);
    assert_eq!(current(&scene), "1.1.0-2");
    assert!(!scene.root().join(TRIES).exists(), "{}", scene.read(TRIES));
}

#[test]
fn an_update_over_a_release_without_a_good_mark_keeps_the_last_release_that_has_one() {
    let scene = updated(1);
    let hotfix = scene.put("hotfix.tar", &Parts::new("1.2.0", 3).pack(&scene.key));
    let hotfix = hotfix.to_str().unwrap();
    let plan = scene.run(&["plan", hotfix, "--json"]).ok().json();
    assert_eq!(plan["plan"]["changes"]["collects"]["releases"], serde_json::json!([]), "{plan}");
    scene.run(&["update", hotfix]).ok();
    assert_eq!(releases(&scene), ["1.0.0-1", "1.1.0-2", "1.2.0-3"]);

    crash_loop(&scene);
    scene.run(&["recover"]).ok().says("taken back");
    assert_eq!((current(&scene), releases(&scene).len()), ("1.1.0-2".to_owned(), 3));
    crash_loop(&scene);
    scene.run(&["recover"]).ok().says("taken back");
    assert_eq!(current(&scene), "1.0.0-1");
    crash_loop(&scene);
    scene.run(&["recover"]).ok().says("nothing to settle");
    assert!(!scene.root().join(TRIES).exists());
}

#[test]
fn a_release_that_is_marked_good_leaves_only_the_configured_number_kept() {
    let scene = updated(2);
    write(&scene, PROVEN, "1.2.0-3\n");
    update(&scene, Parts::new("1.3.0", 4)).ok();
    assert_eq!(releases(&scene), ["1.2.0-3", "1.3.0-4"]);
}

#[test]
fn unusable_settings_do_not_prevent_an_automatic_revert() {
    for (text, left) in [
        ("[api\nport = 3000\n", ""),
        ("[api]\nport = 70000\naddress = \"127.0.0.1\"\n", "[api]\naddress = \"127.0.0.1\"\n"),
    ] {
        let scene = updated(1);
        write(&scene, CONFIG, text);
        crash_loop(&scene);
        scene.run(&["recover"]).ok().says("taken back").says("config.toml.edited");
        assert_eq!((current(&scene).as_str(), scene.read(CONFIG).as_str()), ("1.0.0-1", left), "{text}");
        assert_eq!(scene.read("etc/landfall/config.toml.edited"), text);
    }
}

#[test]
fn settings_that_are_no_text_do_not_prevent_an_automatic_revert() {
    let scene = updated(1);
    let (file, bytes) = (scene.root().join(CONFIG), b"[api]\nport = 8080 # \xff\n");
    std::fs::write(&file, bytes).unwrap();
    crash_loop(&scene);
    scene.run(&["recover"]).ok().says("taken back").says("config.toml.edited");
    assert_eq!((current(&scene).as_str(), scene.read(CONFIG).as_str()), ("1.0.0-1", ""));
    assert_eq!(std::fs::read(scene.root().join("etc/landfall/config.toml.edited")).unwrap(), bytes);
}

#[test]
fn a_blocked_revert_is_tried_again() {
    let scene = updated(1);
    let manifest = "opt/landfall/releases/1.0.0-1/landfall.json";
    let text = scene.read(manifest);
    write(&scene, manifest, "damaged");
    crash_loop(&scene);
    let outcome = scene.run(&["recover"]);
    assert_ne!(outcome.exit, 0, "{outcome:?}");
    assert!(scene.read(TRIES).contains("\"spent\": true"));
    write(&scene, manifest, &text);
    scene.run(&["recover", "--before-start"]).ok();
    scene.run(&["recover"]).ok().says("taken back");
    assert_eq!(current(&scene), "1.0.0-1");
}

#[test]
fn an_automatic_revert_needs_no_engine() {
    let scene = updated(1);
    crash_loop(&scene);
    let outcome = Command::new(env!("CARGO_BIN_EXE_landfall-installer"))
        .arg("--root")
        .arg(scene.root())
        .args(["--engine", "unix:///nowhere/engine.sock", "--no-systemd", "--run-programs", "recover"])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success() && printed.contains("may be missing in the engine"), "{printed}");
    assert_eq!(current(&scene), "1.0.0-1");
}

#[test]
fn after_an_automatic_revert_rollback_does_not_go_forward() {
    let scene = updated(1);
    crash_loop(&scene);
    scene.run(&["recover"]).ok().says("taken back");
    assert_eq!(scene.run(&["status", "--json"]).ok().json()["previous"], serde_json::Value::Null);
    scene.run(&["rollback"]).exits(5).says("kept are: 1.1.0-2").says("--to");
    assert_eq!(current(&scene), "1.0.0-1");
    scene.run(&["rollback", "--to", "1.1.0"]).ok();
    assert_eq!(current(&scene), "1.1.0-2");
}

#[test]
fn rollback_to_an_ambiguous_version_is_refused() {
    let (scene, _) = Scene::installed();
    update(&scene, Parts::new("1.0.0", 20)).ok();
    scene.run(&["rollback", "--to", "1.0.0"]).exits(5).says("1.0.0-20, 1.0.0-1");
    assert_eq!(current(&scene), "1.0.0-20");
    for _ in 0..2 {
        scene.run(&["rollback", "--to", "1.0.0-1"]).ok();
        assert_eq!(current(&scene), "1.0.0-1");
    }
}

#[test]
fn an_uninstallation_removes_the_good_mark() {
    let (scene, _) = Scene::installed();
    write(&scene, PROVEN, "1.0.0-1\n");
    write(&scene, HEALTHY, "00000000000000000000000000000001\n");
    scene.run(&["uninstall", "--yes"]).ok();
    assert!(!scene.root().join(PROVEN).exists() && !scene.root().join(HEALTHY).exists());
}

#[test]
fn a_first_installation_removes_an_earlier_good_mark() {
    let (scene, bundle) = Scene::installed();
    scene.run(&["uninstall", "--yes"]).ok();
    std::fs::create_dir_all(scene.root().join(PROVEN).parent().unwrap()).unwrap();
    write(&scene, PROVEN, "1.0.0-1\n");
    scene.install(&bundle).ok();
    assert!(!scene.root().join(PROVEN).exists());
}
