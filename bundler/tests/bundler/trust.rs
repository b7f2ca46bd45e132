//! Trust roots: made, changed and signed by people on their own machines, and packed into bundles.

use crate::desk::{Desk, sha256sum};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// Anna, Ben and Cleo, each with a folder and a key of their own, and `office/trust`: two of the three must sign.
pub(crate) fn office() -> Desk {
    let desk = Desk::new();
    for person in ["anna", "ben", "cleo", "dora"] {
        fs::create_dir(desk.path(person)).unwrap();
        desk.ok(&["keygen", "--out", &key_of(person)]);
    }
    let keys = ["anna", "ben", "cleo"].map(|person| format!("{}.pub", key_of(person)));
    let [anna, ben, cleo] = keys.each_ref().map(String::as_str);
    desk.ok(&["trust", "init", "--key", anna, "--key", ben, cleo, "--threshold", "2", "--dir", "office/trust"]);
    desk
}

/// `anna/k`: each has a name for nobody but themselves.
pub(crate) fn key_of(person: &str) -> String {
    format!("{person}/{person}")
}

pub(crate) fn id_of(desk: &Desk, person: &str) -> String {
    let file = fs::read_to_string(desk.path(&format!("{}.pub", key_of(person)))).unwrap();
    file.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned()
}

fn json(desk: &Desk, args: &[&str]) -> Value {
    serde_json::from_str(&desk.ok(&[args, &["--json"]].concat())).unwrap()
}

pub(crate) fn trust(desk: &Desk, args: &[&str]) -> Value {
    json(desk, &[&["trust"], args, &["--dir", "office/trust"]].concat())
}

pub(crate) fn sign(desk: &Desk, person: &str) -> Value {
    trust(desk, &["sign", "--key", &format!("{}.key", key_of(person))])
}

/// Every file of a folder and what is in it.
pub(crate) fn contents(desk: &Desk, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(desk.path(folder)).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default()))
        .collect()
}

fn names(desk: &Desk, folder: &str) -> Vec<String> {
    contents(desk, folder).into_keys().collect()
}

fn define(desk: &Desk) {
    let runtime = format!("[runtime]\nbinary = \"{0}\"\ninstaller = \"{0}\"\n", crate::desk::PROGRAM);
    let release = "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\ntrust = \"office/trust\"\n";
    desk.write("acme.toml", format!("{release}{runtime}"));
}

#[test]
fn a_bundle_brings_the_chain_and_says_so() {
    let desk = office();
    define(&desk);
    let build = ["build", "acme.toml", "--key", "anna/anna.key", "--key", "dora/dora.key", "--out", "a.tar"];
    desk.ok(&build);
    assert_eq!(desk.release("a.tar").get("trust"), None, "a host is told the first root by hand");
    fs::rename(desk.path("a.tar"), desk.path("before.tar")).unwrap();

    trust(&desk, &["add", "--key", "dora/dora.pub"]);
    assert_eq!(desk.refused(2, &build)["code"], "unsigned_root");
    sign(&desk, "anna");
    sign(&desk, "ben");
    assert_eq!(json(&desk, &build)["trust"], 2);
    let shown = json(&desk, &["inspect", "a.tar"]);
    let mut signers = [id_of(&desk, "anna"), id_of(&desk, "ben")];
    signers.sort();
    assert_eq!(shown["trust"]["version"], 2);
    assert_eq!(shown["trust"]["signers"], serde_json::json!(signers));
    let root = fs::read_to_string(desk.path("office/trust/2.root.json")).unwrap();
    assert_eq!(shown["release"]["trust"][0]["root"], root);
    let text = desk.ok(&["inspect", "a.tar"]);
    assert!(text.contains(&format!("root version 2 (2 of {}", id_of(&desk, "anna"))), "{text}");
    let said = desk.ok(&["diff", "before.tar", "a.tar"]);
    assert!(said.contains("trust  what hosts were told by hand becomes root version 2\n"), "{said}");
    desk.ok(&["verify", "a.tar", "--trust", "anna/anna.pub", "--trust", "dora/dora.pub", "--threshold", "2"]);
}

