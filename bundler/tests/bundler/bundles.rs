//! Bundles as a whole: built, verified, signed, compared, and checked with the tools that a user has.

use crate::workspace::{BUNDLER, Workspace, sha256sum};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const HELLO: &str = "[[image]]\nname = \"hello\"\nsource = \"rootfs:root\"\nentrypoint = [\"/hello\"]\n";

/// A workspace with a definition that has an image and a folder of files.
fn with_bundle() -> Workspace {
    let workspace = Workspace::new();
    workspace.rootfs("root");
    workspace.write("docs/a.txt", "a\n");
    workspace.write("docs/deep/b.txt", "b\n".repeat(400_000));
    workspace.define(&format!("{HELLO}[[file]]\nsource = \"docs\"\npath = \"docs\"\n"));
    workspace
}

#[test]
fn what_is_built_verifies() {
    let workspace = with_bundle();
    workspace.ok(&["build", "acme.toml", "--key", "k.key"]);
    let bundle = "acme-1.0.0-linux-amd64.landfall.tar";
    let verified: serde_json::Value =
        serde_json::from_str(&workspace.ok(&["verify", bundle, "--trust", "k.pub", "--json"])).unwrap();
    assert_eq!(verified["verified"], true);
    assert_eq!(verified["size"], fs::metadata(workspace.path(bundle)).unwrap().len());
    let line = fs::read_to_string(workspace.path("k.pub")).unwrap().lines().nth(1).unwrap().to_owned();
    workspace.ok(&["verify", bundle, "--trust", &line]);
    assert_eq!(
        workspace.names(),
        ["acme-1.0.0-linux-amd64.landfall.tar", "acme.toml", "docs", "k.key", "k.pub", "root"]
    );
}

#[test]
fn the_settings_lie_before_all_other_blobs() {
    let workspace = with_bundle();
    workspace.build("acme.tar");
    let release = workspace.release("acme.tar");
    let settings = release["files"].as_array().unwrap().iter().find(|file| file["path"] == "config.toml").unwrap();
    assert_eq!(release["blobs"][0]["digest"], settings["blob"]);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let workspace = with_bundle();
    let first = workspace.build("first.tar");
    // Another folder, another umask, another time, one core.
    let elsewhere = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(workspace.path("docs"))
        .arg(workspace.path("root"))
        .arg(elsewhere.path())
        .status();
    assert!(copied.unwrap().success());
    fs::copy(workspace.path("acme.toml"), elsewhere.path().join("acme.toml")).unwrap();
    let script = format!(
        "umask 077; cd {}; chmod 600 docs/a.txt; touch docs/a.txt root/bin/hello; TMPDIR=. taskset -c 0 {BUNDLER} build acme.toml --key {} --out second.tar",
        elsewhere.path().display(),
        workspace.path("k.key").display(),
    );
    workspace.tool("sh", &["-c", &script]);
    assert!(fs::read(elsewhere.path().join("second.tar")).unwrap() == first, "the two builds differ");
}

#[test]
fn the_order_of_the_definition_does_not_show() {
    let workspace = with_bundle();
    workspace.write("more/c.txt", "c\n");
    let second = "[[image]]\nname = \"another\"\nsource = \"rootfs:docs\"\n";
    let files = ["docs", "more"].map(|name| format!("[[file]]\nsource = \"{name}\"\npath = \"{name}\"\n"));
    let [docs, more] = &files;
    workspace.define_without_evidence(&format!("{HELLO}{second}{docs}{more}"));
    let first = workspace.build("first.tar");
    workspace.define_without_evidence(&format!("{more}{docs}{second}{HELLO}"));
    assert!(workspace.build("second.tar") == first, "the two builds differ");
}

