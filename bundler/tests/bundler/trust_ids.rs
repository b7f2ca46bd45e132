//! Ids name keys and prove nothing: one key under two of them, and two keys under one.

use crate::trust::{contents, id_of, key_of, office, sign, trust};
use crate::workspace::Workspace;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs;

/// The bytes of a person's public key.
fn public(workspace: &Workspace, person: &str) -> Vec<u8> {
    let file = fs::read_to_string(workspace.path(&format!("{}.pub", key_of(person)))).unwrap();
    STANDARD.decode(file.lines().nth(1).unwrap()).unwrap()
}

/// Writes `file`, the public key of `person` in the name of another id.
fn rename(workspace: &Workspace, person: &str, id: &[u8], file: &str) {
    let mut bytes = public(workspace, person);
    bytes[2..10].copy_from_slice(id);
    workspace.write(file, STANDARD.encode(bytes) + "\n");
}

#[test]
fn a_leaked_key_never_returns_under_another_id() {
    let workspace = office();
    trust(&workspace, &["remove", &id_of(&workspace, "cleo"), "--leaked"]);
    for _ in 0..2 {
        sign(&workspace, "anna");
        assert_eq!(sign(&workspace, "ben")["complete"], true);
        // Two versions later, only the oldest one lists the key that was revoked.
        rename(&workspace, "cleo", b"12345678", "alias.pub");
        let before = contents(&workspace, "office/trust");
        let error = workspace.refused(2, &["trust", "add", "--key", "alias.pub", "--dir", "office/trust"]);
        assert!(error["message"].as_str().unwrap().contains("is revoked"), "{error}");
        assert_eq!(contents(&workspace, "office/trust"), before);
        trust(&workspace, &["add", "--key", if before.len() < 5 { "dora/dora.pub" } else { "k.pub" }]);
    }
}

#[test]
fn an_id_belongs_to_one_key() {
    let workspace = office();
    rename(&workspace, "dora", &public(&workspace, "anna")[2..10], "dora-as-anna.pub");
    let before = contents(&workspace, "office/trust");
    let anna = id_of(&workspace, "anna");
    for args in [&["add", "--key", "dora-as-anna.pub"][..], &["rotate", &anna, "dora-as-anna.pub"]] {
        let error = workspace.refused(2, &[&["trust"], args, &["--dir", "office/trust"]].concat());
        assert!(error["message"].as_str().unwrap().contains("another key's already"), "{error}");
    }
    assert_eq!(contents(&workspace, "office/trust"), before);
    let init = ["trust", "init", "--key", "anna/anna.pub", "dora-as-anna.pub", "--dir", "other"];
    assert_eq!(workspace.refused(2, &init)["code"], "trust_root");
    assert!(!workspace.path("other").exists());
}
