use crate::fixture::{Parts, Scene};
use landfall_keys::SecretKey;
use landfall_manifests::{Arch, Base, Digest};

/// Installing `bytes` is refused with `exit`, `says` why and what next, and leaves the host as it was.
#[track_caller]
fn refused(scene: &Scene, bytes: &[u8], exit: i32, says: &str) {
    let bundle = scene.put("bad.tar", bytes);
    let before = scene.tree();
    let outcome = scene.install_with(&bundle, &["--json"]).exits(exit).says(says);
    let error = &outcome.json()["error"];
    assert_eq!(error["exit"], exit);
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}");
    assert_eq!(scene.tree(), before, "refused, and yet the host is changed");
}

/// A host that has the usual folders, so that every change shows.
fn usual() -> Scene {
    let scene = Scene::new();
    for folder in ["etc/systemd/system", "opt", "usr/local/bin", "var/lib"] {
        std::fs::create_dir_all(scene.root().join(folder)).unwrap();
    }
    scene
}

#[test]
fn damaged_bundles_are_refused_and_the_host_is_as_before() {
    for scene in [usual(), Scene::new()] {
        let good = Parts::new("1.0.0", 1).pack(&scene.key);
        let changed = |place: usize| {
            let mut bytes = good.clone();
            bytes[place] ^= 1;
            bytes
        };
        let last_blob = good.len() - 1024 - 512;
        refused(&scene, &changed(last_blob), 3, "bad.tar");
        refused(&scene, &changed(good.len() - 1), 3, "goes on after its last entry");
        refused(&scene, &changed(0), 3, "not a Landfall bundle");
        refused(&scene, &changed(700), 4, "changed");
        refused(&scene, &good[..good.len() - 1], 3, "is cut off there");
        refused(&scene, &good[..good.len() / 2], 3, "is cut off there");
        refused(&scene, &[&good[..], &[0; 512]].concat(), 3, "goes on");
        refused(&scene, b"", 3, "is cut off there");
    }
}

#[test]
fn a_refusal_keeps_foreign_files_in_our_folders() {
    let scene = usual();
    for folder in ["store/sha256", "state"] {
        std::fs::create_dir_all(scene.root().join("var/lib/landfall").join(folder)).unwrap();
    }
    for file in ["store/notes.txt", "store/sha256/mine.txt"] {
        std::fs::write(scene.root().join("var/lib/landfall").join(file), "somebody's").unwrap();
    }
    let mut bytes = Parts::new("1.0.0", 1).pack(&scene.key);
    let last_blob = bytes.len() - 1024 - 512;
    bytes[last_blob] ^= 1;
    refused(&scene, &bytes, 3, "bad.tar");
    refused(&scene, b"", 3, "is cut off there");
}

#[test]
fn bundles_by_unknown_keys_are_refused() {
    let scene = usual();
    let stranger = SecretKey::generate().unwrap();
    refused(&scene, &Parts::new("1.0.0", 1).pack(&stranger), 4, "not signed by a trusted key");
    let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
    let before = scene.tree();
    scene.run(&["install", bundle.to_str().unwrap()]).exits(4).says("trusts no key yet").says("--trust");
    assert_eq!(scene.tree(), before);
}

#[test]
fn the_command_line_does_not_override_a_pinned_root() {
    let (scene, _) = Scene::installed();
    scene.run(&["uninstall", "--yes"]).ok();
    let stranger = SecretKey::generate().unwrap();
    let bundle = scene.put("strange.tar", &Parts::new("1.0.0", 1).pack(&stranger));
    let key = stranger.public_key().to_line();
    scene.run(&["install", bundle.to_str().unwrap(), "--trust", &key]).exits(4);
}

#[test]
fn releases_for_another_host_are_refused_by_policy() {
    let scene = usual();
    let changed = |change: &dyn Fn(&mut Parts)| {
        let mut parts = Parts::new("1.0.0", 1);
        change(&mut parts);
        parts.pack(&scene.key)
    };
    let other = if Arch::of_this_program() == Some(Arch::Amd64) { Arch::Arm64 } else { Arch::Amd64 };
    let other_arch = changed(&|parts| {
        parts.release.arch = other;
        let platform = parts.release.platform();
        parts.release.images.iter_mut().for_each(|image| image.platform.clone_from(&platform));
    });
    refused(&scene, &other_arch, 5, other.name());
    let base = |omitted| Base {
        manifest: Digest::of(b""),
        version: "0.9.0".parse().unwrap(),
        others: Vec::new(),
        omitted,
        differences: Vec::new(),
    };
    let delta = changed(&|parts| parts.release.base = Some(base(vec![parts.release.files[0].blob])));
    refused(&scene, &delta, 5, "delta");
    let incomplete = changed(&|parts| {
        let unit = parts.release.files.iter_mut().find(|file| file.path.as_str() == "units/landfall.service");
        unit.unwrap().path = "units/renamed.service".parse().unwrap();
    });
    refused(&scene, &incomplete, 5, "units/landfall.service");
}

