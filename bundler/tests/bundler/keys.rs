//! Keys and passwords.

use crate::workspace::Workspace;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_secret_key_is_its_owners_alone_and_never_overwritten() {
    let workspace = Workspace::new();
    let mode = |name: &str| fs::metadata(workspace.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("k.key"), 0o600);
    let before = fs::read(workspace.path("k.key")).unwrap();
    assert_eq!(workspace.refused(2, &["keygen", "--out", "k"])["code"], "exists");
    assert_eq!(fs::read(workspace.path("k.key")).unwrap(), before);
    workspace.write("half.pub", "x");
    assert_eq!(workspace.refused(2, &["keygen", "--out", "half"])["code"], "exists");
    assert!(!workspace.path("half.key").exists(), "half a pair is of no use");
}

#[test]
fn a_password_protects_a_key() {
    let workspace = Workspace::new();
    workspace.write("password", "correct horse\n");
    workspace.write("wrong", "battery staple\n");
    workspace.ok(&["keygen", "--out", "p", "--password-file", "password"]);
    workspace.define("");
    let build = |more: &[&'static str]| [&["build", "acme.toml", "--key", "p.key", "--out", "a.tar"], more].concat();
    assert_eq!(workspace.refused(2, &build(&[]))["code"], "password", "there is no terminal to ask on");
    assert_eq!(workspace.refused(2, &build(&["--password-file", "wrong"]))["code"], "secret_key");
    workspace.ok(&build(&["--password-file", "password"]));
    workspace.ok(&["verify", "a.tar", "--trust", "p.pub"]);
    assert!(!fs::read_to_string(workspace.path("p.key")).unwrap().contains("horse"));
}

#[test]
fn says_which_file_is_no_key() {
    let workspace = Workspace::new();
    workspace.define("");
    let build = |key: &'static str| ["build", "acme.toml", "--key", key];
    assert_eq!(workspace.refused(2, &build("none.key"))["code"], "missing_file");
    let error = workspace.refused(2, &build("k.pub"));
    assert!(error["message"].as_str().unwrap().contains("k.pub"), "{error}");
    assert_eq!(workspace.refused(2, &["verify", "a.tar", "--trust", "k.key"])["code"], "public_key");
    assert_eq!(workspace.refused(2, &["build", "acme.toml"])["code"], "usage");
}

#[test]
fn shows_what_keys_are_and_whether_they_may_sign() {
    let workspace = Workspace::new();
    workspace.write("password", "correct horse\n");
    workspace.ok(&["keygen", "--out", "p", "--password-file", "password"]);
    workspace.ok(&["trust", "init", "--key", "k.pub", "--key", "p.pub", "--threshold", "2"]);
    workspace.ok(&["keygen", "--out", "stranger"]);
    let line = fs::read_to_string(workspace.path("k.pub")).unwrap().lines().nth(1).unwrap().to_owned();
    let keys = ["k.key", "p.key", &line, "stranger.pub"];
    let shown = workspace.json(&[&["key", "--trust", "trust"], &keys[..]].concat());
    let of = |number: usize, field: &str| shown["keys"][number][field].clone();
    assert_eq!((of(0, "kind"), of(0, "protected"), of(0, "mode")), ("secret".into(), false.into(), "0600".into()));
    assert_eq!(of(0, "publicKey"), line);
    // No password is asked for: there is no terminal to ask on.
    assert_eq!((of(1, "protected"), of(1, "publicKeyFile")), (true.into(), "p.pub".into()));
    assert_eq!((of(2, "kind"), of(2, "keyId")), ("public".into(), of(0, "keyId")));
    let may_sign: Vec<_> = (0..4).map(|number| shown["keys"][number]["trust"]["maySign"].clone()).collect();
    assert_eq!(may_sign, [true, true, true, false]);
    let text = workspace.ok(&["key", "k.key", "--trust", "trust"]);
    assert!(text.contains(&line) && text.contains("may sign: 2 of the 2 keys of version 1 must"), "{text}");

    fs::remove_file(workspace.path("p.pub")).unwrap();
    let text = workspace.ok(&["key", "p.key", "--trust", "trust"]);
    assert!(text.contains("public   unknown") && text.contains("trust    unknown"), "{text}");
}

#[test]
fn a_secret_key_that_others_can_read_is_warned_of() {
    let workspace = Workspace::new();
    let warnings = |name: &str| String::from_utf8(workspace.run(&["key", name]).stderr).unwrap();
    assert_eq!(warnings("k.key"), "");
    fs::set_permissions(workspace.path("k.key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(warnings("k.key").contains("k.key has the mode 0644"), "{}", warnings("k.key"));
    assert_eq!(warnings("k.pub"), "");
}

#[test]
fn what_is_no_key_is_not_shown_as_one() {
    let workspace = Workspace::new();
    workspace.tool("mkfifo", &["pipe"]);
    workspace.write("notes", "RW are two letters\n");
    workspace.write("huge", vec![b'a'; 1 << 20]);
    for (name, code) in [
        ("none", "missing_file"),
        (".", "missing_file"),
        ("pipe", "missing_file"),
        ("/dev/zero", "missing_file"),
        ("notes", "not_a_key"),
        ("/bin/true", "not_a_key"),
        ("huge", "too_large"),
    ] {
        let error = workspace.refused(2, &["key", "k.pub", name]);
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].as_str().unwrap().contains(name), "{error}");
    }
    assert_eq!(workspace.refused(2, &["key", "k.pub", "--trust", "."])["code"], "missing_file");
}

/// What needs minisign, skopeo or zstd besides; `make check` leaves it out.
mod needs_tools {
    use super::*;

    #[test]
    fn minisigns_own_keys_sign_bundles() {
        let workspace = Workspace::new();
        workspace.tool("minisign", &["-G", "-W", "-p", "m.pub", "-s", "m.key"]);
        workspace.define("");
        let shown = workspace.json(&["key", "m.key", "m.pub"]);
        assert_eq!(shown["keys"][0]["keyId"], shown["keys"][1]["keyId"]);
        workspace.ok(&["build", "acme.toml", "--key", "m.key", "--key", "k.key", "--out", "a.tar"]);
        workspace.ok(&["verify", "a.tar", "--trust", "m.pub", "--trust", "k.pub", "--threshold", "2"]);
    }
}
