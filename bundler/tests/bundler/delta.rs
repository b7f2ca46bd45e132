//! Deltas: what they leave out, against which bases, and what is refused.

use crate::workspace::Workspace;
use landfall_keys::SecretKey;
use landfall_manifests::{Arch, Digest, Head, Inventory, InventoryRelease, Os, SignedInventory};
use std::fs;

const DELTA: &str = "acme-1.1.0-linux-amd64.delta.landfall.tar";

/// A workspace with `old.tar`, 1.0.0, and the definition of 1.1.0, in which a document and one layer of an image differ.
fn with_old() -> Workspace {
    let workspace = Workspace::new();
    workspace.rootfs("root");
    workspace.write("app/main.js", "one\n");
    workspace.write("docs/a.txt", "a\n");
    define(&workspace, "1.0.0");
    workspace.build("old.tar");
    workspace.write("app/main.js", "two\n");
    workspace.write("docs/b.txt", "b\n");
    define(&workspace, "1.1.0");
    workspace
}

fn define(workspace: &Workspace, version: &str) {
    let image = |name: &str, source: &str| {
        format!("[[image]]\nname = \"{name}\"\nsource = \"rootfs:{source}\"\nentrypoint = [\"/hello\"]\n")
    };
    let images = image("hello", "root") + &image("app", "app");
    workspace.define_as(version, &format!("{images}[[file]]\nsource = \"docs\"\npath = \"docs\"\n"));
}

fn size(workspace: &Workspace, name: &str) -> u64 {
    fs::metadata(workspace.path(name)).unwrap().len()
}

#[test]
fn a_delta_leaves_out_what_its_base_has() {
    let workspace = with_old();
    let full = workspace.build("new.tar");
    let built = workspace.json(&["build", "acme.toml", "--key", "k.key", "--base", "old.tar"]);
    assert_eq!(built["path"], DELTA);
    assert_eq!((&built["base"]["versions"][0], &built["size"]), (&"1.0.0".into(), &size(&workspace, DELTA).into()));
    // The 3 MB of the image's base are there already.
    assert!(size(&workspace, DELTA) < 300_000 && full.len() > 3_000_000, "{}", size(&workspace, DELTA));
    // All that the release is stands in the manifest; base and layout aside, it is the full one's.
    let (mut delta, full) = (workspace.release(DELTA), workspace.release("new.tar"));
    let base = delta["base"].take();
    assert_eq!(delta, full);
    let old = workspace.release("old.tar");
    let blobs = |release: &serde_json::Value| -> Vec<String> {
        release["blobs"].as_array().unwrap().iter().map(|blob| blob["digest"].as_str().unwrap().to_owned()).collect()
    };
    let mut shared = blobs(&full);
    shared.retain(|blob| blobs(&old).contains(blob));
    assert_eq!(base["omitted"], serde_json::json!(shared));
    assert_eq!(workspace.json(&["verify", DELTA, "--trust", "k.pub"])["base"]["omitted"], shared.len());
    // Nothing is left of the full bundle that it was cut out of.
    assert!(workspace.names().iter().all(|name| !name.starts_with('.')), "{:?}", workspace.names());
}

#[test]
fn a_delta_is_the_same_whichever_command_makes_it() {
    let workspace = with_old();
    workspace.build("new.tar");
    let cut = ["delta", "new.tar", "--base", "old.tar", "--key", "k.key", "--out"];
    workspace.ok(&[&cut[..], &["cut.tar"]].concat());
    workspace.ok(&["build", "acme.toml", "--key", "k.key", "--base", "old.tar", "--out", "built.tar"]);
    assert!(fs::read(workspace.path("cut.tar")).unwrap() == fs::read(workspace.path("built.tar")).unwrap());
    // In parts, signed again, shown and compared like any bundle.
    workspace.ok(&[&cut[..], &["parts.tar", "--split", "100000"]].concat());
    workspace.ok(&["verify", "parts.tar", "--trust", "k.pub"]);
    workspace.ok(&["keygen", "--out", "second"]);
    workspace.ok(&["sign", "cut.tar", "--key", "second.key"]);
    workspace.ok(&["verify", "cut.tar", "--trust", "k.pub", "--trust", "second.pub", "--threshold", "2"]);
    assert!(workspace.ok(&["inspect", "cut.tar"]).contains("delta on 1.0.0, without"));
    workspace.ok(&["diff", "old.tar", "cut.tar"]);
}

