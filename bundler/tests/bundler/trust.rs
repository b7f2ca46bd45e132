//! Trust roots: made, changed and signed by people on their own machines, and packed into bundles.

use crate::workspace::{Workspace, sha256sum};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// Anna, Ben and Cleo, each with a folder and a key of their own, and `office/trust`: two of the three must sign.
pub(crate) fn office() -> Workspace {
    let workspace = Workspace::new();
    for person in ["anna", "ben", "cleo", "dora"] {
        fs::create_dir(workspace.path(person)).unwrap();
        workspace.ok(&["keygen", "--out", &key_of(person)]);
    }
    let keys = ["anna", "ben", "cleo"].map(|person| format!("{}.pub", key_of(person)));
    let [anna, ben, cleo] = keys.each_ref().map(String::as_str);
    workspace.ok(&["trust", "init", "--key", anna, "--key", ben, cleo, "--threshold", "2", "--dir", "office/trust"]);
    workspace
}

/// `anna/k`: each has a name for nobody but themselves.
pub(crate) fn key_of(person: &str) -> String {
    format!("{person}/{person}")
}

pub(crate) fn id_of(workspace: &Workspace, person: &str) -> String {
    let file = fs::read_to_string(workspace.path(&format!("{}.pub", key_of(person)))).unwrap();
    file.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned()
}

fn json(workspace: &Workspace, args: &[&str]) -> Value {
    serde_json::from_str(&workspace.ok(&[args, &["--json"]].concat())).unwrap()
}

pub(crate) fn trust(workspace: &Workspace, args: &[&str]) -> Value {
    json(workspace, &[&["trust"], args, &["--dir", "office/trust"]].concat())
}

pub(crate) fn sign(workspace: &Workspace, person: &str) -> Value {
    trust(workspace, &["sign", "--key", &format!("{}.key", key_of(person))])
}

/// Every file of a folder and what is in it.
pub(crate) fn contents(workspace: &Workspace, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(workspace.path(folder)).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default()))
        .collect()
}

fn names(workspace: &Workspace, folder: &str) -> Vec<String> {
    contents(workspace, folder).into_keys().collect()
}

fn define(workspace: &Workspace) {
    let runtime = format!("[runtime]\nbinary = \"{0}\"\ninstaller = \"{0}\"\n", crate::workspace::PROGRAM);
    let release = "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\ntrust = \"office/trust\"\n";
    workspace.write("acme.toml", format!("{release}{runtime}"));
}

/// The office with a definition, after anna and ben have signed a second root, which trusts dora as well.
fn office_with_two_roots() -> Workspace {
    let workspace = office();
    define(&workspace);
    trust(&workspace, &["add", "--key", "dora/dora.pub"]);
    sign(&workspace, "anna");
    sign(&workspace, "ben");
    workspace
}

#[test]
fn a_bundle_brings_the_chain_and_says_so() {
    let workspace = office();
    define(&workspace);
    let build = ["build", "acme.toml", "--key", "anna/anna.key", "--key", "dora/dora.key", "--out", "a.tar"];
    workspace.ok(&build);
    let root = |version: u32| fs::read_to_string(workspace.path(&format!("office/trust/{version}.root.json"))).unwrap();
    let first = serde_json::json!([{"root": root(1), "signatures": []}]);
    assert_eq!(workspace.release("a.tar")["trust"], first, "new hosts are offered it");
    assert!(!workspace.ok(&["inspect", "a.tar"]).contains("signed by  (claimed)"), "nobody signs the first root");
    fs::rename(workspace.path("a.tar"), workspace.path("before.tar")).unwrap();

    trust(&workspace, &["add", "--key", "dora/dora.pub"]);
    assert_eq!(workspace.refused(2, &build)["code"], "unsigned_root");
    sign(&workspace, "anna");
    sign(&workspace, "ben");
    assert_eq!(json(&workspace, &build)["trust"], 2);
    let shown = json(&workspace, &["inspect", "a.tar"]);
    let mut signers = [id_of(&workspace, "anna"), id_of(&workspace, "ben")];
    signers.sort();
    assert_eq!(shown["trust"]["version"], 2);
    assert_eq!(shown["trust"]["signers"], serde_json::json!(signers));
    let brought = [&shown["release"]["trust"][0]["root"], &shown["release"]["trust"][1]["root"]];
    assert_eq!(brought, [&root(1), &root(2)]);
    let text = workspace.ok(&["inspect", "a.tar"]);
    assert!(text.contains(&format!("root version 2 (2 of {}", id_of(&workspace, "anna"))), "{text}");
    let printed = workspace.ok(&["diff", "before.tar", "a.tar"]);
    assert!(printed.contains("trust  root version 1 becomes root version 2\n"), "{printed}");
    workspace.ok(&["verify", "a.tar", "--trust", "anna/anna.pub", "--trust", "dora/dora.pub", "--threshold", "2"]);
}

