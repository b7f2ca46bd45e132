//! Ids name keys and prove nothing: one key under two of them, and two keys under one.

use crate::desk::Desk;
use crate::trust::{contents, id_of, key_of, office, sign, trust};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs;

/// The bytes of a person's public key.
fn public(desk: &Desk, person: &str) -> Vec<u8> {
    let file = fs::read_to_string(desk.path(&format!("{}.pub", key_of(person)))).unwrap();
    STANDARD.decode(file.lines().nth(1).unwrap()).unwrap()
}

/// Writes `file`, the public key of `person` in the name of another id.
fn rename(desk: &Desk, person: &str, id: &[u8], file: &str) {
    let mut bytes = public(desk, person);
    bytes[2..10].copy_from_slice(id);
    desk.write(file, STANDARD.encode(bytes) + "\n");
}

#[test]
fn a_leaked_key_never_returns_under_another_id() {
    let desk = office();
    trust(&desk, &["remove", &id_of(&desk, "cleo"), "--leaked"]);
    for _ in 0..2 {
        sign(&desk, "anna");
        assert_eq!(sign(&desk, "ben")["complete"], true);
        // Two versions later, only the oldest one lists the key that was revoked.
        rename(&desk, "cleo", b"12345678", "alias.pub");
        let before = contents(&desk, "office/trust");
        let error = desk.refused(2, &["trust", "add", "--key", "alias.pub", "--dir", "office/trust"]);
        assert!(error["message"].as_str().unwrap().contains("is revoked"), "{error}");
        assert_eq!(contents(&desk, "office/trust"), before);
        trust(&desk, &["add", "--key", if before.len() < 5 { "dora/dora.pub" } else { "k.pub" }]);
    }
}

#[test]
fn an_id_is_one_keys() {
    let desk = office();
    rename(&desk, "dora", &public(&desk, "anna")[2..10], "dora-as-anna.pub");
    let before = contents(&desk, "office/trust");
    let anna = id_of(&desk, "anna");
    for args in [&["add", "--key", "dora-as-anna.pub"][..], &["rotate", &anna, "dora-as-anna.pub"]] {
        let error = desk.refused(2, &[&["trust"], args, &["--dir", "office/trust"]].concat());
        assert!(error["message"].as_str().unwrap().contains("another key's already"), "{error}");
    }
    assert_eq!(contents(&desk, "office/trust"), before);
    let init = ["trust", "init", "--key", "anna/anna.pub", "dora-as-anna.pub", "--dir", "other"];
    assert_eq!(desk.refused(2, &init)["code"], "trust_root");
    assert!(!desk.path("other").exists());
}