#[test]
fn of_several_bases_only_what_each_has_is_left_out() {
    let workspace = with_old();
    workspace.build("new.tar");
    workspace.write("other/bin/hello", "another base\n");
    let body = "[[image]]\nname = \"hello\"\nsource = \"rootfs:other\"\nentrypoint = [\"/hello\"]\n";
    workspace.define_as("0.9.0", body);
    workspace.build("older.tar");
    let cut = |bases: &[&str]| {
        let bases: Vec<&str> = bases.iter().flat_map(|base| ["--base", base]).collect();
        let made = workspace.json(&[&["delta", "new.tar", "--key", "k.key", "--out", "cut.tar"], &bases[..]].concat());
        (made["base"]["versions"].clone(), workspace.release("cut.tar")["base"]["omitted"].as_array().unwrap().len())
    };
    let (versions, both) = cut(&["old.tar", "older.tar", "old.tar"]);
    assert_eq!(versions, serde_json::json!(["1.0.0", "0.9.0"]));
    let (_, one) = cut(&["old.tar"]);
    assert!(0 < both && both < one, "{both} of {one}");
}

#[test]
fn refuses_bases_that_no_host_goes_on_from() {
    let workspace = with_old();
    workspace.build("new.tar");
    let cut = |full: &str, base: &str| ["delta", full, "--base", base, "--key", "k.key"].map(str::to_owned).to_vec();
    let refused = |exit: i32, words: &[String]| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        workspace.refused(exit, &words)["code"].as_str().unwrap().to_owned()
    };
    workspace.write(
        "stranger.toml",
        fs::read_to_string(workspace.path("acme.toml")).unwrap().replace("\"acme\"", "\"other\""),
    );
    workspace.ok(&["build", "stranger.toml", "--key", "k.key", "--out", "stranger.tar"]);
    assert_eq!(refused(5, &cut("new.tar", "stranger.tar")), "product");
    workspace.write(
        "later.toml",
        fs::read_to_string(workspace.path("acme.toml")).unwrap().replace("serial = 1", "serial = 2"),
    );
    workspace.ok(&["build", "later.toml", "--key", "k.key", "--out", "later.tar"]);
    assert_eq!(refused(5, &cut("new.tar", "later.tar")), "downgrade");
    workspace.ok(&["delta", "new.tar", "--base", "old.tar", "--key", "k.key"]);
    assert_eq!(refused(2, &cut(DELTA, "old.tar")), "delta");
    workspace.write("notes.tar", "no bundle ".repeat(100));
    assert_eq!(refused(3, &cut("new.tar", "notes.tar")), "not_a_bundle");
    let onto_base = [cut("new.tar", "old.tar"), vec!["--out".to_owned(), "old.tar".to_owned()]].concat();
    assert_eq!(refused(2, &onto_base), "exists");
}

#[test]
fn a_layer_that_changed_in_few_places_is_a_small_difference() {
    let workspace = with_old();
    let hello = workspace.path("root/bin/hello");
    let mut bytes = fs::read(&hello).unwrap();
    bytes[1_000_000] ^= 1;
    bytes.splice(2_000_000..2_000_000, *b"something that is new in between");
    fs::write(&hello, bytes).unwrap();
    workspace.build("new.tar");
    let cut = ["delta", "new.tar", "--base", "old.tar", "--key", "k.key", "--out"];
    let made = workspace.json(&[&cut[..], &["cut.tar"]].concat());
    assert_eq!(made["base"]["made"], 1, "{made}");
    assert!(size(&workspace, "cut.tar") < 300_000, "{}", size(&workspace, "cut.tar"));
    workspace.ok(&["verify", "cut.tar", "--trust", "k.pub"]);
    workspace.ok(&[&cut[..], &["again.tar"]].concat());
    assert!(fs::read(workspace.path("cut.tar")).unwrap() == fs::read(workspace.path("again.tar")).unwrap());
    // A delta serves as a base as well, for what it leaves out.
    let next = workspace.json(&["delta", "new.tar", "--base", "cut.tar", "--key", "k.key", "--out", "next.tar"]);
    assert_eq!(
        (&next["base"]["made"], &next["base"]["omitted"]),
        (&0.into(), &workspace.release("new.tar")["blobs"].as_array().unwrap().len().into())
    );
}

