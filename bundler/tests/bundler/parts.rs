//! Bundles in parts: written, read where they lie, and missed where they do not.

mod needs_tools;

use crate::bad_images::{descriptor, layout, manifest};
use crate::docker_archive::{config, gzip, hex};
use crate::in_place::{layer_of, noise};
use crate::workspace::{BUNDLER, Workspace, sha256sum};
use landfall_manifests::archive;
use serde_json::Value;
use std::fs;

/// A workspace with the bundle `acme.tar`, some tens of kilobytes.
fn with_bundle() -> (Workspace, Vec<u8>) {
    let workspace = Workspace::new();
    workspace.write("docs/a.txt", "a\n");
    workspace.write("docs/deep/b.txt", "b\n".repeat(4000));
    workspace.define("[[file]]\nsource = \"docs\"\npath = \"docs\"\n");
    let bytes = workspace.build("acme.tar");
    (workspace, bytes)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn split(workspace: &Workspace, size: usize, out: &str) -> Vec<String> {
    fs::create_dir_all(workspace.path(out)).unwrap();
    let cut = json(&workspace.ok(&["split", "acme.tar", "--size", &size.to_string(), "--out", out, "--json"]));
    cut["parts"].as_array().unwrap().iter().map(|part| part.as_str().unwrap().to_owned()).collect()
}

/// Where the blobs' headers begin.
fn headers(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).step_by(512).filter(|at| bytes[*at..].starts_with(b"blobs/sha256/")).collect()
}

/// The verdict on what is damaged, missing or mixed up.
fn refused(workspace: &Workspace, bundle: &str) -> (String, String) {
    let error = workspace.refused(3, &["verify", bundle, "--trust", "k.pub"]);
    let text = |key: &str| error[key].as_str().unwrap().to_owned();
    (text("code"), text("message"))
}

#[test]
fn joined_by_cat_they_are_the_bundle() {
    let (workspace, bytes) = with_bundle();
    let header = headers(&bytes)[1];
    let manifest = usize::try_from(archive::BLOCK).unwrap() + 700;
    let sizes = [513, 1000, 1024, manifest, header - 1, header, header + 1, header + 300, header + 512];
    for size in sizes.into_iter().chain([bytes.len() / 2, bytes.len() - 1, bytes.len(), 2 * bytes.len()]) {
        let folder = format!("parts-{size}");
        let parts = split(&workspace, size, &folder);
        assert_eq!(parts.len(), bytes.len().div_ceil(size), "{size}");
        for (number, part) in parts.iter().enumerate() {
            assert_eq!(*part, format!("{folder}/acme.tar.part{:03}", number + 1));
            let expected = &bytes[number * size..bytes.len().min((number + 1) * size)];
            assert!(fs::read(workspace.path(part)).unwrap() == expected, "{part} of {size}");
        }
        workspace.tool("sh", &["-c", &format!("cat {folder}/acme.tar.part* > joined.tar")]);
        assert_eq!(sha256sum(&workspace.path("joined.tar")), sha256sum(&workspace.path("acme.tar")), "{size}");
        let verified = json(&workspace.ok(&["verify", &format!("{folder}/acme.tar"), "--trust", "k.pub", "--json"]));
        assert_eq!(verified["parts"].as_array().unwrap().len(), parts.len());
        assert_eq!(verified["size"], bytes.len());
    }
    assert!(fs::read(workspace.path("acme.tar")).unwrap() == bytes, "the bundle stays");
}

#[test]
fn a_build_in_parts_is_the_same_build() {
    let (workspace, bytes) = with_bundle();
    fs::create_dir(workspace.path("out")).unwrap();
    let build = ["build", "acme.toml", "--key", "k.key", "--out", "out", "--split", "7000B", "--json"];
    let report = json(&workspace.ok(&build));
    let parts = report["parts"].as_array().unwrap();
    assert_eq!((parts.len(), &report["size"]), (bytes.len().div_ceil(7000), &Value::from(bytes.len())));
    workspace.tool("sh", &["-c", "cat out/acme-1.0.0-linux-amd64.landfall.tar.part* > joined.tar"]);
    assert!(fs::read(workspace.path("joined.tar")).unwrap() == bytes);
    assert_eq!(fs::read_dir(workspace.path("out")).unwrap().count(), parts.len(), "nothing else is left there");
}

