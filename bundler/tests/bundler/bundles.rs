//! Bundles as a whole: built, verified, signed, compared, and checked with the tools that a user has.

use crate::desk::{BUNDLER, Desk, sha256sum};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const HELLO: &str = "[[image]]\nname = \"hello\"\nsource = \"rootfs:root\"\nentrypoint = [\"/hello\"]\n";

/// A desk with a definition that has an image and a folder of files.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.rootfs("root");
    desk.write("docs/a.txt", "a\n");
    desk.write("docs/deep/b.txt", "b\n".repeat(400_000));
    desk.define(&format!("{HELLO}[[file]]\nsource = \"docs\"\npath = \"docs\"\n"));
    desk
}

#[test]
fn what_is_built_verifies() {
    let desk = desk();
    desk.ok(&["build", "acme.toml", "--key", "k.key"]);
    let bundle = "acme-1.0.0-linux-amd64.landfall.tar";
    let verified: serde_json::Value =
        serde_json::from_str(&desk.ok(&["verify", bundle, "--trust", "k.pub", "--json"])).unwrap();
    assert_eq!(verified["verified"], true);
    assert_eq!(verified["size"], fs::metadata(desk.path(bundle)).unwrap().len());
    let line = fs::read_to_string(desk.path("k.pub")).unwrap().lines().nth(1).unwrap().to_owned();
    desk.ok(&["verify", bundle, "--trust", &line]);
    assert_eq!(desk.names(), ["acme-1.0.0-linux-amd64.landfall.tar", "acme.toml", "docs", "k.key", "k.pub", "root"]);
}

#[test]
fn the_settings_lie_before_all_other_blobs() {
    let desk = desk();
    desk.build("acme.tar");
    let release = desk.release("acme.tar");
    let settings = release["files"].as_array().unwrap().iter().find(|file| file["path"] == "config.toml").unwrap();
    assert_eq!(release["blobs"][0]["digest"], settings["blob"]);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let desk = desk();
    let first = desk.build("first.tar");
    // Another folder, another umask, another time, one core.
    let elsewhere = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(desk.path("docs"))
        .arg(desk.path("root"))
        .arg(elsewhere.path())
        .status();
    assert!(copied.unwrap().success());
    fs::copy(desk.path("acme.toml"), elsewhere.path().join("acme.toml")).unwrap();
    let script = format!(
        "umask 077; cd {}; chmod 600 docs/a.txt; touch docs/a.txt root/bin/hello; TMPDIR=. taskset -c 0 {BUNDLER} build acme.toml --key {} --out second.tar",
        elsewhere.path().display(),
        desk.path("k.key").display(),
    );
    desk.tool("sh", &["-c", &script]);
    assert!(fs::read(elsewhere.path().join("second.tar")).unwrap() == first, "the two builds differ");
}