#[test]
fn the_same_roots_give_the_same_bundle_wherever_they_lie() {
    let desk = office();
    define(&desk);
    trust(&desk, &["add", "--key", "dora/dora.pub"]);
    sign(&desk, "ben");
    sign(&desk, "anna");
    let build = |out| ["build", "acme.toml", "--key", "anna/anna.key", "--key", "ben/ben.key", "--out", out];
    desk.ok(&build("a.tar"));
    let files = contents(&desk, "office/trust");
    fs::remove_dir_all(desk.path("office")).unwrap();
    for (name, content) in files.iter().rev() {
        desk.write(&format!("office/trust/{name}"), content);
    }
    desk.ok(&build("b.tar"));
    assert_eq!(sha256sum(&desk.path("a.tar")), sha256sum(&desk.path("b.tar")));
}

#[test]
fn warns_of_a_release_that_too_few_of_the_newest_keys_sign() {
    let desk = office();
    define(&desk);
    let build = |key: &'static str| {
        let output = desk.run(&["build", "acme.toml", "--key", key, "--out", "a.tar", "--quiet"]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let said = build("anna/anna.key");
    assert!(said.contains("1 more of") && said.contains(&id_of(&desk, "ben")), "{said}");
    desk.ok(&["sign", "a.tar", "--key", "ben/ben.key"]);
    desk.ok(&["verify", "a.tar", "--trust", "anna/anna.pub", "--trust", "ben/ben.pub", "--threshold", "2"]);
    assert!(build("k.key").contains("2 more of"), "a stranger's key counts for nothing");
}

#[test]
fn a_leaked_key_never_returns() {
    let desk = office();
    let cleo = id_of(&desk, "cleo");
    let made = trust(&desk, &["remove", &cleo, "--leaked"]);
    assert_eq!((&made["revoked"][0], &made["changes"]["revoked"][0]), (&cleo.as_str().into(), &cleo.as_str().into()));
    sign(&desk, "anna");
    // The old version's keys may still sign what revokes one of them, and that one may as well.
    assert_eq!(sign(&desk, "cleo")["complete"], false, "the new version asks for two of its own");
    assert_eq!(sign(&desk, "ben")["complete"], true);
    let again = ["trust", "add", "--key", "cleo/cleo.pub", "--dir", "office/trust"];
    let error = desk.refused(2, &again);
    assert!(error["message"].as_str().unwrap().contains("is revoked"), "{error}");
    assert!(!desk.path("office/trust/3.root.json").exists());
}

/// Two of three keys are lost: nobody can sign the next version.
#[test]
fn begins_anew_where_too_few_keys_are_left() {
    let desk = office();
    let cleo = id_of(&desk, "cleo");
    let init = ["trust", "init", "--key", "dora/dora.pub", "--version", "2", "--revoke", &cleo, "--dir", "anew"];
    let made = json(&desk, &init);
    assert_eq!((&made["complete"], &made["signatures"][0]["missing"]), (&false.into(), &1.into()));
    define(&desk);
    let definition = fs::read_to_string(desk.path("acme.toml")).unwrap();
    desk.write("acme.toml", definition.replace("office/trust", "anew"));
    let build = ["build", "acme.toml", "--key", "dora/dora.key", "--out", "a.tar"];
    assert_eq!(desk.refused(2, &build)["code"], "unsigned_root");
    let said = desk.ok(&["trust", "sign", "--key", "dora/dora.key", "--dir", "anew"]);
    assert!(said.contains(&format!("trust import anew --replace {}", made["digest"].as_str().unwrap())), "{said}");
    assert_eq!(json(&desk, &build)["trust"], 2);
    assert_eq!(json(&desk, &["inspect", "a.tar"])["trust"]["revoked"][0], cleo);
}

#[test]
fn goes_on_only_from_a_version_that_is_signed() {
    let desk = office();
    let add = ["trust", "add", "--key", "dora/dora.pub", "--dir", "office/trust"];
    desk.ok(&add);
    let error = desk.refused(2, &["trust", "remove", &id_of(&desk, "anna"), "--dir", "office/trust"]);
    assert_eq!(error["code"], "unsigned_root");
    assert!(error["message"].as_str().unwrap().contains("2 more keys of version 1"), "{error}");
    sign(&desk, "anna");

    // A mistake is deleted by hand; signatures over it must not be taken for ones over the next try.
    fs::remove_file(desk.path("office/trust/2.root.json")).unwrap();
    let error = desk.refused(2, &add);
    assert!(error["message"].as_str().unwrap().contains(".minisig is there already"), "{error}");
    fs::remove_file(desk.path(&format!("office/trust/2.root.json.{}.minisig", id_of(&desk, "anna")))).unwrap();
    desk.ok(&add);
}

#[test]
fn refuses_what_makes_no_sense_and_leaves_the_folder_as_it_was() {
    let desk = office();
    let anna = id_of(&desk, "anna");
    let before = contents(&desk, "office/trust");
    let table: [(&[&str], &str); 14] = [
        (&["init", "--key", "dora/dora.pub"], "exists"),
        (&["add", "--key", "anna/anna.pub"], "trust_root"),
        (&["add", "--key", "anna/anna.key"], "public_key"),
        (&["add", "--key", "none.pub"], "missing_file"),
        (&["add", "--key", "dora/dora.pub", "--threshold", "5"], "trust_root"),
        (&["remove", "0123456789ABCDEF"], "trust_root"),
        (&["remove", "0123456789ABCDEF", "--leaked"], "unknown_key"),
        (&["remove", "anna"], "usage"),
        (&["rotate", "0123456789ABCDEF", "dora/dora.pub"], "trust_root"),
        (&["rotate", &anna, "ben/ben.pub"], "trust_root"),
        (&["rotate", &anna, "anna/anna.pub"], "trust_root"),
        (&["init", "--key", "dora/dora.pub", "--version", "1000001"], "usage"),
        (&["sign", "--key", "dora/dora.key"], "unknown_key"),
        (&["sign", "--key", "anna/anna.pub"], "secret_key"),
    ];
    for (args, code) in table {
        let error = desk.refused(2, &[&["trust"], args, &["--dir", "office/trust"]].concat());
        assert_eq!(error["code"], code, "{args:?}: {error}");
    }
    assert_eq!(contents(&desk, "office/trust"), before);
    for command in [&["show"][..], &["sign", "--key", "k.key"], &["add", "--key", "k.pub"]] {
        assert_eq!(desk.refused(2, &[&["trust"], command].concat())["code"], "missing_file", "{command:?}");
    }
    assert!(!desk.path("trust").exists(), "there was no folder of that name, and there is none now");
    assert_eq!(desk.refused(2, &["trust", "init", "--key", "k.pub", "--threshold", "2"])["code"], "trust_root");
    assert!(!desk.path("trust").exists());
}

#[test]
fn refuses_roots_that_hosts_would_not_believe() {
    let desk = office();
    define(&desk);
    trust(&desk, &["add", "--key", "dora/dora.pub"]);
    sign(&desk, "anna");
    sign(&desk, "ben");
    let (one, two) = ("office/trust/1.root.json", "office/trust/2.root.json");
    let (first, second) = (fs::read_to_string(desk.path(one)).unwrap(), fs::read_to_string(desk.path(two)).unwrap());
    let forged = second.replace("\"threshold\": 2", "\"threshold\": 1");
    let table = [
        (two, forged.as_str(), "does not match"),
        (two, second.trim_end(), "is not in the form in which roots are written"),
        (two, &first, "holds version 1"),
        (two, "{}", "does not parse"),
        (one, &second, "holds version 2"),
    ];
    for (file, text, says) in table {
        desk.write(file, text);
        for args in [&["trust", "show", "--dir", "office/trust"][..], &["build", "acme.toml", "--key", "k.key"]] {
            let error = desk.refused(4, args);
            assert_eq!(error["code"], "trust_chain");
            assert!(error["message"].as_str().unwrap().contains(says), "{error}");
        }
        desk.write(one, &first);
        desk.write(two, &second);
    }
    fs::remove_file(desk.path(two)).unwrap();
    desk.tool("mkfifo", &[two]);
    assert_eq!(desk.refused(2, &["trust", "show", "--dir", "office/trust"])["code"], "missing_file");
}

/// What needs minisign, skopeo or zstd besides; `make check` leaves it out.
mod needs_tools {
    use super::*;

    /// The way that the README tells: the root goes out to those who sign, and each sends one file back.
    #[test]
    fn three_people_change_keys_each_on_their_own_machine() {
        let desk = office();
        let (cleo, dora) = (id_of(&desk, "cleo"), id_of(&desk, "dora"));
        let made = trust(&desk, &["rotate", &cleo, "dora/dora.pub"]);
        assert_eq!((&made["version"], &made["complete"]), (&2.into(), &false.into()));
        assert_eq!(made["digest"], format!("sha256:{}", sha256sum(&desk.path("office/trust/2.root.json"))));
        assert_eq!(
            (&made["changes"]["added"][0], &made["changes"]["removed"][0]),
            (&dora.as_str().into(), &cleo.as_str().into())
        );
        assert_eq!((&made["signatures"][0]["missing"], &made["signatures"][1]["missing"]), (&2.into(), &2.into()));

        // Anna signs with this program on her machine, and Ben with minisign on his.
        for person in ["anna", "ben"] {
            desk.tool("cp", &["-r", "office/trust", person]);
        }
        desk.ok(&["trust", "sign", "--dir", "anna/trust", "--key", "anna/anna.key"]);
        desk.tool("minisign", &["-S", "-s", "ben/ben.key", "-m", "ben/trust/2.root.json"]);
        let anna = format!("2.root.json.{}.minisig", id_of(&desk, "anna"));
        desk.tool("cp", &[&format!("anna/trust/{anna}"), "office/trust/"]);
        let half = trust(&desk, &["show"]);
        assert_eq!(
            (&half["newest"]["complete"], &half["newest"]["signatures"][0]["missing"]),
            (&false.into(), &1.into())
        );
        desk.tool("cp", &["ben/trust/2.root.json.minisig", "office/trust/"]);

        let whole = trust(&desk, &["show"]);
        assert_eq!((&whole["newest"]["complete"], &whole["versions"][1]["version"]), (&true.into(), &2.into()));
        assert_eq!(names(&desk, "office/trust"), ["1.root.json", "2.root.json", &anna, "2.root.json.minisig"]);
        // Neither saw a secret key but their own, and minisign takes what this program signed.
        assert_eq!(names(&desk, "anna"), ["anna.key", "anna.pub", "trust"]);
        let signature = format!("office/trust/{anna}");
        desk.tool("minisign", &["-V", "-p", "anna/anna.pub", "-m", "office/trust/2.root.json", "-x", &signature]);
    }

    #[test]
    fn signing_again_replaces_nothing_but_the_own_file() {
        let desk = office();
        trust(&desk, &["add", "--key", "dora/dora.pub"]);
        sign(&desk, "ben");
        let before = contents(&desk, "office/trust");
        let own = format!("office/trust/2.root.json.{}.minisig", id_of(&desk, "ben"));
        desk.write(&own, "half a file");
        assert_eq!(desk.refused(4, &["trust", "show", "--dir", "office/trust"])["code"], "trust_chain");
        sign(&desk, "ben");
        assert_eq!(contents(&desk, "office/trust"), before);

        desk.tool("minisign", &["-S", "-s", "anna/anna.key", "-m", "office/trust/2.root.json"]);
        assert_eq!(sign(&desk, "anna")["signature"], Value::Null, "she has, in a file of another name");
        assert_eq!(names(&desk, "office/trust").len(), before.len() + 1);
    }
}
