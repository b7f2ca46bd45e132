//! `config show`, `check`, `set` and `unset`.

use crate::fixture::{Parts, Scene};
use landfall_manifests::{HealthCheck, Tenant};
use serde_json::json;

const CONFIG: &str = "etc/landfall/config.toml";

#[test]
fn settings_are_shown_with_their_origin_changed_and_taken_back() {
    let (scene, _) = Scene::installed();
    let before = scene.read(CONFIG);
    scene.run(&["config", "set", "tenants.memory=2GiB", "api.port=8080"]).ok().says("systemctl restart landfall");
    scene.run(&["config", "set", "tenants.memory=2GiB"]).ok().says("nothing to do");
    let restart = "restart landfall";
    let firewall = "reload landfall-firewall";
    for (key, named) in
        [("update.keep=3", &[][..]), ("tenants.pids=99", &[restart]), ("api.port=8081", &[restart, firewall])]
    {
        let outcome = scene.run(&["config", "set", key]).ok();
        for words in [restart, firewall] {
            assert_eq!(outcome.out.contains(words), named.contains(&words), "{key}: {outcome:?}");
        }
    }
    scene.run(&["config", "unset", "update.keep", "tenants.pids"]).ok();
    scene.run(&["config", "set", "api.port=8080"]).ok();
    let shown = scene.run(&["config", "show", "--json"]).ok().json();
    for (key, value, origin) in [
        ("api.port", "8080", "operator"),
        ("tenants.memory", "\"2GiB\"", "operator"),
        ("tenants.first_port", "3001", "release"),
        ("tenants.pids", "512", "default"),
    ] {
        let expected = json!({"key": key, "value": value, "origin": origin});
        assert!(shown["settings"].as_array().unwrap().contains(&expected), "no {expected} in {shown}");
    }
    scene.run(&["config", "check"]).ok();
    scene.run(&["config", "unset", "tenants.memory", "api.port"]).ok();
    assert_eq!(scene.read(CONFIG), before);
}

#[test]
fn what_the_release_does_not_take_is_refused_and_nothing_changes() {
    let (scene, _) = Scene::installed();
    let before = scene.tree();
    for wrong in [
        ["set", "api.prot=1"],
        ["set", "api.port=70000"],
        ["set", "tenants.memory=lots"],
        ["set", "api.port=3001"],
        ["set", "port=1"],
        ["unset", "api.port"],
        ["unset", "port"],
        ["check", "/does/not/exist"],
    ] {
        scene.run(&["config", wrong[0], wrong[1]]).exits(2);
    }
    assert_eq!(scene.tree(), before);
    std::fs::write(scene.root().join(CONFIG), b"[api]\nport = 80 # \xff\n").unwrap();
    for command in [&["config", "check"][..], &["config", "show"], &["config", "set", "api.port=81"]] {
        scene.run(command).exits(2).says("config.toml is not text");
    }
    for text in ["[api]\nprot = 1\n", "[api]\nport = 0\n", "[api\n", "api = 1\n"] {
        std::fs::write(scene.root().join(CONFIG), text).unwrap();
        scene.run(&["config", "check"]).exits(2);
    }
}

#[test]
fn settings_that_are_no_file_are_refused_with_what_to_do() {
    let (scene, _) = Scene::installed();
    let path = scene.root().join(CONFIG);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let hint = "put a file of TOML text in its place, or remove it";
    scene.run(&["config", "check"]).exits(2).says("it is not a regular file").says(hint);
    std::fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("disk/that/is/not/mounted", &path).unwrap();
    for command in [&["config", "check"][..], &["config", "set", "api.port=81"]] {
        scene.run(command).exits(2).says("config.toml: No such file or directory").says(hint);
    }
    assert!(path.is_symlink());
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("config.toml", &path).unwrap();
    scene.run(&["config", "check"]).exits(2).says("Too many levels of symbolic links").says(hint);
}

