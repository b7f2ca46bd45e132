use crate::fixture::{Parts, Scene};
use std::path::PathBuf;
use std::process::Command;

#[test]
fn a_purge_leaves_the_tree_as_it_was() {
    for folders in [&[][..], &["var/lib", "etc/systemd/system", "opt", "usr/local/bin"], &["var/lib/landfall"]] {
        let scene = Scene::new();
        for folder in folders {
            std::fs::create_dir_all(scene.root().join(folder)).unwrap();
        }
        let before = scene.tree();
        let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
        scene.install(&bundle).ok();
        std::fs::write(scene.root().join("var/lib/landfall/db/landfall.db"), "tenants").unwrap();
        scene.run(&["uninstall", "--purge", "--yes"]).ok();
        let expected = before.replace("var/lib/landfall 40755 \n", "");
        assert_eq!(scene.tree(), expected, "{folders:?}");
    }
}

#[test]
fn an_uninstallation_keeps_the_hosts_own_files_for_the_next_installation() {
    let (scene, bundle) = Scene::installed();
    std::fs::write(scene.root().join("var/lib/landfall/db/landfall.db"), "tenants").unwrap();
    let token = scene.read("etc/landfall/admin.token");
    scene.run(&["uninstall", "--yes"]).ok().says("are kept");
    for gone in ["opt", "usr", "etc/systemd", "var/lib/landfall/state/installed.json", "var/lib/landfall/store"] {
        assert!(!scene.root().join(gone).exists(), "{gone}");
    }
    assert_eq!(scene.read("var/lib/landfall/db/landfall.db"), "tenants");
    scene.install_with(&bundle, &["--set", "api.port=1"]).exits(2).says("is there from before");
    scene.run(&["install", bundle.to_str().unwrap()]).ok();
    assert_eq!(scene.read("etc/landfall/admin.token"), token);
    assert_eq!(scene.read("var/lib/landfall/db/landfall.db"), "tenants");
}

#[test]
fn an_uninstallation_does_not_allow_an_older_release_or_another_product() {
    let scene = Scene::new();
    let bundle = scene.put("two.tar", &Parts::new("2.0.0", 2).pack(&scene.key));
    scene.install(&bundle).ok();
    scene.run(&["uninstall", "--yes"]).ok();
    let older = scene.put("one.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
    let mut other = Parts::new("3.0.0", 3);
    other.release.product = "other".parse().unwrap();
    let other = scene.put("other.tar", &other.pack(&scene.key));
    let before = scene.tree();
    scene.install(&older).exits(5).says("below this host's floor of 2");
    scene.install(&other).exits(5).says("one product").says("--purge");
    assert_eq!(scene.tree(), before);
    scene.run(&["uninstall", "--purge", "--yes"]).ok();
    scene.install(&other).ok();
}

#[test]
fn an_incomplete_uninstallation_names_the_command_that_finishes_it() {
    let (scene, _) = Scene::installed();
    let current = scene.root().join("opt/landfall/current");
    std::fs::remove_file(&current).unwrap();
    std::fs::create_dir_all(current.join("of/somebody")).unwrap();
    scene.run(&["uninstall", "--yes"]).exits(1).says("not complete").says("`landfall-installer recover` finishes it");
    scene.run(&["recover"]).exits(1).says("`landfall-installer recover` finishes it");
    std::fs::remove_dir_all(&current).unwrap();
    scene.run(&["recover"]).ok().says("uninstall was finished");
    scene.run(&["status"]).ok().says("nothing is installed");
}

#[test]
fn files_kept_by_an_uninstallation_can_be_purged_later() {
    let (scene, _) = Scene::installed();
    scene.run(&["uninstall", "--yes"]).ok();
    scene.run(&["uninstall", "--yes"]).ok().says("nothing is installed");
    scene.run(&["uninstall", "--purge", "--yes"]).ok();
    assert_eq!(scene.tree(), "etc 40755 \nvar 40755 \nvar/lib 40755 \n");
}

#[test]
fn an_id_that_was_left_damaged_is_named_and_can_be_purged() {
    let upper = "ABCDEF0123456789ABCDEF0123456789\n";
    for damage in [Some(""), Some("0123"), Some(upper), None] {
        let (scene, bundle) = Scene::installed();
        scene.run(&["uninstall", "--yes"]).ok();
        let file = scene.root().join("var/lib/landfall/state/installation-id");
        std::fs::remove_file(&file).unwrap();
        match damage {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => std::fs::create_dir(&file).unwrap(),
        }
        for command in ["plan", "install"] {
            let outcome = scene.run(&[command, bundle.to_str().unwrap()]).exits(1).says("state/installation-id");
            outcome.says("put that one file back from a backup, or remove it");
        }
        let purged = scene.run(&["uninstall", "--purge", "--yes"]).ok();
        purged.says("state/installation-id").says("cannot be removed from the engine");
        assert_eq!(scene.tree(), "etc 40755 \nvar 40755 \nvar/lib 40755 \n", "{damage:?}");
    }
}

#[test]
fn an_uninstallation_needs_confirmation() {
    let (scene, _) = Scene::installed();
    let before = scene.tree();
    scene.run(&["uninstall"]).exits(2).says("--yes");
    scene.run(&["uninstall", "--purge"]).exits(2).says("--yes");
    assert_eq!(scene.tree(), before);
}

/// What needs root, for mounts besides; `make check` leaves it out.
mod needs_root {
    use super::*;

    #[test]
    fn folders_on_file_systems_of_their_own_are_emptied_and_stay() {
        let scene = Scene::new();
        let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
        let mounts =
            ["var/lib/landfall/store", "var/lib/landfall/db", "var/lib/landfall/state", "opt/landfall/releases"];
        let mounts = mounts.map(|folder| scene.root().join(folder));
        for folder in &mounts {
            std::fs::create_dir_all(folder).unwrap();
        }
        let mount = |folder: &PathBuf| format!("mount -t tmpfs none {}", folder.display());
        let installer = format!("$INSTALLER --root {} --engine none --no-systemd", scene.root().display());
        let key = scene.stick().join("acme.pub");
        let script = [
            mounts.each_ref().map(mount).join(" && "),
            format!("{installer} install {} --trust {}", bundle.display(), key.display()),
            format!("{installer} uninstall --purge --yes"),
            format!("{installer} status"),
            format!("find {} -mindepth 1 -not -type d -printf 'left: %p\\n'", scene.root().display()),
        ];
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script.join(" && ")])
            .env("INSTALLER", env!("CARGO_BIN_EXE_landfall-installer"))
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "needs root, for mounts of its own: {out}{err}");
        assert!(out.contains("nothing is installed"), "{out}");
        assert!(!out.contains("left: "), "files stay: {out}");
    }
}
