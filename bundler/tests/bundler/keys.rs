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

/// What needs minisign, skopeo or zstd besides; `make check` leaves it out.
mod needs_tools {
    use super::*;

    #[test]
    fn minisigns_own_keys_sign_bundles() {
        let workspace = Workspace::new();
        workspace.tool("minisign", &["-G", "-W", "-p", "m.pub", "-s", "m.key"]);
        workspace.define("");
        workspace.ok(&["build", "acme.toml", "--key", "m.key", "--key", "k.key", "--out", "a.tar"]);
        workspace.ok(&["verify", "a.tar", "--trust", "m.pub", "--trust", "k.pub", "--threshold", "2"]);
    }
}
