//! Media: what is written to one, and what is refused so that nothing is.

use crate::workspace::{BUNDLER, PROGRAM, Workspace, sha256sum};
use std::fs;
use std::path::Path;

const BUNDLE: &str = "acme-1.0.0-linux-amd64.landfall.tar";

/// A workspace with a bundle of some 3 MB called `b.tar`, and an empty folder `stick`.
fn with_bundle() -> Workspace {
    let workspace = Workspace::new();
    workspace.rootfs("root");
    workspace.define("[[image]]\nname = \"hello\"\nsource = \"rootfs:root\"\nentrypoint = [\"/hello\"]\n");
    workspace.build("b.tar");
    fs::create_dir(workspace.path("stick")).unwrap();
    workspace
}

/// `media` to the folder `stick`, with `more`.
fn media<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["media", "b.tar", "stick", "--installer", PROGRAM], more].concat()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_medium_holds_the_bundle_the_installer_and_a_guide() {
    let workspace = with_bundle();
    let report: serde_json::Value =
        serde_json::from_str(&workspace.ok(&media(&["--trust", "k.pub", "--json"]))).unwrap();
    let stick = workspace.path("stick");
    assert_eq!(names(&stick), ["README.txt", BUNDLE, "landfall-installer"]);
    assert_eq!(fs::read(stick.join(BUNDLE)).unwrap(), fs::read(workspace.path("b.tar")).unwrap());
    assert_eq!(fs::read(stick.join("landfall-installer")).unwrap(), fs::read(PROGRAM).unwrap());
    for file in report["files"].as_array().unwrap() {
        let path = stick.join(file["name"].as_str().unwrap());
        assert_eq!(file["digest"], format!("sha256:{}", sha256sum(&path)), "{file}");
        assert_eq!(file["size"], fs::metadata(&path).unwrap().len(), "{file}");
    }
    let guide = fs::read_to_string(stick.join("README.txt")).unwrap();
    let line = fs::read_to_string(workspace.path("k.pub")).unwrap().lines().nth(1).unwrap().to_owned();
    let manifest = report["manifest"].as_str().unwrap();
    for expected in [manifest, &line, BUNDLE, report["files"][0]["digest"].as_str().unwrap()] {
        assert!(guide.contains(expected), "{expected} is not in\n{guide}");
    }
    assert_eq!((&report["verified"], &report["keys"][0]), (&true.into(), &line.into()));

    workspace.ok(&media(&[]));
    assert_eq!(names(&stick), ["README.txt", BUNDLE, "landfall-installer"], "the same again replaces it");
}

#[test]
fn parts_are_the_bundle_cut_into_pieces() {
    let workspace = with_bundle();
    let report: serde_json::Value = serde_json::from_str(&workspace.ok(&media(&["--split", "1MB", "--json"]))).unwrap();
    let stick = workspace.path("stick");
    let parts: Vec<String> = names(&stick).into_iter().filter(|name| name.contains(".part")).collect();
    assert_eq!((report["parts"].as_u64(), report["verified"].as_bool()), (Some(parts.len() as u64), Some(false)));
    assert!(parts.len() > 2 && parts[0] == format!("{BUNDLE}.part001"), "{parts:?}");
    let joined: Vec<u8> = parts.iter().flat_map(|part| fs::read(stick.join(part)).unwrap()).collect();
    assert!(joined == fs::read(workspace.path("b.tar")).unwrap(), "the parts joined are another file");
    let sizes: Vec<u64> = parts.iter().map(|part| fs::metadata(stick.join(part)).unwrap().len()).collect();
    assert!(sizes[..sizes.len() - 1].iter().all(|size| *size == 1_000_000), "{sizes:?}");

    let error = workspace.refused(2, &media(&[]));
    assert_eq!(error["code"], "exists");
    assert!(error["message"].as_str().unwrap().contains("part001"), "{error}");
}

#[test]
fn what_must_not_be_replaced_stays() {
    let workspace = with_bundle();
    workspace.write("stick/README.txt", "my notes\n");
    let error = workspace.refused(2, &media(&[]));
    assert!(error["message"].as_str().unwrap().contains("README.txt"), "{error}");
    assert_eq!(names(&workspace.path("stick")), ["README.txt"]);
    assert_eq!(fs::read_to_string(workspace.path("stick/README.txt")).unwrap(), "my notes\n");
}