/// The inventory of a host that has the release in the bundle `old`, but for its blob `without`; signed with `key`.
fn inventory(workspace: &Workspace, old: &str, without: usize, key: &SecretKey) {
    let release = workspace.release(old);
    let mut blobs: Vec<Digest> = release["blobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|blob| blob["digest"].as_str().unwrap().parse().unwrap())
        .collect();
    blobs.remove(without);
    let head = Head::read(&mut fs::File::open(workspace.path(old)).unwrap()).unwrap();
    let running = InventoryRelease {
        version: "1.0.0".parse().unwrap(),
        serial: 1.try_into().unwrap(),
        manifest: Digest::of(head.manifest()),
    };
    let inventory = Inventory {
        schema: 1,
        product: "acme".parse().unwrap(),
        os: Os::Linux,
        arch: Arch::of_this_program().unwrap(),
        installation: "0123456789abcdef".repeat(2),
        releases: vec![running],
        blobs: blobs.into_iter().collect(),
    };
    let signed = SignedInventory::new(&inventory, key).unwrap();
    workspace.write("host.json", serde_json::to_vec(&signed).unwrap());
    workspace.write("host.pub", key.public_key().to_file());
}

#[test]
fn a_host_says_itself_what_a_delta_for_it_leaves_out() {
    let workspace = with_old();
    let host = SecretKey::generate().unwrap();
    let omitted = |bundle: &str| workspace.release(bundle)["base"]["omitted"].as_array().unwrap().clone();
    let by_bundle = ["build", "acme.toml", "--key", "k.key", "--base", "old.tar", "--out", "by-bundle.tar"];
    workspace.ok(&by_bundle);
    let missing = workspace.release("old.tar")["blobs"]
        .as_array()
        .unwrap()
        .iter()
        .position(|blob| omitted("by-bundle.tar").contains(&blob["digest"]));
    inventory(&workspace, "old.tar", missing.unwrap(), &host);
    let build = ["build", "acme.toml", "--key", "k.key", "--base", "host.json"];
    workspace.ok(&[&build[..], &["--host-key", "host.pub", "--out", "by-host.tar"]].concat());
    assert_eq!(omitted("by-host.tar").len(), omitted("by-bundle.tar").len() - 1);
    assert_eq!(workspace.release("by-host.tar")["base"]["version"], "1.0.0");
    workspace.ok(&["verify", "by-host.tar", "--trust", "k.pub"]);
    // The same hosts' word counts once, however many they are.
    let many = ["--base", "host.json"].repeat(20);
    workspace.ok(&[&build[..], &many, &["--out", "by-many.tar"]].concat());
    assert!(fs::read(workspace.path("by-many.tar")).unwrap() == fs::read(workspace.path("by-host.tar")).unwrap());
    // With the old bundle beside it, what differs is made from what the host has.
    workspace.ok(&[&build[..], &["--base", "old.tar", "--out", "both.tar"]].concat());
    let both = workspace.release("both.tar");
    assert_eq!(
        (both["base"]["omitted"].clone(), both["base"]["others"].is_array()),
        (omitted("by-host.tar").into(), false)
    );

    let error = workspace.refused(4, &[&build[..], &["--host-key", "k.pub"]].concat());
    assert_eq!(error["code"], "untrusted", "{error}");
    let text = fs::read_to_string(workspace.path("host.json")).unwrap();
    workspace.write("host.json", text.replace("1.0.0", "0.9.0"));
    assert_eq!(workspace.refused(4, &build)["code"], "untrusted");
    workspace.write("host.json", "{}");
    assert_eq!(workspace.refused(3, &build)["code"], "inventory");
}
