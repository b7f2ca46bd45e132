//! `trust import`: which roots are accepted, which are refused, and the messages.

use crate::fixture::Scene;
use crate::publisher_roots::{Roots, change, key};
use crate::trust_chain::{PINNED, bundle, import, leak, update};
use std::path::PathBuf;

#[test]
fn roots_come_from_a_folder_a_file_or_a_bundle() {
    let sources: [fn(&Scene, &Roots) -> PathBuf; 3] = [
        |scene, roots| {
            roots.save(&scene.stick().join("trust"));
            scene.stick().join("trust")
        },
        |scene, roots| {
            roots.save(&scene.stick());
            scene.stick().join("2.root.json")
        },
        |scene, roots| bundle(scene, "9.0.0", 9, &scene.key, &roots.links),
    ];
    for source in sources {
        let (scene, _) = Scene::installed();
        let roots = Roots::first(&scene.key).then(&change(&[&key()], &[]), &[&scene.key]);
        let path = source(&scene, &roots);
        import(&scene, &path, &[]).ok().says("version 2 of the trust root from now on, instead of version 1");
        assert_eq!(scene.read(PINNED), roots.newest().to_json());
        let before = scene.tree();
        let again = import(&scene, &path, &["--json"]).ok().json();
        assert_eq!((&again["changed"], &again["from"]), (&false.into(), &2.into()));
        import(&scene, &path, &[]).ok().says(&roots.digest());
        assert_eq!(scene.tree(), before);
    }
}

#[test]
fn a_refused_import_changes_nothing() {
    let (scene, good) = Scene::installed();
    let roots = Roots::first(&scene.key).then(&change(&[&key()], &[]), &[&scene.key]);
    let unsigned = roots.clone().then(&change(&[&key()], &[]), &[]);
    let folder = |name: &str| scene.stick().join(name);
    unsigned.save(&folder("unsigned"));
    roots.save(&folder("renamed"));
    std::fs::rename(folder("renamed/2.root.json"), folder("renamed/4.root.json")).unwrap();
    roots.save(&folder("damaged"));
    std::fs::write(folder("damaged/2.root.json"), [0xff; 9]).unwrap();
    unsigned.save(&folder("gap"));
    std::fs::remove_file(folder("gap/2.root.json")).unwrap();
    roots.save(&folder("changed"));
    let text = std::fs::read_to_string(folder("changed/2.root.json")).unwrap();
    std::fs::write(folder("changed/2.root.json"), text.replace("  ", " ")).unwrap();
    roots.save(&folder("rotted"));
    let signature = format!("rotted/2.root.json.{}.minisig", scene.key.id());
    std::fs::write(folder(&signature), "untrusted comment: x\nRUQ\n").unwrap();
    Roots::first(&key()).save(&folder("stranger"));
    roots.save(&folder("long"));
    std::fs::write(folder("long/2.root.json"), vec![b' '; 1 << 20]).unwrap();
    std::fs::create_dir(folder("empty")).unwrap();
    let before = scene.tree();
    for (name, exit, says) in [
        ("unsigned", 4, "version 3"),
        ("unsigned/3.root.json", 4, "version 3 of the trust root follows version 1"),
        ("gap", 4, "version 3 of the trust root follows version 1"),
        ("changed", 3, "changed/2.root.json is damaged: version 2 of the trust root is not in the form"),
        ("rotted", 3, &signature),
        ("stranger", 4, "differs from the one that is trusted"),
        ("stranger/1.root.json", 4, "differs from the one that is trusted"),
        ("renamed", 3, "its name says another version"),
        ("damaged", 3, "is not text"),
        ("long", 3, "larger than"),
        ("empty", 2, "holds no trust root"),
        ("missing", 2, "there is no file and no folder"),
        ("acme.pub", 3, ""),
    ] {
        let refused = import(&scene, &folder(name), &["--json"]).exits(exit).says(says);
        assert!(refused.json()["error"]["hint"].is_string(), "{name}: {refused:?}");
        assert_eq!(scene.tree(), before, "{name}");
    }
    import(&scene, &good, &[]).exits(2).says("holds no trust root");
    assert_eq!(scene.tree(), before);
}