#[test]
fn a_damaged_bundle_is_not_spread() {
    let workspace = with_bundle();
    let whole = fs::read(workspace.path("b.tar")).unwrap();
    let middle = whole.len() / 2;
    let mut flipped = whole.clone();
    flipped[middle] ^= 1;
    let longer = [&whole, &[0][..]].concat();
    for (says, bytes) in [("damaged", &flipped[..]), ("cut off", &whole[..middle]), ("goes on", &longer)] {
        workspace.write("b.tar", bytes);
        for more in [&["--split", "1MB"][..], &[]] {
            let error = workspace.refused(3, &media(more));
            assert!(error["message"].as_str().unwrap().contains(says), "{says}: {error}");
            assert_eq!(names(&workspace.path("stick")), [""; 0], "{says}");
        }
    }
}

#[test]
fn what_is_wrong_is_refused_before_a_byte_is_written() {
    let workspace = with_bundle();
    workspace.ok(&["keygen", "--out", "other"]);
    workspace.write("script", "#!/bin/sh\n");
    for (exit, code, args) in [
        (4, "untrusted", media(&["--trust", "other.pub"])),
        (2, "missing_file", ["media", "b.tar", "stick", "--installer", "none"].to_vec()),
        (2, "missing_file", ["media", "none.tar", "stick", "--installer", PROGRAM].to_vec()),
        (2, "wrong_arch", ["media", "b.tar", "stick", "--installer", "script"].to_vec()),
        (2, "no_folder", ["media", "b.tar", "none", "--installer", PROGRAM].to_vec()),
        (2, "no_folder", ["media", "b.tar", "script", "--installer", PROGRAM].to_vec()),
        (2, "split", media(&["--split", "1000"])),
    ] {
        let error = workspace.refused(exit, &args);
        assert_eq!(error["code"], code, "{args:?}: {error}");
        assert!(error["hint"].is_string(), "{args:?}: {error}");
        assert_eq!(names(&workspace.path("stick")), [""; 0], "{args:?}");
    }
}

/// Whatever else lies there: nothing is written, and nothing stops half-way.
#[test]
fn only_what_is_written_again_is_replaced() {
    type Lay = fn(&Path);
    let workspace = with_bundle();
    let stick = workspace.path("stick");
    let foreign: [(&str, Lay); 6] = [
        (BUNDLE, |path| fs::write(path, "a letter\n").unwrap()),
        (BUNDLE, |path| fs::create_dir(path).unwrap()),
        ("landfall-installer", |path| fs::write(path, "#!/bin/sh\n").unwrap()),
        ("landfall-installer", |path| fs::create_dir(path).unwrap()),
        ("landfall-installer", |path| std::os::unix::fs::symlink(PROGRAM, path).unwrap()),
        ("README.txt", |path| fs::create_dir(path).unwrap()),
    ];
    for (name, lay) in foreign {
        let path = stick.join(name);
        lay(&path);
        let before = fs::symlink_metadata(&path).unwrap();
        let error = workspace.refused(2, &media(&[]));
        assert_eq!(error["code"], "exists", "{name}: {error}");
        assert!(error["message"].as_str().unwrap().contains(name), "{error}");
        assert_eq!(names(&stick), [name]);
        let after = fs::symlink_metadata(&path).unwrap();
        assert_eq!((before.file_type(), before.len()), (after.file_type(), after.len()));
        if before.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) }.unwrap();
    }
    workspace.write(&format!("stick/{BUNDLE}.part002"), "a letter\n");
    assert_eq!(workspace.refused(2, &media(&["--split", "1MB"]))["code"], "exists");
    assert_eq!(names(&stick), [format!("{BUNDLE}.part002")]);
}

/// Anna and Ben; two of two sign, then Cleo comes, and one is enough.
fn with_roots(workspace: &Workspace) {
    for person in ["ben", "cleo"] {
        workspace.ok(&["keygen", "--out", person]);
    }
    workspace.ok(&["trust", "init", "--key", "k.pub", "ben.pub", "--threshold", "2"]);
    let definition = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    workspace.write("acme.toml", definition.replace("serial = 1\n", "serial = 1\ntrust = \"trust\"\n"));
}

