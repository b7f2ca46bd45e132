//! Bundles that are cut into parts.

use crate::fixture::{Parts, Scene};
use crate::split_bundle::{Files, NAME, entry_of, install, installed, opened, size_for, split, with_key, write_parts};
use crate::terminal::Terminal;
use std::path::Path;

/// Installing what `words` name is refused, `says` why, and leaves the host as it was.
#[track_caller]
fn refused(scene: &Scene, words: &[&str], exit: i32, says: &[&str]) {
    let before = scene.tree();
    let mut outcome = install(scene, &[words, &["--json"]].concat()).exits(exit);
    for text in says {
        outcome = outcome.says(text);
    }
    assert!(outcome.json()["error"]["hint"].as_str().is_some_and(|hint| !hint.is_empty()));
    assert_eq!(scene.tree(), before, "refused, and yet the host is changed");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn parts_install_like_the_whole_bundle_from_one_folder_or_three() {
    let scene = Scene::new();
    let bytes = Parts::new("1.0.0", 1).pack(&scene.key);
    let whole = scene.put("whole.tar", &bytes);
    let expected = installed(&scene, &[text(&whole)]);
    for count in [1, 2, 3, 30] {
        let folder = write_parts(&scene, &format!("{count}"), &split(&bytes, size_for(&bytes, count)));
        let any = folder.join(format!("{NAME}.part001"));
        for file in [folder.join(NAME), any] {
            with_key(&scene, "verify", &[text(&file)]).ok().says("good.tar: verified").says("all of it checked");
            assert_eq!(installed(&scene, &[text(&file)]), expected, "{count} parts");
        }
    }
    let parts = split(&bytes, size_for(&bytes, 3));
    let folders: Vec<_> = ["a", "b", "c"]
        .iter()
        .zip(&parts)
        .map(|(folder, part)| write_parts(&scene, folder, std::slice::from_ref(part)))
        .collect();
    let last = folders[2].join(format!("{NAME}.part003"));
    let words = [text(&last), "--parts", text(&folders[0]), "--parts", text(&folders[1])];
    with_key(&scene, "verify", &words).ok();
    with_key(&scene, "plan", &words).ok();
    assert_eq!(installed(&scene, &words), expected);
    for (folder, (name, bytes)) in folders.iter().zip(&parts) {
        assert_eq!(&std::fs::read(folder.join(name)).unwrap(), bytes, "parts stay as they are");
    }
}

#[test]
fn parts_of_any_sizes_that_add_up_are_accepted() {
    let scene = Scene::new();
    let bytes = Parts::new("1.0.0", 1).pack(&scene.key);
    let mut parts = split(&bytes, size_for(&bytes, 3));
    let moved = parts[1].1.split_off(700);
    parts[2].1.splice(0..0, moved);
    let folder = write_parts(&scene, "uneven", &parts);
    install(&scene, &[text(&folder.join(NAME))]).ok();
}

#[test]
fn parts_that_are_missing_short_long_stray_swapped_or_of_another_build_are_refused() {
    let scene = Scene::new();
    let bytes = Parts::new("1.0.0", 1).pack(&scene.key);
    let size = size_for(&bytes, 4);
    let good = split(&bytes, size);
    let changed = |name: &str, change: &dyn Fn(&mut Files)| {
        let mut parts = good.clone();
        change(&mut parts);
        write_parts(&scene, name, &parts).join(format!("{NAME}.part001"))
    };
    let file = changed("missing", &|parts| drop(parts.remove(2)));
    refused(&scene, &[text(&file)], 3, &["good.tar.part003 is missing", "/missing", "missing_part"]);
    let elsewhere = write_parts(&scene, "elsewhere", &[]);
    refused(&scene, &[text(&file), "--parts", text(&elsewhere)], 3, &["good.tar.part003 is missing", "/elsewhere"]);
    let file = changed("last", &|parts| drop(parts.pop()));
    refused(&scene, &[text(&file)], 3, &["good.tar.part004 is missing"]);
    let file = changed("first", &|parts| drop(parts.remove(0)));
    refused(&scene, &[text(&file)], 3, &["good.tar.part001 is missing"]);
    let file = changed("short", &|parts| parts[1].1.truncate(size - 1));
    refused(&scene, &[text(&file)], 3, &["short/good.tar.part002", "the bundle is cut off there"]);
    let file = changed("cut-off", &|parts| assert!(parts[3].1.pop().is_some()));
    refused(&scene, &[text(&file)], 3, &["cut-off/good.tar.part004", ": the bundle is cut off there"]);
    let file = changed("long", &|parts| parts[3].1.push(0));
    refused(&scene, &[text(&file)], 3, &["long/good.tar.part004", "and should have"]);
    let file = changed("empty", &|parts| parts.iter_mut().for_each(|part| part.1.clear()));
    refused(&scene, &[text(&file)], 3, &["is empty"]);
    let file = changed("stray", &|parts| parts.push((format!("{NAME}.part005"), b"more".to_vec())));
    refused(&scene, &[text(&file)], 3, &["good.tar.part005 is there, but good.tar.part004 is the last part"]);
    let file = changed("swapped", &|parts| {
        let other = std::mem::take(&mut parts[1].1);
        let other = std::mem::replace(&mut parts[2].1, other);
        parts[1].1 = other;
    });
    refused(&scene, &[text(&file)], 3, &["swapped/good.tar.part002"]);
    let mut other = Parts::new("1.0.0", 1);
    other.file("docs/deep/manual.txt", "0640", &b"other ".repeat(100_000));
    let other = split(&other.pack(&scene.key), size);
    let file = changed("mixed", &|parts| parts[2].1.clone_from(&other[2].1));
    refused(&scene, &[text(&file)], 3, &["mixed/good.tar.part003"]);
    let file = changed("none", &|_| {}).with_file_name("other.tar");
    refused(&scene, &[text(&file)], 2, &["cannot open"]);
    refused(&scene, &[text(&file), "--parts", text(&scene.stick().join("acme.pub"))], 2, &["is not a folder"]);
}

#[test]
fn a_part_that_is_not_a_regular_file_is_refused() {
    let scene = Scene::new();
    let bytes = Parts::new("1.0.0", 1).pack(&scene.key);
    // The first one is the file that was named.
    for (number, exit, says) in
        [(1, 2, "is not a regular file"), (2, 3, "is a part of a bundle, but not a regular file")]
    {
        let folder = write_parts(&scene, &format!("pipe{number}"), &split(&bytes, size_for(&bytes, 3)));
        let pipe = folder.join(format!("{NAME}.part00{number}"));
        std::fs::remove_file(&pipe).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        refused(&scene, &[text(&folder.join(format!("{NAME}.part001")))], exit, &[says]);
    }
    let folder = write_parts(&scene, "links", &[]);
    for (name, _) in split(&bytes, size_for(&bytes, 3)) {
        std::os::unix::fs::symlink(scene.stick().join("pipe1").join(&name), folder.join(&name)).unwrap();
    }
    std::fs::remove_file(scene.stick().join("pipe1").join(format!("{NAME}.part001"))).unwrap();
    std::fs::write(scene.stick().join("pipe1").join(format!("{NAME}.part001")), &bytes[..size_for(&bytes, 3)]).unwrap();
    install(&scene, &[text(&folder.join(NAME))]).ok();
}

#[test]
fn the_installer_asks_for_each_disc_and_releases_the_one_before() {
    let scene = Scene::new();
    let bytes = Parts::new("1.0.0", 1).pack(&scene.key);
    let parts = split(&bytes, size_for(&bytes, 3));
    let drive = write_parts(&scene, "drive", &parts[..1]);
    // The settings are wanted before the pass: they are on one of the discs.
    let settings = entry_of(&opened(&bytes, &scene.key), "config.toml").offset;
    let on = usize::try_from(settings).unwrap() / size_for(&bytes, 3);
    let order = if on == 0 { vec![1, 2] } else { vec![on, 0, 1, 2] };
    let key = scene.key.public_key().to_line();
    let file = drive.join(format!("{NAME}.part001"));
    let mut terminal = Terminal::start(&scene, &["install", text(&file), "--trust", &key, "--yes"]);
    let mut inserted = 0;
    for wanted in order.into_iter().filter(|wanted| *wanted != 0 || on != 0) {
        if wanted == inserted {
            continue;
        }
        let (name, bytes) = &parts[wanted];
        terminal.until(&format!("insert the medium with {name} (looked in {})", drive.display()));
        assert_eq!(terminal.open_below(&drive), Vec::<String>::new(), "a disc that is in use cannot be taken out");
        // The wrong one first: it is asked for again.
        terminal.types("\n");
        terminal.until(&format!("insert the medium with {name}"));
        std::fs::remove_file(drive.join(&parts[inserted].0)).unwrap();
        std::fs::write(drive.join(name), bytes).unwrap();
        terminal.types("\n");
        inserted = wanted;
    }
    terminal.ends(0);
    scene.run(&["status"]).ok().says("1.0.0 (serial 1)");
}

#[test]
fn ctrl_c_at_the_question_for_a_disc_undoes_the_installation() {
    let scene = Scene::new();
    let bytes = Parts::new("1.0.0", 1).pack(&scene.key);
    // The second part is the end alone: everything that is read before the installation begins is in the first.
    let drive = write_parts(&scene, "drive", &split(&bytes, bytes.len() - 1024)[..1]);
    let key = scene.key.public_key().to_line();
    let file = drive.join(format!("{NAME}.part001"));
    let mut terminal = Terminal::start(&scene, &["install", text(&file), "--trust", &key, "--yes"]);
    terminal.until("insert the medium with good.tar.part002");
    terminal.interrupt();
    terminal.until("interrupted by a signal");
    terminal.ends(1);
    assert_eq!(scene.tree(), "", "nothing was left behind");
}

#[test]
fn without_the_disc_the_missing_part_is_named() {
    let scene = Scene::new();
    let bytes = Parts::new("1.0.0", 1).pack(&scene.key);
    let drive = write_parts(&scene, "drive", &split(&bytes, size_for(&bytes, 2))[..1]);
    let key = scene.key.public_key().to_line();
    let file = drive.join(format!("{NAME}.part001"));
    let mut terminal = Terminal::start(&scene, &["verify", text(&file), "--trust", &key]);
    terminal.until("insert the medium with good.tar.part002");
    terminal.types("\u{4}");
    terminal.until("good.tar.part002 is missing");
    terminal.ends(3);
    let mut terminal = Terminal::start(&scene, &["install", text(&file), "--trust", &key, "--yes"]);
    terminal.until("insert the medium with good.tar.part002");
    terminal.types("\u{4}");
    terminal.ends(3);
    assert_eq!(scene.tree(), "", "nothing was left behind");
}
