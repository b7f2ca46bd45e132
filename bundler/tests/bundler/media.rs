//! Media: what is written to one, and what is refused so that nothing is.

use crate::desk::{BUNDLER, Desk, PROGRAM, sha256sum};
use std::fs;
use std::path::Path;

const BUNDLE: &str = "acme-1.0.0-linux-amd64.landfall.tar";

/// A desk with a bundle of some 3 MB called `b.tar`, and an empty folder `stick`.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.rootfs("root");
    desk.define("[[image]]\nname = \"hello\"\nsource = \"rootfs:root\"\nentrypoint = [\"/hello\"]\n");
    desk.build("b.tar");
    fs::create_dir(desk.path("stick")).unwrap();
    desk
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
    let desk = desk();
    let said: serde_json::Value = serde_json::from_str(&desk.ok(&media(&["--trust", "k.pub", "--json"]))).unwrap();
    let stick = desk.path("stick");
    assert_eq!(names(&stick), ["README.txt", BUNDLE, "landfall-installer"]);
    assert_eq!(fs::read(stick.join(BUNDLE)).unwrap(), fs::read(desk.path("b.tar")).unwrap());
    assert_eq!(fs::read(stick.join("landfall-installer")).unwrap(), fs::read(PROGRAM).unwrap());
    for file in said["files"].as_array().unwrap() {
        let path = stick.join(file["name"].as_str().unwrap());
        assert_eq!(file["digest"], format!("sha256:{}", sha256sum(&path)), "{file}");
        assert_eq!(file["size"], fs::metadata(&path).unwrap().len(), "{file}");
    }
    let guide = fs::read_to_string(stick.join("README.txt")).unwrap();
    let line = fs::read_to_string(desk.path("k.pub")).unwrap().lines().nth(1).unwrap().to_owned();
    let manifest = said["manifest"].as_str().unwrap();
    for expected in [manifest, &line, BUNDLE, said["files"][0]["digest"].as_str().unwrap()] {
        assert!(guide.contains(expected), "{expected} is not in\n{guide}");
    }
    assert_eq!((&said["verified"], &said["keys"][0]), (&true.into(), &line.into()));

    desk.ok(&media(&[]));
    assert_eq!(names(&stick), ["README.txt", BUNDLE, "landfall-installer"], "the same again replaces it");
}

#[test]
fn parts_are_the_bundle_cut_into_pieces() {
    let desk = desk();
    let said: serde_json::Value = serde_json::from_str(&desk.ok(&media(&["--split", "1MB", "--json"]))).unwrap();
    let stick = desk.path("stick");
    let parts: Vec<String> = names(&stick).into_iter().filter(|name| name.contains(".part")).collect();
    assert_eq!((said["parts"].as_u64(), said["verified"].as_bool()), (Some(parts.len() as u64), Some(false)));
    assert!(parts.len() > 2 && parts[0] == format!("{BUNDLE}.part001"), "{parts:?}");
    let joined: Vec<u8> = parts.iter().flat_map(|part| fs::read(stick.join(part)).unwrap()).collect();
    assert!(joined == fs::read(desk.path("b.tar")).unwrap(), "the parts joined are another file");
    let sizes: Vec<u64> = parts.iter().map(|part| fs::metadata(stick.join(part)).unwrap().len()).collect();
    assert!(sizes[..sizes.len() - 1].iter().all(|size| *size == 1_000_000), "{sizes:?}");

    let error = desk.refused(2, &media(&[]));
    assert_eq!(error["code"], "exists");
    assert!(error["message"].as_str().unwrap().contains("part001"), "{error}");
}

#[test]
fn what_must_not_be_replaced_stays() {
    let desk = desk();
    desk.write("stick/README.txt", "my notes\n");
    let error = desk.refused(2, &media(&[]));
    assert!(error["message"].as_str().unwrap().contains("README.txt"), "{error}");
    assert_eq!(names(&desk.path("stick")), ["README.txt"]);
    assert_eq!(fs::read_to_string(desk.path("stick/README.txt")).unwrap(), "my notes\n");
}

#[test]
fn a_damaged_bundle_is_not_spread() {
    let desk = desk();
    let whole = fs::read(desk.path("b.tar")).unwrap();
    let middle = whole.len() / 2;
    let mut flipped = whole.clone();
    flipped[middle] ^= 1;
    let longer = [&whole, &[0][..]].concat();
    for (says, bytes) in [("damaged", &flipped[..]), ("ends", &whole[..middle]), ("goes on", &longer)] {
        desk.write("b.tar", bytes);
        for more in [&["--split", "1MB"][..], &[]] {
            let error = desk.refused(3, &media(more));
            assert!(error["message"].as_str().unwrap().contains(says), "{says}: {error}");
            assert_eq!(names(&desk.path("stick")), [""; 0], "{says}");
        }
    }
}

#[test]
fn what_is_wrong_is_refused_before_a_byte_is_written() {
    let desk = desk();
    desk.ok(&["keygen", "--out", "other"]);
    desk.write("script", "#!/bin/sh\n");
    for (exit, code, args) in [
        (4, "untrusted", media(&["--trust", "other.pub"])),
        (2, "missing_file", ["media", "b.tar", "stick", "--installer", "none"].to_vec()),
        (2, "missing_file", ["media", "none.tar", "stick", "--installer", PROGRAM].to_vec()),
        (2, "wrong_arch", ["media", "b.tar", "stick", "--installer", "script"].to_vec()),
        (2, "no_folder", ["media", "b.tar", "none", "--installer", PROGRAM].to_vec()),
        (2, "no_folder", ["media", "b.tar", "script", "--installer", PROGRAM].to_vec()),
        (2, "split", media(&["--split", "1000"])),
    ] {
        let error = desk.refused(exit, &args);
        assert_eq!(error["code"], code, "{args:?}: {error}");
        assert!(error["hint"].is_string(), "{args:?}: {error}");
        assert_eq!(names(&desk.path("stick")), [""; 0], "{args:?}");
    }
}