#[test]
fn a_release_has_a_time_only_if_it_is_given_one() {
    let desk = desk();
    let untimed = desk.build("a.tar");
    assert_eq!(desk.release("a.tar")["created"], serde_json::Value::Null);
    let build = ["build", "acme.toml", "--key", "k.key", "--out", "b.tar"];
    assert!(desk.bundler().args(build).env("SOURCE_DATE_EPOCH", "86400").output().unwrap().status.success());
    assert_eq!(desk.release("b.tar")["created"], "1970-01-02T00:00:00Z");
    assert!(fs::read(desk.path("b.tar")).unwrap() != untimed);
    let wrong = desk.bundler().args(build).env("SOURCE_DATE_EPOCH", "today").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn files_have_the_modes_that_any_umask_gives() {
    let desk = desk();
    fs::set_permissions(desk.path("docs/a.txt"), fs::Permissions::from_mode(0o700)).unwrap();
    desk.build("acme.tar");
    let release = desk.release("acme.tar");
    let mode = |path: &str| {
        let files = release["files"].as_array().unwrap();
        files.iter().find(|file| file["path"] == path).expect(path)["mode"].as_str().unwrap().to_owned()
    };
    let modes = [
        "bin/landfall",
        "bin/landfall-installer",
        "config.toml",
        "docs/a.txt",
        "docs/deep/b.txt",
        "units/landfall.service",
    ]
    .map(mode);
    assert_eq!(modes, ["0755", "0755", "0644", "0755", "0644", "0644"]);
}

#[test]
fn refuses_a_damaged_bundle_and_says_where() {
    let desk = desk();
    let bytes = desk.build("good.tar");
    let blob = bytes.len() / 2;
    for at in [0, 130, 600, bytes.len() / 3, blob, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        desk.write("bad.tar", &damaged);
        let output = desk.run(&["verify", "bad.tar", "--trust", "k.pub"]);
        assert!(matches!(output.status.code(), Some(3 | 4)), "byte {at}: {output:?}");
    }
    for (name, content) in
        [("short.tar", bytes[..bytes.len() - 512].to_vec()), ("long.tar", [bytes.clone(), vec![0]].concat())]
    {
        desk.write(name, content);
        assert_eq!(desk.refused(3, &["verify", name, "--trust", "k.pub"])["code"], "damaged");
    }
    let mut damaged = bytes;
    damaged[blob] ^= 1;
    desk.write("bad.tar", damaged);
    let error = desk.refused(3, &["verify", "bad.tar", "--trust", "k.pub"]);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("blobs/sha256/") && message.contains("offset"), "{message}");
    assert_eq!(desk.refused(3, &["verify", "docs/deep/b.txt", "--trust", "k.pub"])["code"], "not_a_bundle");
    assert_eq!(desk.refused(2, &["verify", "none.tar", "--trust", "k.pub"])["code"], "missing_file");
}

#[test]
fn a_signature_is_added_without_changing_what_is_signed() {
    let desk = desk();
    desk.build("acme.tar");
    desk.ok(&["keygen", "--out", "second"]);
    let both = ["verify", "acme.tar", "--trust", "k.pub", "--trust", "second.pub", "--threshold", "2"];
    assert_eq!(desk.refused(4, &both)["code"], "untrusted");
    assert_eq!(desk.refused(4, &["verify", "acme.tar", "--trust", "second.pub"])["code"], "untrusted");
    let before = desk.release("acme.tar");
    desk.ok(&["sign", "acme.tar", "--key", "second.key"]);
    desk.ok(&both);
    assert_eq!(desk.release("acme.tar"), before);
    assert_eq!(desk.refused(2, &["sign", "acme.tar", "--key", "second.key"])["code"], "signatures");

    let mut damaged = fs::read(desk.path("acme.tar")).unwrap();
    let blob = damaged.len() - 5000;
    damaged[blob] ^= 1;
    desk.write("acme.tar", &damaged);
    desk.ok(&["keygen", "--out", "third"]);
    assert_eq!(desk.refused(3, &["sign", "acme.tar", "--key", "third.key"])["code"], "damaged");
    assert!(fs::read(desk.path("acme.tar")).unwrap() == damaged, "a refused signature leaves the file as it was");
}

#[test]
fn says_what_changes_from_one_release_to_the_next() {
    let desk = desk();
    desk.build("old.tar");
    desk.write("docs/a.txt", "changed\n");
    desk.write("docs/new.txt", "new\n");
    fs::remove_dir_all(desk.path("docs/deep")).unwrap();
    let images =
        HELLO.replace("[\"/hello\"]", "[\"/bin/hello\"]") + "[[image]]\nname = \"more\"\nsource = \"rootfs:docs\"\n";
    desk.define_as("1.1.0", &format!("{images}[[file]]\nsource = \"docs\"\npath = \"docs\"\n"));
    desk.build("new.tar");
    let found: serde_json::Value = serde_json::from_str(&desk.ok(&["diff", "old.tar", "new.tar", "--json"])).unwrap();
    assert_eq!((&found["old"]["version"], &found["new"]["version"]), (&"1.0.0".into(), &"1.1.0".into()));
    assert_eq!(found["images"]["added"], serde_json::json!(["more"]));
    assert_eq!(found["images"]["changed"], serde_json::json!([{"name": "hello", "layers": 1, "sharedLayers": 1}]));
    assert_eq!(found["files"]["added"], serde_json::json!(["docs/new.txt"]));
    assert_eq!(found["files"]["removed"], serde_json::json!(["docs/deep/b.txt"]));
    assert_eq!(found["files"]["changed"], serde_json::json!(["docs/a.txt"]));
    assert!(found["blobs"]["sharedBytes"].as_u64().unwrap() > found["blobs"]["newBytes"].as_u64().unwrap());
    let text = desk.ok(&["diff", "old.tar", "new.tar"]);
    assert!(text.starts_with("NOT VERIFIED") && text.contains("  ~ hello  1 of 1 layers shared"), "{text}");
}