#[test]
fn large_blobs_go_on_in_the_next_part() {
    let workspace = Workspace::new();
    workspace.rootfs("root");
    workspace.define("[[image]]\nname = \"hello\"\nsource = \"rootfs:root\"\nentrypoint = [\"/hello\"]\n");
    let bytes = workspace.build("acme.tar");
    workspace.ok(&["build", "acme.toml", "--key", "k.key", "--out", "cut.tar", "--split", "1MB"]);
    workspace.tool("sh", &["-c", "cat cut.tar.part* > joined.tar"]);
    assert!(fs::read(workspace.path("joined.tar")).unwrap() == bytes);
}

#[test]
fn any_part_in_any_folder_stands_for_the_bundle() {
    let (workspace, bytes) = with_bundle();
    let parts = split(&workspace, bytes.len() / 5, "disc1");
    for (part, disc) in [(1, "disc2"), (3, "disc2"), (4, "disc3")] {
        fs::create_dir_all(workspace.path(disc)).unwrap();
        fs::rename(workspace.path(&parts[part]), workspace.path(disc).join(parts[part].rsplit('/').next().unwrap()))
            .unwrap();
    }
    let whole = json(&workspace.ok(&["inspect", "acme.tar", "--json"]))["release"].clone();
    let first = "disc1/acme.tar.part001";
    for (given, folders) in [
        (first, ["--parts", "disc2", "--parts", "disc3"]),
        (first, ["--parts", "disc3", "--parts", "disc2"]),
        ("disc3/acme.tar.part005", ["--parts", "disc2", "--parts", "disc1"]),
        ("disc2/acme.tar", ["--parts", "disc1", "--parts", "disc3"]),
    ] {
        workspace.ok(&[&["verify", given, "--trust", "k.pub"], &folders[..]].concat());
        let inspected = json(&workspace.ok(&[&["inspect", given, "--json"], &folders[..]].concat()));
        assert_eq!(inspected["release"], whole);
        let compared = json(&workspace.ok(&[&["diff", given, "acme.tar", "--json"], &folders[..]].concat()));
        assert_eq!(compared["blobs"]["newBytes"], 0);
    }
    let error = workspace.refused(3, &["verify", first, "--trust", "k.pub", "--parts", "disc3"]);
    assert_eq!(error["code"], "part_missing");
    assert_eq!(error["message"], "acme.tar.part002 is missing: looked in disc1, disc3");
}

#[test]
fn an_error_in_a_part_is_reported_with_its_name_and_offset() {
    let (workspace, bytes) = with_bundle();
    let size = (bytes.len() - 1) / 5;
    let parts = split(&workspace, size, "p");
    let path = |number: usize| workspace.path(&parts[number - 1]);
    let content: Vec<Vec<u8>> = (1..=parts.len()).map(|number| fs::read(path(number)).unwrap()).collect();
    let restore = || (1..).zip(&content).for_each(|(number, content)| fs::write(path(number), content).unwrap());
    assert_eq!(parts.len(), 6);

    fs::write(path(2), &content[1][..size - 7]).unwrap();
    let expected = format!("p/acme.tar.part002 has {} bytes, and should have {size}", size - 7);
    assert_eq!(refused(&workspace, "p/acme.tar"), ("damaged_parts".to_owned(), expected));
    restore();

    fs::write(path(3), "").unwrap();
    let expected = ("damaged_parts".to_owned(), "p/acme.tar.part003 is empty".to_owned());
    assert_eq!(refused(&workspace, "p/acme.tar"), expected);
    restore();

    for number in [1, 2, 6] {
        fs::remove_file(path(number)).unwrap();
        let expected = format!("acme.tar.part00{number} is missing: looked in p");
        assert_eq!(refused(&workspace, "p/acme.tar.part003"), ("part_missing".to_owned(), expected), "{number}");
        restore();
    }

    fs::rename(path(2), workspace.path("p/acme.tar.part007")).unwrap();
    let expected = "acme.tar.part002 is missing: looked in p".to_owned();
    assert_eq!(refused(&workspace, "p/acme.tar"), ("part_missing".to_owned(), expected));
    fs::remove_file(workspace.path("p/acme.tar.part007")).unwrap();
    restore();

    fs::copy(path(1), workspace.path("p/acme.tar.part007")).unwrap();
    let expected = "acme.tar.part007 is there, but acme.tar.part006 is the last part of this bundle".to_owned();
    assert_eq!(refused(&workspace, "p/acme.tar"), ("damaged_parts".to_owned(), expected));
    fs::remove_file(workspace.path("p/acme.tar.part007")).unwrap();

    fs::write(path(3), &content[3]).unwrap();
    fs::write(path(4), &content[2]).unwrap();
    let (code, message) = refused(&workspace, "p/acme.tar");
    assert!(code == "damaged" && message.contains("p/acme.tar.part00"), "{message}");
    restore();

    fs::write(path(1), &content[1]).unwrap();
    fs::write(path(2), &content[0]).unwrap();
    let (code, message) = refused(&workspace, "p/acme.tar");
    assert!(code == "not_a_bundle" && message.starts_with("p/acme.tar: this is not a Landfall bundle"), "{message}");
    restore();
    workspace.ok(&["verify", "p/acme.tar", "--trust", "k.pub"]);
}

