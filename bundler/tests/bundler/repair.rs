//! From a request to the patch that fulfils it, checked with the tools that a user has.

use crate::workspace::{Workspace, sha256sum};
use landfall_keys::{PublicKey, TrustedKeys};
use landfall_manifests::repair::RepairRequest;
use landfall_manifests::{Bundle, Digest, Head};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// A workspace with `acme.tar`, which holds a few files, and an image of 3 MB.
fn with_bundle() -> (Workspace, Vec<u8>) {
    let workspace = Workspace::new();
    workspace.rootfs("root");
    workspace.write("docs/a.txt", "a\n");
    let image = "[[image]]\nname = \"hello\"\nsource = \"rootfs:root\"\nentrypoint = [\"/hello\"]\n";
    workspace.define(&format!("{image}[[file]]\nsource = \"docs\"\npath = \"docs\"\n"));
    let bytes = workspace.build("acme.tar");
    (workspace, bytes)
}

fn opened(workspace: &Workspace, bytes: &[u8]) -> Bundle {
    let text = fs::read_to_string(workspace.path("k.pub")).unwrap();
    let key: PublicKey = text.lines().nth(1).unwrap().parse().unwrap();
    Head::read(&mut &*bytes).unwrap().verify(&TrustedKeys::new(vec![key], 1).unwrap()).unwrap()
}

/// Writes the request for the blobs with these indices, as a host does; their digests.
fn request(workspace: &Workspace, bytes: &[u8], indices: &[usize]) -> Vec<String> {
    let bundle = opened(workspace, bytes);
    let blobs = &bundle.release().blobs;
    let damaged: BTreeSet<Digest> = indices.iter().map(|index| blobs[*index].digest).collect();
    workspace.write("request.json", RepairRequest::of(&bundle, &damaged).to_json());
    blobs.iter().map(|blob| blob.digest).filter(|blob| damaged.contains(blob)).map(|blob| blob.hex()).collect()
}

const REPAIR: [&str; 4] = ["repair", "request.json", "--from", "acme.tar"];
const PATCH: &str = "acme-1.0.0-linux-amd64.patch.landfall.tar";

#[test]
fn a_patch_alone_is_distinguished_from_a_bundle() {
    let (workspace, bytes) = with_bundle();
    let count = opened(&workspace, &bytes).release().blobs.len();
    for indices in [&[][..], &[0], &[1, count - 1]] {
        request(&workspace, &bytes, indices);
        workspace.ok(&REPAIR);
        let error = workspace.refused(3, &["verify", PATCH, "--trust", "k.pub"]);
        assert_eq!(error["code"], "patch");
        let expected = format!(
            "{PATCH}: this is a patch that holds {} of {count} blobs: give it with --patch, together with the damaged bundle",
            indices.len()
        );
        assert_eq!(error["message"], expected);
    }
    request(&workspace, &bytes, &(0..count).collect::<Vec<_>>());
    workspace.ok(&REPAIR);
    assert!(fs::read(workspace.path(PATCH)).unwrap() == bytes, "a patch with all blobs is the bundle");
}

#[test]
fn whoever_cannot_read_the_head_is_brought_the_head() {
    let (workspace, bytes) = with_bundle();
    workspace.write("request.json", RepairRequest::Head.to_json());
    workspace.ok(&[&REPAIR[..], &["--out", "head.tar"]].concat());
    let patch = fs::read(workspace.path("head.tar")).unwrap();
    let (whole, head) = (opened(&workspace, &bytes), opened(&workspace, &patch));
    assert_eq!((head.manifest(), head.entries()), (whole.manifest(), whole.entries()));
    let first_blob = whole.entries().iter().find(|entry| entry.is_blob).unwrap();
    assert_eq!(patch.len() as u64, first_blob.offset + 1024);
}

#[test]
fn a_bundle_in_parts_serves_as_well() {
    let (workspace, bytes) = with_bundle();
    request(&workspace, &bytes, &[2, 5]);
    workspace.ok(&[&REPAIR[..], &["--out", "one.tar"]].concat());
    fs::create_dir(workspace.path("p")).unwrap();
    workspace.ok(&["split", "acme.tar", "--size", "500kB", "--out", "p"]);
    workspace.ok(&["repair", "request.json", "--from", "p/acme.tar.part002", "--out", "two.tar"]);
    workspace.tool("cmp", &["one.tar", "two.tar"]);
}

#[test]
fn refuses_requests_that_are_for_another_release_or_none() {
    let (workspace, bytes) = with_bundle();
    request(&workspace, &bytes, &[0]);
    workspace.define_as("1.0.1", "");
    workspace.build("next.tar");
    let error = workspace.refused(2, &["repair", "request.json", "--from", "next.tar"]);
    assert_eq!(error["code"], "other_release");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("for acme 1.0.0 (serial 1)") && message.contains("next.tar holds acme 1.0.1"),
        "{message}"
    );

    let mut wrong = RepairRequest::of(&opened(&workspace, &bytes), &BTreeSet::new());
    if let RepairRequest::Release(wanted) = &mut wrong {
        wanted.blobs.push(Digest::of(b"stranger"));
    }
    workspace.write("stranger.json", wrong.to_json());
    workspace.write("empty.json", "");
    let old = fs::read_to_string(workspace.path("request.json")).unwrap();
    workspace.write("newer.json", old.replace("\"schema\": 1", "\"schema\": 2"));
    for (name, code) in [
        ("stranger.json", "request"),
        ("empty.json", "request"),
        ("newer.json", "request"),
        ("acme.tar", "request"),
        ("none.json", "missing_file"),
    ] {
        assert_eq!(workspace.refused(2, &["repair", name, "--from", "acme.tar"])["code"], code, "{name}");
    }
    assert!(!workspace.path(PATCH).exists());
}