#[test]
fn the_same_roots_give_the_same_bundle_wherever_they_lie() {
    let workspace = office_with_two_roots();
    let build = |out| ["build", "acme.toml", "--key", "anna/anna.key", "--key", "ben/ben.key", "--out", out];
    workspace.ok(&build("a.tar"));
    let files = contents(&workspace, "office/trust");
    fs::remove_dir_all(workspace.path("office")).unwrap();
    for (name, content) in files.iter().rev() {
        workspace.write(&format!("office/trust/{name}"), content);
    }
    workspace.ok(&build("b.tar"));
    assert_eq!(sha256sum(&workspace.path("a.tar")), sha256sum(&workspace.path("b.tar")));
}

#[test]
fn warns_of_a_release_that_too_few_of_the_newest_keys_sign() {
    let workspace = office();
    define(&workspace);
    let build = |key: &'static str| {
        let output = workspace.run(&["build", "acme.toml", "--key", key, "--out", "a.tar", "--quiet"]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let printed = build("anna/anna.key");
    assert!(printed.contains("1 more of") && printed.contains(&id_of(&workspace, "ben")), "{printed}");
    workspace.ok(&["sign", "a.tar", "--key", "ben/ben.key"]);
    workspace.ok(&["verify", "a.tar", "--trust", "anna/anna.pub", "--trust", "ben/ben.pub", "--threshold", "2"]);
    assert!(build("k.key").contains("2 more of"), "a stranger's key counts for nothing");
}

#[test]
fn a_leaked_key_never_returns() {
    let workspace = office();
    let cleo = id_of(&workspace, "cleo");
    let made = trust(&workspace, &["remove", &cleo, "--leaked"]);
    assert_eq!((&made["revoked"][0], &made["changes"]["revoked"][0]), (&cleo.as_str().into(), &cleo.as_str().into()));
    sign(&workspace, "anna");
    // The old version's keys may still sign what revokes one of them, and that one may as well.
    assert_eq!(sign(&workspace, "cleo")["complete"], false, "the new version asks for two of its own");
    assert_eq!(sign(&workspace, "ben")["complete"], true);
    let again = ["trust", "add", "--key", "cleo/cleo.pub", "--dir", "office/trust"];
    let error = workspace.refused(2, &again);
    assert!(error["message"].as_str().unwrap().contains("is revoked"), "{error}");
    assert!(!workspace.path("office/trust/3.root.json").exists());
}

/// Two of three keys are lost: nobody can sign the next version.
#[test]
fn begins_anew_where_too_few_keys_are_left() {
    let workspace = office();
    let cleo = id_of(&workspace, "cleo");
    let init = ["trust", "init", "--key", "dora/dora.pub", "--version", "2", "--revoke", &cleo, "--dir", "anew"];
    let made = json(&workspace, &init);
    assert_eq!((&made["complete"], &made["signatures"][0]["missing"]), (&false.into(), &1.into()));
    define(&workspace);
    let definition = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    workspace.write("acme.toml", definition.replace("office/trust", "anew"));
    let build = ["build", "acme.toml", "--key", "dora/dora.key", "--out", "a.tar"];
    assert_eq!(workspace.refused(2, &build)["code"], "unsigned_root");
    let printed = workspace.ok(&["trust", "sign", "--key", "dora/dora.key", "--dir", "anew"]);
    assert!(
        printed.contains(&format!("trust import anew --replace {}", made["digest"].as_str().unwrap())),
        "{printed}"
    );
    assert_eq!(json(&workspace, &build)["trust"], 2);
    assert_eq!(json(&workspace, &["inspect", "a.tar"])["trust"]["revoked"][0], cleo);
}

#[test]
fn goes_on_only_from_a_version_that_is_signed() {
    let workspace = office();
    let add = ["trust", "add", "--key", "dora/dora.pub", "--dir", "office/trust"];
    workspace.ok(&add);
    let error = workspace.refused(2, &["trust", "remove", &id_of(&workspace, "anna"), "--dir", "office/trust"]);
    assert_eq!(error["code"], "unsigned_root");
    assert!(error["message"].as_str().unwrap().contains("2 more keys of version 1"), "{error}");
    sign(&workspace, "anna");

    // A mistake is deleted by hand; signatures over it must not be taken for ones over the next try.
    fs::remove_file(workspace.path("office/trust/2.root.json")).unwrap();
    let error = workspace.refused(2, &add);
    assert!(error["message"].as_str().unwrap().contains(".minisig already exists"), "{error}");
    fs::remove_file(workspace.path(&format!("office/trust/2.root.json.{}.minisig", id_of(&workspace, "anna"))))
        .unwrap();
    workspace.ok(&add);
}

#[test]
fn refuses_what_makes_no_sense_and_leaves_the_folder_as_it_was() {
    let workspace = office();
    let anna = id_of(&workspace, "anna");
    let before = contents(&workspace, "office/trust");
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
        let error = workspace.refused(2, &[&["trust"], args, &["--dir", "office/trust"]].concat());
        assert_eq!(error["code"], code, "{args:?}: {error}");
    }
    assert_eq!(contents(&workspace, "office/trust"), before);
    for command in [&["show"][..], &["sign", "--key", "k.key"], &["add", "--key", "k.pub"]] {
        assert_eq!(workspace.refused(2, &[&["trust"], command].concat())["code"], "missing_file", "{command:?}");
    }
    assert!(!workspace.path("trust").exists(), "there was no folder of that name, and there is none now");
    assert_eq!(workspace.refused(2, &["trust", "init", "--key", "k.pub", "--threshold", "2"])["code"], "trust_root");
    assert!(!workspace.path("trust").exists());
}