#[test]
fn a_release_has_a_time_only_if_it_is_given_one() {
    let workspace = with_bundle();
    let untimed = workspace.build("a.tar");
    assert_eq!(workspace.release("a.tar")["created"], serde_json::Value::Null);
    let build = ["build", "acme.toml", "--key", "k.key", "--out", "b.tar"];
    assert!(workspace.bundler().args(build).env("SOURCE_DATE_EPOCH", "86400").output().unwrap().status.success());
    assert_eq!(workspace.release("b.tar")["created"], "1970-01-02T00:00:00Z");
    assert!(fs::read(workspace.path("b.tar")).unwrap() != untimed);
    let wrong = workspace.bundler().args(build).env("SOURCE_DATE_EPOCH", "today").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn files_have_the_modes_that_any_umask_gives() {
    let workspace = with_bundle();
    fs::set_permissions(workspace.path("docs/a.txt"), fs::Permissions::from_mode(0o700)).unwrap();
    workspace.build("acme.tar");
    let release = workspace.release("acme.tar");
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
    let workspace = with_bundle();
    let bytes = workspace.build("good.tar");
    let blob = bytes.len() / 2;
    for at in [0, 130, 600, bytes.len() / 3, blob, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        workspace.write("bad.tar", &damaged);
        let output = workspace.run(&["verify", "bad.tar", "--trust", "k.pub"]);
        assert!(matches!(output.status.code(), Some(3 | 4)), "byte {at}: {output:?}");
    }
    for (name, content) in
        [("short.tar", bytes[..bytes.len() - 512].to_vec()), ("long.tar", [bytes.clone(), vec![0]].concat())]
    {
        workspace.write(name, content);
        assert_eq!(workspace.refused(3, &["verify", name, "--trust", "k.pub"])["code"], "damaged");
    }
    let mut damaged = bytes;
    damaged[blob] ^= 1;
    workspace.write("bad.tar", damaged);
    let error = workspace.refused(3, &["verify", "bad.tar", "--trust", "k.pub"]);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(", in blob sha256:") && message.contains("offset"), "{message}");
    assert_eq!(workspace.refused(3, &["verify", "docs/deep/b.txt", "--trust", "k.pub"])["code"], "not_a_bundle");
    assert_eq!(workspace.refused(2, &["verify", "none.tar", "--trust", "k.pub"])["code"], "missing_file");
}

#[test]
fn a_signature_is_added_without_changing_what_is_signed() {
    let workspace = with_bundle();
    workspace.build("acme.tar");
    workspace.ok(&["keygen", "--out", "second"]);
    let both = ["verify", "acme.tar", "--trust", "k.pub", "--trust", "second.pub", "--threshold", "2"];
    assert_eq!(workspace.refused(4, &both)["code"], "untrusted");
    assert_eq!(workspace.refused(4, &["verify", "acme.tar", "--trust", "second.pub"])["code"], "untrusted");
    let before = workspace.release("acme.tar");
    workspace.ok(&["sign", "acme.tar", "--key", "second.key"]);
    workspace.ok(&both);
    assert_eq!(workspace.release("acme.tar"), before);
    assert_eq!(workspace.refused(2, &["sign", "acme.tar", "--key", "second.key"])["code"], "signatures");

    let mut damaged = fs::read(workspace.path("acme.tar")).unwrap();
    let blob = damaged.len() / 2;
    damaged[blob] ^= 1;
    workspace.write("acme.tar", &damaged);
    workspace.ok(&["keygen", "--out", "third"]);
    assert_eq!(workspace.refused(3, &["sign", "acme.tar", "--key", "third.key"])["code"], "damaged");
    assert!(fs::read(workspace.path("acme.tar")).unwrap() == damaged, "a refused signature leaves the file as it was");
}

#[test]
fn says_what_changes_from_one_release_to_the_next() {
    let workspace = with_bundle();
    workspace.build("old.tar");
    workspace.write("docs/a.txt", "changed\n");
    workspace.write("docs/new.txt", "new\n");
    fs::remove_dir_all(workspace.path("docs/deep")).unwrap();
    let images =
        HELLO.replace("[\"/hello\"]", "[\"/bin/hello\"]") + "[[image]]\nname = \"more\"\nsource = \"rootfs:docs\"\n";
    workspace.define_as("1.1.0", &format!("{images}[[file]]\nsource = \"docs\"\npath = \"docs\"\n"));
    workspace.build("new.tar");
    let found: serde_json::Value =
        serde_json::from_str(&workspace.ok(&["diff", "old.tar", "new.tar", "--json"])).unwrap();
    assert_eq!((&found["old"]["version"], &found["new"]["version"]), (&"1.0.0".into(), &"1.1.0".into()));
    assert_eq!(found["images"]["added"], serde_json::json!(["more"]));
    assert_eq!(
        found["images"]["changed"],
        serde_json::json!([{"name": "hello", "layers": 1, "sharedLayers": 1, "newBytes": 0}])
    );
    assert_eq!(found["files"]["added"], serde_json::json!(["docs/new.txt"]));
    assert_eq!(found["files"]["removed"], serde_json::json!(["docs/deep/b.txt"]));
    assert_eq!(found["files"]["changed"], serde_json::json!(["docs/a.txt"]));
    assert!(found["blobs"]["sharedBytes"].as_u64().unwrap() > found["blobs"]["newBytes"].as_u64().unwrap());
    let text = workspace.ok(&["diff", "old.tar", "new.tar"]);
    assert!(text.starts_with("NOT VERIFIED") && text.contains("  ~ hello  1 of 1 layer shared"), "{text}");
}