#[test]
fn refuses_a_damaged_blob_that_was_asked_for_and_ignores_damage_elsewhere() {
    let (workspace, bytes) = with_bundle();
    let bundle = opened(&workspace, &bytes);
    let blobs: Vec<_> = bundle.entries().iter().filter(|entry| entry.is_blob).collect();
    let mut damaged = bytes.clone();
    damaged[usize::try_from(blobs[1].content_offset()).unwrap()] ^= 1;
    workspace.write("damaged.tar", &damaged);
    request(&workspace, &bytes, &[0, 1]);
    let error = workspace.refused(3, &["repair", "request.json", "--from", "damaged.tar"]);
    assert_eq!(error["code"], "damaged");
    assert!(error["message"].as_str().unwrap().contains(&blobs[1].digest.to_string()), "{error}");
    assert!(!workspace.path(PATCH).exists());
    request(&workspace, &bytes, &[0, 2]);
    workspace.ok(&["repair", "request.json", "--from", "damaged.tar"]);
    assert!(workspace.names().iter().all(|name| !name.contains("partial")), "{:?}", workspace.names());
}

#[test]
fn a_patch_replaces_a_patch_and_nothing_else() {
    let (workspace, bytes) = with_bundle();
    request(&workspace, &bytes, &[0]);
    for out in ["acme.tar", "request.json", "k.key"] {
        assert_eq!(workspace.refused(2, &[&REPAIR[..], &["--out", out]].concat())["code"], "exists", "{out}");
    }
    fs::copy(workspace.path("acme.tar"), workspace.path("copy.tar")).unwrap();
    assert_eq!(workspace.refused(2, &[&REPAIR[..], &["--out", "copy.tar"]].concat())["code"], "exists");
    assert_eq!(workspace.refused(2, &[&REPAIR[..], &["--out", "none/"]].concat())["code"], "no_folder");
    workspace.ok(&REPAIR);
    let first = fs::read(workspace.path(PATCH)).unwrap();
    request(&workspace, &bytes, &[1]);
    workspace.ok(&REPAIR);
    assert!(fs::read(workspace.path(PATCH)).unwrap() != first);
    assert!(fs::read(workspace.path("acme.tar")).unwrap() == bytes);
}

#[test]
fn a_patch_takes_the_place_of_no_part_and_of_no_bundle_that_was_cut_short() {
    let (workspace, bytes) = with_bundle();
    request(&workspace, &bytes, &[0]);
    fs::create_dir(workspace.path("p")).unwrap();
    workspace.ok(&["split", "acme.tar", "--size", "500kB", "--out", "p"]);
    let parts = || -> Vec<_> {
        let entries = fs::read_dir(workspace.path("p")).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (fs::read(&path).unwrap(), path)).collect()
    };
    let before = parts();
    let from = ["repair", "request.json", "--from", "p/acme.tar.part001", "--out"];
    for (out, code) in
        [("p/acme.tar", "exists"), ("p/acme.tar.part001", "part_name"), ("p/acme.tar.part900", "part_name")]
    {
        assert_eq!(workspace.refused(2, &[&from[..], &[out]].concat())["code"], code, "{out}");
        assert!(parts() == before, "{out}");
    }

    let end = opened(&workspace, &bytes).entries()[4].offset;
    let half = &bytes[..bytes.len() / 2];
    let padded = [half, &vec![0; bytes.len() / 4]].concat();
    for (name, content) in
        [("half", half), ("at a header", &bytes[..usize::try_from(end).unwrap()]), ("padded", &padded)]
    {
        workspace.write("half.tar", content);
        assert_eq!(workspace.refused(2, &[&REPAIR[..], &["--out", "half.tar"]].concat())["code"], "exists", "{name}");
        assert!(fs::read(workspace.path("half.tar")).unwrap() == content, "{name}");
    }
}

/// What needs minisign, skopeo or zstd besides; `make check` leaves it out.
mod needs_tools {
    use super::*;

    #[test]
    fn stock_tools_check_a_patch_by_hand() {
        let (workspace, bytes) = with_bundle();
        let count = opened(&workspace, &bytes).release().blobs.len();
        let wanted = request(&workspace, &bytes, &[0, 3, count - 1]);
        let patched: Value = serde_json::from_str(&workspace.ok(&[&REPAIR[..], &["--json"]].concat())).unwrap();
        assert_eq!(patched["path"], PATCH);
        assert_eq!(patched["size"], fs::metadata(workspace.path(PATCH)).unwrap().len());
        assert_eq!(patched["blobs"].as_array().unwrap().len(), 3);

        workspace.tool("mkdir", &["whole", "patch"]);
        workspace.tool("tar", &["-C", "whole", "-xf", "acme.tar"]);
        workspace.tool("tar", &["-C", "patch", "-xf", PATCH]);
        let listed = workspace.tool("tar", &["-tf", PATCH]);
        let names: Vec<&str> = listed.lines().collect();
        let expected: Vec<String> = wanted.iter().map(|blob| format!("blobs/sha256/{blob}")).collect();
        assert_eq!(names[5..], expected, "in the manifest's order");
        for name in &names {
            workspace.tool("cmp", &[&format!("whole/{name}"), &format!("patch/{name}")]);
        }
        for blob in &wanted {
            assert_eq!(sha256sum(&workspace.path("patch/blobs/sha256").join(blob)), *blob);
        }
        let signature = format!("patch/{}", names[1]);
        workspace.tool("minisign", &["-V", "-p", "k.pub", "-m", "patch/landfall.json", "-x", &signature]);
    }
}