#[test]
fn install_refuses_to_replace_an_installed_release() {
    let (scene, _) = Scene::installed();
    refused(&scene, &Parts::new("1.1.0", 2).pack(&scene.key), 5, "1.0.0-1 is installed");
    let mut same_name = Parts::new("1.0.0", 1);
    same_name.file("docs/more", "0644", b"more");
    refused(&scene, &same_name.pack(&scene.key), 5, "a serial is used once");
    let mut other = Parts::new("1.0.0", 1);
    other.release.product = "other".parse().unwrap();
    refused(&scene, &other.pack(&scene.key), 5, "one product");
}

#[test]
fn a_bundle_below_the_serial_floor_is_refused() {
    let (scene, bundle) = Scene::installed();
    std::fs::write(scene.root().join("var/lib/landfall/state/serial-floor"), "5\n").unwrap();
    std::fs::remove_file(scene.root().join("var/lib/landfall/state/installed.json")).unwrap();
    let bytes = std::fs::read(bundle).unwrap();
    refused(&scene, &bytes, 5, "below this host's floor of 5");
}

#[test]
fn wrongly_signed_content_is_refused_and_undone() {
    let scene = usual();
    let mut parts = Parts::new("1.0.0", 1);
    let file = parts.release.files.iter_mut().find(|file| file.path.as_str() == "docs/empty").unwrap();
    file.digest = Digest::of(b"something else");
    refused(&scene, &parts.pack(&scene.key), 3, "unfold docs/empty");
}

#[test]
fn unusable_settings_of_a_release_are_reported_as_damage() {
    let scene = usual();
    for wrong in
        [&b"[api\n"[..], b"[tenants]\nmemory = \"lots\"\n", b"[api]\naddress = \"0.0.0.0\"\nport = \"x\"\n", b"\xff"]
    {
        let mut parts = Parts::new("1.0.0", 1);
        parts.file("config.toml", "0644", wrong);
        refused(&scene, &parts.pack(&scene.key), 3, "ask its publisher for another one");
    }
}

#[test]
fn a_file_in_place_of_a_folder_is_named_and_kept() {
    for place in
        ["var/lib/landfall", "var/lib/landfall/state", "var/lib/landfall/store", "opt/landfall", "etc/landfall"]
    {
        let elsewhere = tempfile::tempdir().unwrap();
        for kind in ["file", "dangling", "outside"] {
            let scene = usual();
            let path = scene.root().join(place);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match kind {
                "file" => std::fs::write(&path, "mine").unwrap(),
                "dangling" => std::os::unix::fs::symlink("nowhere", &path).unwrap(),
                _ => std::os::unix::fs::symlink(elsewhere.path(), &path).unwrap(),
            }
            let bytes = Parts::new("1.0.0", 1).pack(&scene.key);
            refused(&scene, &bytes, 6, &format!("{} does not lead to a folder below", path.display()));
            assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "{place} leads out");
        }
    }
}

#[test]
fn a_plan_for_an_unfit_host_is_shown_and_fails() {
    let scene = usual();
    std::fs::write(scene.root().join("opt/landfall"), "mine").unwrap();
    let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
    let key = scene.key.public_key().to_line();
    let words = ["plan", bundle.to_str().unwrap(), "--trust", &key];
    scene.run(&words).exits(6).says("opt/landfall does not lead to").says("acme 1.0.0-1");
    let json = scene.run(&[&words[..], &["--json"]].concat()).exits(6).json();
    assert_eq!(json["error"]["exit"], 6);
}

#[test]
fn foreign_files_under_our_names_are_named_and_kept() {
    let scene = usual();
    std::fs::create_dir_all(scene.root().join("opt/landfall")).unwrap();
    std::fs::write(scene.root().join("opt/landfall/current"), "mine").unwrap();
    std::fs::write(scene.root().join("etc/systemd/system/landfall.service"), "mine").unwrap();
    let bytes = Parts::new("1.0.0", 1).pack(&scene.key);
    refused(&scene, &bytes, 6, "opt/landfall/current exists and belongs to no release");
    refused(&scene, &bytes, 6, "landfall.service exists and belongs to no release");
}

#[test]
fn a_missing_file_or_root_is_a_usage_error() {
    let scene = usual();
    scene.install(&scene.stick().join("missing.tar")).exits(2).says("missing.tar");
    scene.install(&scene.stick()).exits(2).says("is not a regular file");
    scene.run(&["--root", "/does/not/exist", "status"]).exits(2);
    scene.run(&["install"]).exits(2);
}
