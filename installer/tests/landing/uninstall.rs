use crate::fixture::{Parts, Scene};

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
fn an_uninstallation_keeps_what_is_the_hosts_and_the_next_one_takes_it_up() {
    let (scene, bundle) = Scene::landed();
    std::fs::write(scene.root().join("var/lib/landfall/db/landfall.db"), "tenants").unwrap();
    let token = scene.read("etc/landfall/admin.token");
    scene.run(&["uninstall", "--yes"]).ok().says("are kept");
    for gone in ["opt", "usr", "etc/systemd", "var/lib/landfall/state", "var/lib/landfall/store"] {
        assert!(!scene.root().join(gone).exists(), "{gone}");
    }
    assert_eq!(scene.read("var/lib/landfall/db/landfall.db"), "tenants");
    scene.install_with(&bundle, &["--set", "api.port=1"]).exits(2).says("is there from before");
    scene.run(&["install", bundle.to_str().unwrap()]).ok();
    assert_eq!(scene.read("etc/landfall/admin.token"), token);
    assert_eq!(scene.read("var/lib/landfall/db/landfall.db"), "tenants");
}

#[test]
fn what_an_uninstallation_kept_can_be_purged_later() {
    let (scene, _) = Scene::landed();
    scene.run(&["uninstall", "--yes"]).ok();
    scene.run(&["uninstall", "--yes"]).ok().says("nothing is installed");
    scene.run(&["uninstall", "--purge", "--yes"]).ok();
    assert_eq!(scene.tree(), "etc 40755 \nvar 40755 \nvar/lib 40755 \n");
}

#[test]
fn nobody_is_uninstalled_without_being_asked() {
    let (scene, _) = Scene::landed();
    let before = scene.tree();
    scene.run(&["uninstall"]).exits(2).says("--yes");
    scene.run(&["uninstall", "--purge"]).exits(2).says("--yes");
    assert_eq!(scene.tree(), before);
}
