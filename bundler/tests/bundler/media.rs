//! Media: what is written to one, and what is refused so that nothing is.

use crate::desk::{Desk, PROGRAM, sha256sum};
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