#[test]
fn says_what_the_release_does_to_a_database() {
    let workspace = with_bundle();
    workspace.build("old.tar");
    let default = workspace.release("old.tar")["database"].clone();
    assert!(
        default["schema"].as_u64() >= default["reversibleTo"].as_u64() && default["reversibleTo"] != 0,
        "{default}"
    );
    workspace.define_as("1.1.0", &format!("database = {{ schema = 7, reversible_to = 6 }}\n{HELLO}"));
    workspace.build("new.tar");
    assert_eq!(workspace.release("new.tar")["database"], serde_json::json!({"schema": 7, "reversibleTo": 6}));
    assert!(workspace.ok(&["inspect", "new.tar"]).contains("\ndatabase schema 7, can go back to 6\n"));
    let text = workspace.ok(&["diff", "old.tar", "new.tar"]);
    assert!(text.contains(" becomes schema 7 (can go back to 6)\n"), "{text}");
}

#[test]
fn inspect_says_that_nothing_was_verified() {
    let workspace = with_bundle();
    workspace.build("acme.tar");
    let text = workspace.ok(&["inspect", "acme.tar"]);
    assert!(text.starts_with("NOT VERIFIED"), "{text}");
    let object: serde_json::Value = serde_json::from_str(&workspace.ok(&["inspect", "acme.tar", "--json"])).unwrap();
    assert_eq!(object["verified"], false);
}

#[test]
fn a_full_disk_makes_the_machine_unfit_and_nothing_stays_there() {
    let workspace = with_bundle();
    workspace.tool("mkdir", &["full"]);
    // A mount that goes away with its namespace: this test needs the right to make one.
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs full && {BUNDLER} build acme.toml --key k.key --out full --json; echo \"exit $?\"; ls -A full"
    );
    let printed = workspace.tool("unshare", &["-rm", "sh", "-c", &script]);
    let (report, rest) = printed.split_once("exit ").expect("an exit code");
    assert_eq!(rest.trim(), "6", "nothing is left: {printed}");
    let error: serde_json::Value = serde_json::from_str(report).unwrap();
    assert_eq!(error["error"]["code"], "disk_full");
    assert!(error["error"]["message"].as_str().unwrap().contains("1.00 MiB are free in full"), "{error}");
}

/// What needs minisign, skopeo or zstd besides; `make check` leaves it out.
mod needs_tools {
    use super::*;

    #[test]
    fn stock_tools_check_a_bundle_by_hand() {
        let workspace = with_bundle();
        workspace.build("acme.tar");
        workspace.tool("mkdir", &["x"]);
        workspace.tool("tar", &["-C", "x", "-xf", "acme.tar"]);
        let listed = workspace.tool("tar", &["-tvf", "acme.tar", "--numeric-owner", "--utc"]);
        assert!(
            listed.lines().all(|line| line.starts_with("-rw-r--r-- 0/0 ") && line.contains("1970-01-01 00:00")),
            "{listed}"
        );
        let names: Vec<&str> = listed.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        let signature = names[1];
        assert_eq!((names[0], &names[2..5]), ("landfall.json", &["oci-layout", "index.json", "manifest.json"][..]));
        workspace.tool("minisign", &["-V", "-p", "k.pub", "-m", "x/landfall.json", "-x", &format!("x/{signature}")]);
        for blob in &names[5..] {
            assert_eq!(format!("blobs/sha256/{}", sha256sum(&workspace.path("x").join(blob))), *blob);
        }
        let inspected: serde_json::Value =
            serde_json::from_str(&workspace.tool("skopeo", &["inspect", "oci-archive:acme.tar:hello"])).unwrap();
        let release = workspace.release("acme.tar");
        assert_eq!(inspected["Digest"], release["images"][0]["manifest"]);
        assert_eq!(inspected["Layers"][0], release["images"][0]["layers"][0]["blob"]);
        workspace.tool("skopeo", &["copy", "oci-archive:acme.tar:hello", "oci:copied:hello"]);
    }
}