#[test]
fn a_bad_byte_is_named_by_part_offset_and_blob_and_by_what_needs_it() {
    let (workspace, bytes) = with_bundle();
    let header = *headers(&bytes).last().unwrap();
    for (cut, blob_place) in
        [(header + 100, "p/acme.tar.part002, offset 412"), (header + 515, "p/acme.tar.part001, offset ")]
    {
        let parts = split(&workspace, cut, "p");
        assert_eq!(parts.len(), 2);
        let last = workspace.path(&parts[1]);
        let mut content = fs::read(&last).unwrap();
        let at = header + 520 - cut;
        content[at] ^= 1;
        fs::write(&last, &content).unwrap();
        let (code, message) = refused(&workspace, "p/acme.tar");
        assert_eq!(code, "damaged");
        let release = workspace.release("acme.tar");
        let blob = release["blobs"].as_array().unwrap().last().unwrap()["digest"].as_str().unwrap();
        let users = release["files"].as_array().unwrap().iter().filter(|file| file["blob"] == blob);
        let users: Vec<String> = users.map(|file| format!("file {}", file["path"].as_str().unwrap())).collect();
        assert!(message.starts_with(blob_place), "{message}\n{blob_place}");
        assert!(message.contains(&format!(", in blob {blob} of {}: ", users.join(", "))), "{message}");
        assert_eq!(message.contains(", to p/acme.tar.part002, offset "), cut > header + 512, "{message}");
        content[at] ^= 1;
        // A byte of a header, and one of the end, have a place of their own.
        let (header_part, header_at) = if header > cut { (2, header + 2 - cut) } else { (1, header + 2) };
        let mut first = fs::read(workspace.path(&parts[header_part - 1])).unwrap();
        if header_part == 2 {
            first.clone_from(&content);
        } else {
            fs::write(&last, &content).unwrap();
        }
        first[header_at] ^= 1;
        fs::write(workspace.path(&parts[header_part - 1]), &first).unwrap();
        let (_, message) = refused(&workspace, "p/acme.tar");
        assert!(message.starts_with(&format!("p/acme.tar.part00{header_part}, offset {header_at}")), "{message}");
    }
}

#[test]
fn an_older_bundle_is_replaced_in_whichever_form_it_lies_there() {
    let (workspace, bytes) = with_bundle();
    let build =
        |more: &[&str]| workspace.ok(&[&["build", "acme.toml", "--key", "k.key", "--out", "b.tar"], more].concat());
    let lying = || -> Vec<String> { workspace.names().into_iter().filter(|name| name.starts_with("b.tar")).collect() };
    build(&["--split", "5000"]);
    let many = lying().len();
    assert_eq!(many, bytes.len().div_ceil(5000));
    let larger = (bytes.len() / 2 + 1).to_string();
    build(&["--split", &larger]);
    assert_eq!(lying(), ["b.tar.part001", "b.tar.part002"]);
    workspace.ok(&["verify", "b.tar", "--trust", "k.pub"]);
    build(&[]);
    assert_eq!(lying(), ["b.tar"]);
    build(&["--split", &larger]);
    assert_eq!(lying(), ["b.tar.part001", "b.tar.part002"]);
    fs::remove_file(workspace.path("b.tar.part002")).unwrap();
    build(&["--split", "5000"]);
    assert_eq!(lying().len(), many, "what a cut-off run left is replaced");
    workspace.ok(&["verify", "b.tar", "--trust", "k.pub"]);

    fs::copy(workspace.path("acme.tar"), workspace.path("other.tar")).unwrap();
    workspace.write("other.tar.part001", "mine");
    for args in [
        &["build", "acme.toml", "--key", "k.key", "--out", "other.tar"][..],
        &["build", "acme.toml", "--key", "k.key", "--out", "other.tar", "--split", "5000"],
        &["split", "other.tar", "--size", "5000"],
    ] {
        assert_eq!(workspace.refused(2, args)["code"], "exists", "{args:?}");
    }
    assert!(fs::read(workspace.path("other.tar.part001")).unwrap() == b"mine");
    assert!(workspace.names().iter().all(|name| !name.contains("partial")), "{:?}", workspace.names());
}