fn go_on(workspace: &Workspace, change: &[&str]) {
    workspace.ok(&[&["trust"], change].concat());
    for key in ["k.key", "ben.key"] {
        workspace.ok(&["trust", "sign", "--key", key]);
    }
}

#[test]
fn a_new_host_is_given_the_publishers_root() {
    let workspace = with_bundle();
    with_roots(&workspace);
    workspace.ok(&["build", "acme.toml", "--key", "k.key", "--key", "ben.key", "--out", "b.tar"]);
    let guide = || fs::read_to_string(workspace.path("stick/README.txt")).unwrap();
    let one = sha256sum(&workspace.path("trust/1.root.json"));
    for given in [&[][..], &["--root", "trust/1.root.json"]] {
        workspace.ok(&media(given));
        assert!(guide().contains("--trust ./1.root.json"), "{}", guide());
        assert!(!guide().contains("--trust RW") && !guide().contains("--threshold"), "{}", guide());
        assert_eq!(sha256sum(&workspace.path("stick/1.root.json")), one);
        assert!(guide().contains(&format!("sha256:{one}")));
    }
    workspace.write("stick/1.root.json", "another publisher's");
    assert_eq!(workspace.refused(2, &media(&["--root", "trust/1.root.json"]))["code"], "exists");

    // The bundle brings the newest, byte by byte.
    go_on(&workspace, &["add", "--key", "cleo.pub", "--threshold", "1"]);
    workspace.ok(&["build", "acme.toml", "--key", "cleo.key", "--out", "b.tar"]);
    let report: serde_json::Value = serde_json::from_str(&workspace.ok(&media(&["--json"]))).unwrap();
    let two = sha256sum(&workspace.path("trust/2.root.json"));
    assert_eq!(report["root"], serde_json::json!({"version": 2, "digest": format!("sha256:{two}")}));
    assert_eq!(sha256sum(&workspace.path("stick/2.root.json")), two);
    assert!(guide().contains("--trust ./2.root.json") && guide().contains("1 of 3 keys"), "{}", guide());
}

#[test]
fn nothing_is_carried_that_the_guides_own_command_would_refuse() {
    let workspace = with_bundle();
    with_roots(&workspace);
    go_on(&workspace, &["add", "--key", "cleo.pub"]);
    workspace.ok(&["trust", "init", "--key", "cleo.pub", "--dir", "other"]);
    workspace.ok(&["build", "acme.toml", "--key", "k.key", "--out", "b.tar", "--quiet"]);
    let error = workspace.refused(4, &media(&[]));
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("version 2 of the trust root refuse the bundle") && message.contains("2 are needed"),
        "{error}"
    );
    workspace.ok(&["sign", "b.tar", "--key", "ben.key"]);
    for (exit, root) in [(4, "other/1.root.json"), (2, "k.pub"), (2, "none.root.json")] {
        workspace.refused(exit, &media(&["--root", root]));
        assert_eq!(names(&workspace.path("stick")), [""; 0], "{root}");
    }
    workspace.ok(&media(&["--root", "trust/1.root.json"]));
    workspace.ok(&["verify", "b.tar", "--trust", "trust/1.root.json"]);
    workspace.ok(&["verify", "b.tar", "--trust", "trust/2.root.json"]);
    assert_eq!(workspace.refused(4, &["verify", "b.tar", "--trust", "other/1.root.json"])["code"], "trust_chain");
    // What is given may be a pipe, which is there to be read once.
    for file in ["k.pub", "trust/1.root.json"] {
        workspace.tool("bash", &["-c", &format!("{BUNDLER} verify b.tar --trust <(cat {file})")]);
    }
    let alone = ["verify", "b.tar", "--trust", "trust/1.root.json", "--trust", "k.pub"];
    assert_eq!(workspace.refused(2, &alone)["code"], "trust");
    assert_eq!(
        workspace.refused(2, &["verify", "b.tar", "--trust", "trust/1.root.json", "--threshold", "1"])["code"],
        "trust"
    );
}