#[test]
fn media_older_than_the_pinned_root_are_refused() {
    let (scene, _) = Scene::installed();
    let old = Roots::first(&scene.key).then(&change(&[&key()], &[]), &[&scene.key]);
    let new = old.clone().then(&change(&[&key()], &[]), &[&scene.key]);
    new.save(&scene.stick().join("new"));
    old.save(&scene.stick().join("old"));
    import(&scene, &scene.stick().join("new"), &[]).ok();
    let before = scene.tree();
    let bundle = bundle(&scene, "9.0.0", 9, &scene.key, &old.links);
    for path in [scene.stick().join("old"), scene.stick().join("old/1.root.json"), bundle] {
        let refused = import(&scene, &path, &["--json"]).exits(5).says("this host trusts version 3");
        assert_eq!(refused.json()["error"]["code"], "older_root");
    }
    // What is older than that is not even read.
    std::fs::write(scene.stick().join("new/1.root.json"), "rotten").unwrap();
    std::fs::write(scene.stick().join("new/2.root.json"), "rotten").unwrap();
    import(&scene, &scene.stick().join("new"), &[]).ok().says("version 3").says(&new.digest());
    assert_eq!(scene.tree(), before);
}

#[test]
fn a_host_that_was_given_fewer_keys_follows_the_roots_they_signed() {
    let (scene, _) = Scene::installed();
    let (ben, cleo) = (key(), key());
    let publishers = Roots::of(&[&scene.key, &ben], 2).then(&change(&[&cleo], &[]), &[&scene.key, &ben]);
    publishers.save(&scene.stick());
    import(&scene, &scene.stick(), &[]).ok().says("version 2 of the trust root from now on, instead of version 1");
    assert_eq!(scene.read(PINNED), publishers.newest().to_json());
}

#[test]
fn a_copied_signature_file_counts_once() {
    let (scene, _) = Scene::installed();
    let roots = Roots::first(&scene.key).then(&change(&[&key()], &[]), &[&scene.key]);
    roots.save(&scene.stick());
    let signature = scene.stick().join(format!("2.root.json.{}.minisig", scene.key.id()));
    std::fs::copy(signature, scene.stick().join("2.root.json.minisig")).unwrap();
    import(&scene, &scene.stick(), &[]).ok().says("version 2");
}