#[test]
fn parts_that_are_certainly_too_many_are_refused_before_anything_is_packed() {
    let workspace = Workspace::new();
    let layer = layer_of(&noise(1));
    let (config, mut stored) = (config("amd64", std::slice::from_ref(&layer)), gzip(&layer));
    let image_config = descriptor("application/vnd.oci.image.config.v1+json", &config);
    let described = descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &stored);
    layout(&workspace, "layout", &manifest(&image_config, &[described]), &[&config, &stored]);
    // Packing would find it damaged.
    let path = format!("layout/blobs/sha256/{}", hex(&stored));
    *stored.last_mut().unwrap() ^= 1;
    workspace.write(&path, &stored);
    workspace.define("[[image]]\nname = \"app\"\nsource = \"oci:layout\"\n");
    let build = |size| workspace.run(&["build", "acme.toml", "--key", "k.key", "--json", "--split", size]);
    let code = |size| json(&String::from_utf8(build(size).stdout).unwrap())["error"]["code"].take();
    assert_eq!(code("500B"), "part_size");
    assert_ne!(code("5000B"), "part_size");
}

#[test]
fn nothing_is_cut_that_would_mislead() {
    let (workspace, bytes) = with_bundle();
    let exists = |args: &[&str], exit, code: &str| assert_eq!(workspace.refused(exit, args)["code"], code, "{args:?}");
    split(&workspace, 7000, "p");
    let before = workspace.names();
    exists(&["split", "p/acme.tar", "--size", "9000"], 2, "output_in_source");
    fs::create_dir(workspace.path("q")).unwrap();
    workspace.ok(&["split", "p/acme.tar", "--size", "9000", "--out", "q"]);
    workspace.tool("sh", &["-c", "cat q/acme.tar.part* | cmp - acme.tar"]);
    exists(&["split", "p/acme.tar", "--size", "9000", "--out", "."], 2, "exists");
    exists(&["split", "acme.tar", "--size", "9000", "--out", "nowhere"], 2, "no_folder");
    exists(&["split", "acme.tar", "--size", "20"], 2, "part_size");
    exists(&["build", "acme.toml", "--key", "k.key", "--out", "few.tar", "--split", "20"], 2, "part_size");
    let error = workspace.refused(2, &["split", "acme.tar", "--size", "20"]);
    let smallest = format!("at least {} bytes", bytes.len().div_ceil(999));
    assert!(error["message"].as_str().unwrap().contains(&smallest), "{error}");
    for wrong in ["4G", "0", "-1", "1.5GB", "many"] {
        assert_eq!(workspace.run(&["split", "acme.tar", "--size", wrong]).status.code(), Some(2), "{wrong}");
    }
    let mut damaged = bytes;
    let at = damaged.len() - 2000;
    damaged[at] ^= 1;
    workspace.write("bad.tar", &damaged);
    exists(&["split", "bad.tar", "--size", "9000"], 3, "damaged");
    fs::remove_file(workspace.path("bad.tar")).unwrap();
    fs::remove_dir_all(workspace.path("q")).unwrap();
    assert_eq!(workspace.names(), before, "nothing is left");
}

#[test]
fn signed_parts_stay_parts() {
    let (workspace, bytes) = with_bundle();
    let parts = split(&workspace, bytes.len() / 3 + 1, "p");
    workspace.ok(&["keygen", "--out", "second"]);
    workspace.ok(&["sign", "p/acme.tar.part002", "--key", "second.key"]);
    let both = ["verify", "p/acme.tar", "--trust", "k.pub", "--trust", "second.pub", "--threshold", "2"];
    workspace.ok(&both);
    assert_eq!(fs::metadata(workspace.path(&parts[0])).unwrap().len(), (bytes.len() / 3 + 1) as u64);
    assert!(!workspace.path("p/acme.tar").exists());
}