#[test]
fn refuses_roots_that_hosts_would_refuse() {
    let workspace = office_with_two_roots();
    let (one, two) = ("office/trust/1.root.json", "office/trust/2.root.json");
    let (first, second) =
        (fs::read_to_string(workspace.path(one)).unwrap(), fs::read_to_string(workspace.path(two)).unwrap());
    let forged = second.replace("\"threshold\": 2", "\"threshold\": 1");
    let table = [
        (two, forged.as_str(), "does not match"),
        (two, second.trim_end(), "is not in the form in which roots are written"),
        (two, &first, "holds version 1"),
        (two, "{}", "does not parse"),
        (one, &second, "holds version 2"),
    ];
    for (file, text, says) in table {
        workspace.write(file, text);
        for args in [&["trust", "show", "--dir", "office/trust"][..], &["build", "acme.toml", "--key", "k.key"]] {
            let error = workspace.refused(4, args);
            assert_eq!(error["code"], "trust_chain");
            assert!(error["message"].as_str().unwrap().contains(says), "{error}");
        }
        workspace.write(one, &first);
        workspace.write(two, &second);
    }
    fs::remove_file(workspace.path(two)).unwrap();
    workspace.tool("mkfifo", &[two]);
    assert_eq!(workspace.refused(2, &["trust", "show", "--dir", "office/trust"])["code"], "missing_file");
}