#[test]
fn no_change_makes_the_settings_larger_than_what_is_read() {
    let (scene, _) = Scene::installed();
    let text = format!("{}\n", "#".repeat(256 * 1024 - 10));
    std::fs::write(scene.root().join(CONFIG), &text).unwrap();
    scene.run(&["config", "check"]).ok();
    scene.run(&["config", "set", "api.port=8080"]).exits(2).says("and 262144 are read");
    assert_eq!(scene.read(CONFIG), text);
}

#[test]
fn an_image_to_try_releases_with_is_one_of_the_release_that_runs() {
    let (scene, _) = Scene::installed();
    scene.run(&["config", "set", "update.canary=gone"]).exits(2).says("no such tenant image; it has none at all");
    // As after a rollback: the image was that of a later release.
    std::fs::write(scene.root().join(CONFIG), "[update]\ncanary = \"gone\"\n").unwrap();
    scene.run(&["config", "check"]).exits(2).says("no such tenant image");
    scene.run(&["config", "set", "api.port=8080"]).ok();
    scene.run(&["config", "set", "update.canary=none"]).ok();
    scene.run(&["config", "check"]).ok();
}

#[test]
fn settings_change_only_where_something_is_installed_and_settled() {
    let scene = Scene::new();
    scene.run(&["config", "set", "api.port=8080"]).exits(5).says("nothing is installed");
    let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
    scene.install(&bundle).ok();
    std::fs::write(scene.root().join("var/lib/landfall/state/journal.json"), "{").unwrap();
    scene.run(&["config", "set", "api.port=8080"]).exits(1);
}

#[test]
fn settings_that_an_uninstallation_kept_change_before_the_next_release_is_installed() {
    let (scene, bundle) = Scene::installed();
    let before = scene.read(CONFIG);
    scene.run(&["uninstall", "--yes"]).ok();
    // The next release has no tenant image of this name.
    std::fs::write(scene.root().join(CONFIG), format!("{before}\n[update]\ncanary = \"gone\"\n")).unwrap();
    scene.install(&bundle).exits(2).says("no such tenant image").says("`landfall-installer config set`");
    scene.run(&["config", "show"]).ok().says("update.canary");
    scene.run(&["config", "set", "api.prot=1"]).exits(2);
    scene.run(&["config", "set", "api.port=70000"]).exits(2);
    scene.run(&["config", "set", "update.canary=none"]).ok().says("it counts from the next installation on");
    scene.run(&["config", "check"]).ok();
    scene.run(&["config", "unset", "update.canary"]).ok();
    scene.run(&["config", "set", "api.port=8080"]).ok();
    scene.install(&bundle).ok();
    scene.run(&["config", "show"]).ok().says("api.port = 8080");
}

#[test]
fn a_release_that_does_not_have_the_image_to_try_it_with_is_refused_before_anything_is_done() {
    let scene = Scene::new();
    let key = scene.key.public_key().to_line();
    let release = |tenant: bool| {
        let mut parts = Parts::new("1.0.0", 1);
        let tenant = tenant.then(|| Tenant::new("rust", 80, HealthCheck::Tcp));
        parts.release.images[0].tenant = tenant;
        parts.pack(&scene.key)
    };
    // An image that no tenant is made from does not count.
    let (without, with) = (scene.put("without.tar", &release(false)), scene.put("with.tar", &release(true)));
    let before = scene.tree();
    for (bundle, canary) in [(&without, "hello"), (&with, "other")] {
        let set = format!("update.canary={canary}");
        let said = scene.run(&["install", bundle.to_str().unwrap(), "--trust", &key, "--set", &set, "--yes"]).exits(2);
        said.says("no such tenant image");
    }
    assert_eq!(scene.tree(), before);
    scene.run(&["install", with.to_str().unwrap(), "--trust", &key, "--set", "update.canary=hello", "--yes"]).ok();
}
