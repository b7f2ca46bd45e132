//! `index`: what a folder of bundles has, for hosts that look there.

use crate::workspace::Workspace;
use landfall_manifests::{Digest, Head, INDEX_NAME, SignedIndex};
use std::fs;

/// Two releases in `mirror`, the second in parts, beside what is none.
fn mirror() -> Workspace {
    let workspace = Workspace::new();
    fs::create_dir(workspace.path("mirror")).unwrap();
    for (version, serial) in [("1.0.0", 1), ("1.1.0", 2)] {
        workspace.define_as(version, "[[file]]\nsource = \"k.pub\"\npath = \"docs/key\"\n");
        let text = fs::read_to_string(workspace.path("acme.toml")).unwrap();
        workspace.write("acme.toml", text.replace("serial = 1", &format!("serial = {serial}")));
        let build = ["build", "acme.toml", "--key", "k.key", "--out", "mirror"];
        workspace.ok(&[&build[..], if serial == 2 { &["--split", "50kB"] } else { &[] }].concat());
    }
    workspace.write("mirror/notes.txt", "");
    workspace
}

#[test]
fn a_folder_is_indexed_and_signed_by_one_person_after_the_other() {
    let workspace = mirror();
    workspace.ok(&["keygen", "--out", "second"]);
    let report = workspace.json(&["index", "mirror", "--key", "k.key"]);
    let bundles = report["bundles"].as_array().unwrap();
    let arch = report["bundles"][0]["arch"].as_str().unwrap();
    let named: Vec<(&str, u64)> =
        bundles.iter().map(|it| (it["file"].as_str().unwrap(), it["serial"].as_u64().unwrap())).collect();
    let [first, second] = ["1.0.0", "1.1.0"].map(|version| format!("acme-{version}-linux-{arch}.landfall.tar"));
    assert_eq!(named, [(first.as_str(), 1), (second.as_str(), 2)]);
    assert_eq!(
        bundles[0]["size"].as_u64().unwrap(),
        fs::metadata(workspace.path("mirror").join(&first)).unwrap().len()
    );
    let head = Head::read(&mut fs::File::open(workspace.path("mirror").join(&first)).unwrap()).unwrap();
    assert_eq!(bundles[0]["manifest"], Digest::of(head.manifest()).to_string());

    let report = workspace.json(&["index", "mirror", "--key", "second.key"]);
    assert_eq!(report["signers"].as_array().unwrap().len(), 2, "{report}");
    let index = workspace.path("mirror").join(INDEX_NAME);
    let both = fs::read(&index).unwrap();
    assert_eq!(SignedIndex::parse(&both).unwrap().signatures().unwrap().len(), 2);
    // Whoever signed before has not seen what came since.
    fs::remove_file(workspace.path("mirror").join(&first)).unwrap();
    let report = workspace.json(&["index", "mirror", "--key", "second.key"]);
    assert_eq!((report["signers"].as_array().unwrap().len(), report["bundles"].as_array().unwrap().len()), (1, 1));
}

#[test]
fn what_is_no_folder_of_one_products_bundles_is_not_indexed() {
    let workspace = mirror();
    let index = |exit: i32, code: &str, folder: &str| {
        let error = workspace.refused(exit, &["index", folder, "--key", "k.key"]);
        assert_eq!(error["code"], code, "{error}");
    };
    index(2, "no_folder", "nowhere");
    fs::create_dir(workspace.path("empty")).unwrap();
    index(2, "no_bundle", "empty");
    assert_eq!(fs::read_dir(workspace.path("empty")).unwrap().count(), 0);
    workspace.write("mirror/landfall-index.json", "mine");
    index(2, "exists", "mirror");
    fs::remove_file(workspace.path("mirror/landfall-index.json")).unwrap();
    workspace.write("mirror/other.landfall.tar", "no bundle");
    index(3, "damaged", "mirror");
    fs::remove_file(workspace.path("mirror/other.landfall.tar")).unwrap();
    let text = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    workspace.write("acme.toml", text.replace("acme", "other"));
    workspace.ok(&["build", "acme.toml", "--key", "k.key", "--out", "mirror/other.landfall.tar"]);
    index(2, "product", "mirror");
    assert!(!workspace.path("mirror/landfall-index.json").exists());
}
