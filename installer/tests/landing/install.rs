use crate::fixture::{INSTALLER, Parts, Scene};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn an_installed_release_has_the_documented_paths() {
    let (scene, _) = Scene::installed();
    let root = scene.root();
    assert_eq!(std::fs::read_link(root.join("opt/landfall/current")).unwrap().to_str(), Some("releases/1.0.0-1"));
    assert_eq!(scene.read("opt/landfall/current/bin/landfall"), "the runtime 1.0.0");
    assert_eq!(scene.read("opt/landfall/bin/landfall-installer").as_bytes(), INSTALLER);
    assert_eq!(scene.read("opt/landfall/current/docs/empty"), "");
    let settings = scene.read("etc/landfall/config.toml");
    assert!(settings.lines().all(|line| line.starts_with('#')) && settings.contains("config show"), "{settings}");
    assert_eq!(scene.read("var/lib/landfall/state/serial-floor"), "1\n");
    for (path, mode) in [
        ("etc/landfall/admin.token", 0o600),
        ("etc/landfall/trust.json", 0o644),
        ("opt/landfall/current/bin/landfall", 0o755),
        ("opt/landfall/current/docs/deep/manual.txt", 0o640),
        ("opt/landfall/current/landfall.json", 0o644),
        ("var/lib/landfall/db", 0o700),
        ("var/lib/landfall/state", 0o700),
        ("var/lib/landfall/store", 0o700),
        ("var/lib/landfall/state/installed.json", 0o600),
    ] {
        assert_eq!(root.join(path).metadata().unwrap().permissions().mode() & 0o7777, mode, "{path}");
    }
    let token = scene.read("etc/landfall/admin.token");
    assert!(token.len() == 9 + 64 + 1 && token.starts_with("sk_admin_"), "{token}");
    let unit = scene.read("etc/systemd/system/landfall.service");
    assert!(
        unit.contains("ExecStart=/opt/landfall/current/bin/landfall serve") && !unit.contains("@ENGINE_UNIT@"),
        "{unit}"
    );
    for (name, target) in [
        ("landfall", "/opt/landfall/current/bin/landfall"),
        ("landfall-installer", "/opt/landfall/bin/landfall-installer"),
    ] {
        assert_eq!(std::fs::read_link(root.join("usr/local/bin").join(name)).unwrap().to_str(), Some(target));
    }
    assert!(!root.join("var/lib/landfall/state/journal.json").exists());
    assert_eq!(std::fs::read_dir(root.join("var/lib/landfall/store/incoming")).unwrap().count(), 0);
}

#[test]
fn installing_twice_changes_nothing_and_says_so() {
    let (scene, bundle) = Scene::installed();
    let before = scene.tree();
    let outcome = scene.install_with(&bundle, &["--json"]).ok();
    assert_eq!(outcome.json()["changed"], false);
    scene.install(&bundle).ok().says("nothing to do");
    for command in ["install", "plan"] {
        let words = [command, bundle.to_str().unwrap(), "--set", "api.port=8080"];
        scene.run(&words).exits(2).says("config.toml is there from before");
    }
    assert_eq!(scene.tree(), before);
}

#[test]
fn the_operators_settings_are_applied() {
    let scene = Scene::new();
    let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
    let answers = scene.put("answers.toml", b"[tenants]\nfirst_port = 3101\n[api]\nport = 1\n");
    let before = scene.tree();
    for wrong in [
        ["--set", "api.prot=1"],
        ["--set", "api.port=x"],
        ["--set", "tenants.memory=lots"],
        ["--set", "network.pool=8.8.0.0/16"],
        ["--answers", "/does/not/exist"],
    ] {
        scene.install_with(&bundle, &wrong).exits(2);
        let key = scene.stick().join("acme.pub");
        let plan = ["plan", bundle.to_str().unwrap(), "--trust", key.to_str().unwrap()];
        scene.run(&[&plan[..], &wrong[..]].concat()).exits(2);
    }
    assert_eq!(scene.tree(), before);
    let settings = ["--set", "api.port=8080", "--answers", answers.to_str().unwrap()];
    scene.install_with(&bundle, &settings).ok();
    let text = scene.read("etc/landfall/config.toml");
    assert!(text.ends_with("[tenants]\nfirst_port = 3101\n\n[api]\nport = 8080\n"), "{text}");
}

#[test]
fn a_plan_changes_nothing_and_counts_to_the_byte() {
    let scene = Scene::new();
    let bytes = Parts::new("1.0.0", 1).pack(&scene.key);
    let bundle = scene.put("good.tar", &bytes);
    let before = scene.tree();
    let key = scene.key.public_key().to_line();
    let outcome = scene.run(&["plan", bundle.to_str().unwrap(), "--trust", &key, "--json"]).ok();
    assert_eq!(scene.tree(), before);
    let plan = &outcome.json()["plan"];
    assert_eq!(plan["read"], bytes.len());
    scene.install(&bundle).ok();
    let blobs = std::fs::read_dir(scene.root().join("var/lib/landfall/store/sha256")).unwrap();
    let sizes: Vec<u64> = blobs.map(|blob| blob.unwrap().metadata().unwrap().len()).collect();
    assert_eq!(plan["stage"]["count"], sizes.len());
    assert_eq!(plan["stage"]["bytes"], sizes.iter().sum::<u64>());
    scene.run(&["plan", bundle.to_str().unwrap()]).ok().says("nothing to do");
}

#[test]
fn status_reports_what_is_installed() {
    let (scene, _) = Scene::installed();
    let status = scene.run(&["status", "--json"]).ok().json();
    assert_eq!(status["current"]["version"], "1.0.0");
    assert_eq!(status["serialFloor"], 1);
    assert_eq!(status["interrupted"], serde_json::Value::Null);
    let bare = Scene::new();
    assert_eq!(bare.run(&["status", "--json"]).ok().json()["current"], serde_json::Value::Null);
    bare.run(&["status"]).ok().says("nothing is installed");
    assert_eq!(bare.tree(), "");
}

#[test]
fn a_foreign_program_with_our_name_is_kept() {
    let scene = Scene::new();
    let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
    let path = scene.root().join("usr/local/bin");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("landfall-installer"), "copied by hand").unwrap();
    scene.install(&bundle).ok().says("is not Landfall's and stays");
    scene.run(&["uninstall", "--purge", "--yes"]).ok();
    assert_eq!(scene.read("usr/local/bin/landfall-installer"), "copied by hand");
    assert!(!path.join("landfall").exists());
}