#[test]
fn says_what_the_release_does_to_a_database() {
    let desk = desk();
    desk.build("old.tar");
    let default = desk.release("old.tar")["database"].clone();
    assert!(
        default["schema"].as_u64() >= default["reversibleTo"].as_u64() && default["reversibleTo"] != 0,
        "{default}"
    );
    desk.define_as("1.1.0", &format!("database = {{ schema = 7, reversible_to = 6 }}\n{HELLO}"));
    desk.build("new.tar");
    assert_eq!(desk.release("new.tar")["database"], serde_json::json!({"schema": 7, "reversibleTo": 6}));
    assert!(desk.ok(&["inspect", "new.tar"]).contains("\ndatabase schema 7, can go back to 6\n"));
    let text = desk.ok(&["diff", "old.tar", "new.tar"]);
    assert!(text.contains(" becomes schema 7 (can go back to 6)\n"), "{text}");
}

#[test]
fn inspect_says_that_nothing_was_verified() {
    let desk = desk();
    desk.build("acme.tar");
    let text = desk.ok(&["inspect", "acme.tar"]);
    assert!(text.starts_with("NOT VERIFIED"), "{text}");
    let object: serde_json::Value = serde_json::from_str(&desk.ok(&["inspect", "acme.tar", "--json"])).unwrap();
    assert_eq!(object["verified"], false);
}

#[test]
fn a_full_disk_makes_the_machine_unfit_and_nothing_stays_there() {
    let desk = desk();
    desk.tool("mkdir", &["full"]);
    // A mount that goes away with its namespace: this test needs the right to make one.
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs full && {BUNDLER} build acme.toml --key k.key --out full --json; echo \"exit $?\"; ls -A full"
    );
    let said = desk.tool("unshare", &["-rm", "sh", "-c", &script]);
    let (report, rest) = said.split_once("exit ").expect("an exit code");
    assert_eq!(rest.trim(), "6", "nothing is left: {said}");
    let error: serde_json::Value = serde_json::from_str(report).unwrap();
    assert_eq!(error["error"]["code"], "disk_full");
    assert!(error["error"]["message"].as_str().unwrap().contains("1048576 bytes are free in full"), "{error}");
}

/// What needs minisign, skopeo or zstd besides; `make check` leaves it out.
mod needs_tools {
    use super::*;

    #[test]
    fn stock_tools_check_a_bundle_by_hand() {
        let desk = desk();
        desk.build("acme.tar");
        desk.tool("mkdir", &["x"]);
        desk.tool("tar", &["-C", "x", "-xf", "acme.tar"]);
        let listed = desk.tool("tar", &["-tvf", "acme.tar", "--numeric-owner", "--utc"]);
        assert!(
            listed.lines().all(|line| line.starts_with("-rw-r--r-- 0/0 ") && line.contains("1970-01-01 00:00")),
            "{listed}"
        );
        let names: Vec<&str> = listed.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        let signature = names[1];
        assert!(names[0] == "landfall.json" && names[2] == "oci-layout" && names[3] == "index.json", "{listed}");
        desk.tool("minisign", &["-V", "-p", "k.pub", "-m", "x/landfall.json", "-x", &format!("x/{signature}")]);
        for blob in &names[4..] {
            assert_eq!(format!("blobs/sha256/{}", sha256sum(&desk.path("x").join(blob))), *blob);
        }
        let inspected: serde_json::Value =
            serde_json::from_str(&desk.tool("skopeo", &["inspect", "oci-archive:acme.tar:hello"])).unwrap();
        let release = desk.release("acme.tar");
        assert_eq!(inspected["Digest"], release["images"][0]["manifest"]);
        assert_eq!(inspected["Layers"][0], release["images"][0]["layers"][0]["blob"]);
        desk.tool("skopeo", &["copy", "oci-archive:acme.tar:hello", "oci:copied:hello"]);
    }
}