#[test]
fn a_damaged_root_is_replaced_by_one_with_the_given_digest() {
    let (scene, _) = Scene::installed();
    let (new, pinned) = (key(), scene.root().join(PINNED));
    let roots = Roots::first(&scene.key).then(&change(&[&new], &[&scene.key]), &[&scene.key, &new]);
    update(&scene, &bundle(&scene, "1.1.0", 2, &new, &roots.links)).ok();
    std::fs::write(&pinned, "{").unwrap();
    roots.save(&scene.stick());
    let kept = "opt/landfall/current/landfall.json.trust";
    import(&scene, &scene.stick(), &[]).exits(4).says("trust.json cannot be used").says(kept).says("--replace");
    // The releases tell what must not be gone back behind.
    let first = Roots::first(&scene.key);
    import(&scene, &scene.stick(), &["--replace", &first.digest()]).exits(5).says("1 is not above it");
    let forgetful = first.then(&change(&[&new], &[]), &[]).then(&change(&[&key()], &[]), &[]);
    forgetful.save(&scene.stick().join("forgetful"));
    let refused = import(&scene, &scene.stick().join("forgetful"), &["--replace", &forgetful.digest(), "--json"]);
    assert_eq!(refused.exits(5).json()["error"]["code"], "forgets_revocations");
    assert_eq!(std::fs::read(&pinned).unwrap(), b"{");

    let kept = scene.root().join(kept);
    let report = import(&scene, &kept, &["--replace", &roots.digest(), "--json"]).ok().json();
    assert_eq!((&report["changed"], &report["from"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(scene.read(PINNED), roots.newest().to_json());
}

#[test]
fn damaged_roots_do_not_prevent_importing_another_by_its_digest() {
    let (scene, _) = Scene::installed();
    let roots = Roots::first(&scene.key).then(&change(&[&key()], &[]), &[]);
    roots.save(&scene.stick());
    std::fs::write(scene.stick().join("1.root.json"), [0xff; 9]).unwrap();
    std::fs::write(scene.stick().join("9.root.json"), vec![b' '; 1 << 20]).unwrap();
    let other = Roots::first(&key()).digest();
    import(&scene, &scene.stick(), &["--replace", &other]).exits(3).says("9.root.json").says("larger than");
    import(&scene, &scene.stick(), &["--replace", &roots.digest()]).ok().says("version 2");
}

#[test]
fn a_hint_is_not_repeated_after_it_was_followed() {
    let (scene, _) = Scene::installed();
    let unsigned = Roots::first(&scene.key).then(&change(&[&key()], &[]), &[]);
    unsigned.save(&scene.stick().join("unsigned"));
    Roots::first(&key()).save(&scene.stick().join("anew"));
    unsigned.then(&change(&[&key()], &[]), &[]).save(&scene.stick().join("gap"));
    std::fs::remove_file(scene.stick().join("gap/2.root.json")).unwrap();
    for name in ["unsigned", "anew", "gap"] {
        let refused = import(&scene, &scene.stick().join(name), &["--json"]).exits(4).json();
        let hint = refused["error"]["hint"].as_str().unwrap().to_owned();
        assert!(hint.contains("began anew") && hint.contains("--replace DIGEST"), "{name}: {hint}");
    }
}

#[test]
fn an_import_is_refused_during_another_operation_and_settles_an_interrupted_one() {
    let (scene, _) = Scene::installed();
    let roots = Roots::first(&scene.key).then(&change(&[&key()], &[]), &[&scene.key]);
    roots.save(&scene.stick());
    let lock = std::fs::File::open(scene.root().join("var/lib/landfall/state/lock")).unwrap();
    lock.lock().unwrap();
    import(&scene, &scene.stick(), &[]).exits(8).says("another operation is in progress");
    // Not by closing it: a process that another test starts just now has the file, too, until it runs its program.
    lock.unlock().unwrap();
    let record: serde_json::Value = serde_json::from_str(&scene.read("var/lib/landfall/state/installed.json")).unwrap();
    let uninstall = serde_json::json!({"purge": false, "units": [], "tags": [], "created": []});
    let journal = serde_json::json!({"schema": 4, "host": record["host"], "operation": {"uninstall": uninstall}});
    std::fs::write(scene.root().join("var/lib/landfall/state/journal.json"), journal.to_string()).unwrap();
    import(&scene, &scene.stick(), &[]).ok().says("the interrupted uninstall was finished; going on").says("version 2");
    assert_eq!(scene.read(PINNED), roots.newest().to_json());
    scene.run(&["status"]).ok().says("nothing is installed");
}

#[test]
fn a_bare_host_pins_a_root_by_its_digest() {
    let scene = Scene::new();
    let roots = leak(&scene.key, &key());
    roots.save(&scene.stick());
    scene.run(&["trust", "show"]).ok().says("trusts no key yet");
    import(&scene, &scene.stick(), &[]).exits(4).says("--replace");
    assert_eq!(scene.tree(), "");
    import(&scene, &scene.stick(), &["--replace", &roots.digest()]).ok().says("version 3");
    assert_eq!(scene.read(PINNED), roots.newest().to_json());
    let report = scene.run(&["trust", "show", "--json"]).ok().json();
    assert_eq!((&report["root"]["version"], &report["root"]["digest"]), (&3.into(), &roots.digest().into()));
    assert_eq!(report["root"]["revoked"][0], scene.key.id().to_string());
    scene.install(&bundle(&scene, "1.0.0", 1, &scene.key, &[])).exits(4).says("revoked");
}