/// Whatever else lies there: nothing is written, and nothing stops half-way.
#[test]
fn only_what_is_written_again_is_replaced() {
    type Lay = fn(&Path);
    let desk = desk();
    let stick = desk.path("stick");
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
        let error = desk.refused(2, &media(&[]));
        assert_eq!(error["code"], "exists", "{name}: {error}");
        assert!(error["message"].as_str().unwrap().contains(name), "{error}");
        assert_eq!(names(&stick), [name]);
        let after = fs::symlink_metadata(&path).unwrap();
        assert_eq!((before.file_type(), before.len()), (after.file_type(), after.len()));
        if before.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) }.unwrap();
    }
    desk.write(&format!("stick/{BUNDLE}.part002"), "a letter\n");
    assert_eq!(desk.refused(2, &media(&["--split", "1MB"]))["code"], "exists");
    assert_eq!(names(&stick), [format!("{BUNDLE}.part002")]);
}

/// Anna and Ben; two of two sign, then Cleo comes, and one is enough.
fn with_roots(desk: &Desk) {
    for person in ["ben", "cleo"] {
        desk.ok(&["keygen", "--out", person]);
    }
    desk.ok(&["trust", "init", "--key", "k.pub", "ben.pub", "--threshold", "2"]);
    let definition = fs::read_to_string(desk.path("acme.toml")).unwrap();
    desk.write("acme.toml", definition.replace("serial = 1\n", "serial = 1\ntrust = \"trust\"\n"));
}

fn go_on(desk: &Desk, change: &[&str]) {
    desk.ok(&[&["trust"], change].concat());
    for key in ["k.key", "ben.key"] {
        desk.ok(&["trust", "sign", "--key", key]);
    }
}

#[test]
fn a_new_host_is_given_the_publishers_root() {
    let desk = desk();
    with_roots(&desk);
    desk.ok(&["build", "acme.toml", "--key", "k.key", "--key", "ben.key", "--out", "b.tar"]);
    desk.ok(&media(&[]));
    let guide = || fs::read_to_string(desk.path("stick/README.txt")).unwrap();
    assert!(guide().contains("--threshold 2") && guide().contains("(a file N.root.json) is better"), "{}", guide());
    desk.ok(&media(&["--root", "trust/1.root.json"]));
    assert!(guide().contains("--trust ./1.root.json"), "{}", guide());
    let one = sha256sum(&desk.path("trust/1.root.json"));
    assert_eq!(sha256sum(&desk.path("stick/1.root.json")), one);
    assert!(guide().contains(&format!("sha256:{one}")));
    desk.write("stick/1.root.json", "another publisher's");
    assert_eq!(desk.refused(2, &media(&["--root", "trust/1.root.json"]))["code"], "exists");

    // From the second root on, the bundle brings it itself, byte by byte.
    go_on(&desk, &["add", "--key", "cleo.pub", "--threshold", "1"]);
    desk.ok(&["build", "acme.toml", "--key", "cleo.key", "--out", "b.tar"]);
    let said: serde_json::Value = serde_json::from_str(&desk.ok(&media(&["--json"]))).unwrap();
    let two = sha256sum(&desk.path("trust/2.root.json"));
    assert_eq!(said["root"], serde_json::json!({"version": 2, "digest": format!("sha256:{two}")}));
    assert_eq!(sha256sum(&desk.path("stick/2.root.json")), two);
    assert!(guide().contains("--trust ./2.root.json") && guide().contains("1 of 3 keys"), "{}", guide());
}

#[test]
fn nothing_is_carried_that_the_guides_own_command_would_refuse() {
    let desk = desk();
    with_roots(&desk);
    go_on(&desk, &["add", "--key", "cleo.pub"]);
    desk.ok(&["trust", "init", "--key", "cleo.pub", "--dir", "other"]);
    desk.ok(&["build", "acme.toml", "--key", "k.key", "--out", "b.tar", "--quiet"]);
    let error = desk.refused(4, &media(&[]));
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("version 2 of the trust root refuse the bundle") && message.contains("2 are needed"),
        "{error}"
    );
    desk.ok(&["sign", "b.tar", "--key", "ben.key"]);
    for (exit, root) in [(4, "other/1.root.json"), (2, "k.pub"), (2, "none.root.json")] {
        desk.refused(exit, &media(&["--root", root]));
        assert_eq!(names(&desk.path("stick")), [""; 0], "{root}");
    }
    desk.ok(&media(&["--root", "trust/1.root.json"]));
    desk.ok(&["verify", "b.tar", "--trust", "trust/1.root.json"]);
    desk.ok(&["verify", "b.tar", "--trust", "trust/2.root.json"]);
    assert_eq!(desk.refused(4, &["verify", "b.tar", "--trust", "other/1.root.json"])["code"], "trust_chain");
    // What is given may be a pipe, which is there to be read once.
    for file in ["k.pub", "trust/1.root.json"] {
        desk.tool("bash", &["-c", &format!("{BUNDLER} verify b.tar --trust <(cat {file})")]);
    }
    let alone = ["verify", "b.tar", "--trust", "trust/1.root.json", "--trust", "k.pub"];
    assert_eq!(desk.refused(2, &alone)["code"], "trust");
    assert_eq!(
        desk.refused(2, &["verify", "b.tar", "--trust", "trust/1.root.json", "--threshold", "1"])["code"],
        "trust"
    );
}