/// What needs minisign, skopeo or zstd besides; `make check` leaves it out.
mod needs_tools {
    use super::*;

    /// The way that the README tells: the root goes out to those who sign, and each sends one file back.
    #[test]
    fn three_people_change_keys_each_on_their_own_machine() {
        let workspace = office();
        let (cleo, dora) = (id_of(&workspace, "cleo"), id_of(&workspace, "dora"));
        let made = trust(&workspace, &["rotate", &cleo, "dora/dora.pub"]);
        assert_eq!((&made["version"], &made["complete"]), (&2.into(), &false.into()));
        assert_eq!(made["digest"], format!("sha256:{}", sha256sum(&workspace.path("office/trust/2.root.json"))));
        assert_eq!(
            (&made["changes"]["added"][0], &made["changes"]["removed"][0]),
            (&dora.as_str().into(), &cleo.as_str().into())
        );
        assert_eq!((&made["signatures"][0]["missing"], &made["signatures"][1]["missing"]), (&2.into(), &2.into()));

        // Anna signs with this program on her machine, and Ben with minisign on his.
        for person in ["anna", "ben"] {
            workspace.tool("cp", &["-r", "office/trust", person]);
        }
        workspace.ok(&["trust", "sign", "--dir", "anna/trust", "--key", "anna/anna.key"]);
        workspace.tool("minisign", &["-S", "-s", "ben/ben.key", "-m", "ben/trust/2.root.json"]);
        let anna = format!("2.root.json.{}.minisig", id_of(&workspace, "anna"));
        workspace.tool("cp", &[&format!("anna/trust/{anna}"), "office/trust/"]);
        let half = trust(&workspace, &["show"]);
        assert_eq!(
            (&half["newest"]["complete"], &half["newest"]["signatures"][0]["missing"]),
            (&false.into(), &1.into())
        );
        workspace.tool("cp", &["ben/trust/2.root.json.minisig", "office/trust/"]);

        let whole = trust(&workspace, &["show"]);
        assert_eq!((&whole["newest"]["complete"], &whole["versions"][1]["version"]), (&true.into(), &2.into()));
        assert_eq!(names(&workspace, "office/trust"), ["1.root.json", "2.root.json", &anna, "2.root.json.minisig"]);
        // Neither saw a secret key but their own, and minisign takes what this program signed.
        assert_eq!(names(&workspace, "anna"), ["anna.key", "anna.pub", "trust"]);
        let signature = format!("office/trust/{anna}");
        workspace.tool("minisign", &["-V", "-p", "anna/anna.pub", "-m", "office/trust/2.root.json", "-x", &signature]);
    }

    #[test]
    fn signing_again_replaces_nothing_but_the_own_file() {
        let workspace = office();
        trust(&workspace, &["add", "--key", "dora/dora.pub"]);
        sign(&workspace, "ben");
        let before = contents(&workspace, "office/trust");
        let own = format!("office/trust/2.root.json.{}.minisig", id_of(&workspace, "ben"));
        workspace.write(&own, "half a file");
        assert_eq!(workspace.refused(4, &["trust", "show", "--dir", "office/trust"])["code"], "trust_chain");
        sign(&workspace, "ben");
        assert_eq!(contents(&workspace, "office/trust"), before);

        workspace.tool("minisign", &["-S", "-s", "anna/anna.key", "-m", "office/trust/2.root.json"]);
        assert_eq!(sign(&workspace, "anna")["signature"], Value::Null, "she has, in a file of another name");
        assert_eq!(names(&workspace, "office/trust").len(), before.len() + 1);
    }
}