#[test]
fn signing_takes_nothing_away_that_lies_beside_the_bundle() {
    let (workspace, bytes) = with_bundle();
    workspace.ok(&["keygen", "--out", "second"]);
    split(&workspace, 10_000, ".");
    let before = workspace.names();
    for named in ["acme.tar", "acme.tar.part001"] {
        let error = workspace.refused(2, &["sign", named, "--key", "second.key"]);
        assert!(error["message"].as_str().unwrap().contains("acme.tar.part001"), "{error}");
        assert_eq!(workspace.names(), before, "{named}");
    }
    assert!(fs::read(workspace.path("acme.tar")).unwrap() == bytes);
}

#[test]
fn refuses_names_that_parts_cannot_have() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let (workspace, bytes) = with_bundle();
    let odd = OsStr::from_bytes(b"od\xff.tar");
    fs::write(workspace.folder.path().join(odd), bytes).unwrap();
    let before = workspace.names();
    let split = workspace.bundler().arg("split").arg(odd).args(["--size", "10kB"]).output().unwrap();
    let build = ["build", "acme.toml", "--key", "k.key", "--split", "10kB", "--out"];
    let build = workspace.bundler().args(build).arg(odd).output().unwrap();
    for output in [split, build] {
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && printed.contains("its name is not UTF-8"), "{printed}");
    }
    assert_eq!(
        workspace.refused(2, &["build", "acme.toml", "--key", "k.key", "--out", "b.tar.part001"])["code"],
        "part_name"
    );
    assert_eq!(workspace.names(), before);
}

#[test]
fn a_name_that_is_too_long_for_parts_costs_no_bundle() {
    let (workspace, _) = with_bundle();
    let name = "b".repeat(250);
    let bytes = workspace.build(&name);
    let build = ["build", "acme.toml", "--key", "k.key", "--out", &name, "--split", "5000"];
    assert_eq!(workspace.refused(2, &build)["code"], "part_name");
    assert_eq!(workspace.refused(2, &["split", &name, "--size", "5000"])["code"], "part_name");
    assert!(fs::read(workspace.path(&name)).unwrap() == bytes);
    let longer = "b".repeat(256);
    assert_eq!(workspace.refused(2, &["build", "acme.toml", "--key", "k.key", "--out", &longer])["code"], "part_name");
}

#[test]
fn a_folder_with_the_name_of_a_part_stays() {
    let (workspace, _) = with_bundle();
    let build = ["build", "acme.toml", "--key", "k.key", "--out", "b.tar"];
    let cut = [&build[..], &["--split", "5000"]].concat();
    workspace.ok(&cut);
    workspace.write("b.tar.part099/mine", "mine");
    split(&workspace, 5000, "p");
    workspace.write("p/acme.tar.part099/mine", "mine");
    for args in [&cut[..], &build, &["split", "acme.tar", "--size", "5000", "--out", "p"]] {
        let error = workspace.refused(2, args);
        assert!(error["message"].as_str().unwrap().contains("part099 is no file"), "{error}");
    }
    assert!(workspace.path("b.tar.part099/mine").exists() && workspace.path("p/acme.tar.part099/mine").exists());
}

#[test]
fn a_full_disk_leaves_no_part() {
    let (workspace, bytes) = with_bundle();
    workspace.tool("mkdir", &["full"]);
    let room = bytes.len() / 2 / 4096 * 4;
    let script = format!(
        "mount -t tmpfs -o size={room}k tmpfs full && {BUNDLER} split acme.tar --size 5000 --out full --json; echo \"exit $?\"; ls -A full"
    );
    let printed = workspace.tool("unshare", &["-rm", "sh", "-c", &script]);
    let (report, rest) = printed.split_once("exit ").expect("an exit code");
    assert_eq!(rest.trim(), "6", "nothing is left: {printed}");
    assert_eq!(json(report)["error"]["code"], "disk_full");
}

#[test]
fn the_most_parts_that_names_can_count() {
    let (workspace, bytes) = with_bundle();
    let size = bytes.len().div_ceil(999);
    let parts = split(&workspace, size, "p");
    assert!(parts.len() > 900, "{}", parts.len());
    workspace.ok(&["verify", "p/acme.tar", "--trust", "k.pub"]);
}
