//! What a bundle says of its content and of its making: bills of materials and provenance.

use crate::docker_archive::{Form, put, save};
use crate::workspace::{PROGRAM, Workspace, sha256sum};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tar::Builder;

const STATUS: &str = "Package: curl\nStatus: install ok installed\nArchitecture: amd64\nMaintainer: A <a@debian.org>\nVersion: 7.88-1\n\n";

/// A layer with these files.
fn layer(files: &[(&str, &str)]) -> Vec<u8> {
    let mut layer = Builder::new(Vec::new());
    for (path, content) in files {
        put(&mut layer, path, content.as_bytes());
    }
    layer.into_inner().unwrap()
}

/// `app.tar`: an image of a Debian base with two packages of npm, of which a second layer removes one.
fn app(workspace: &Workspace, version: &str) {
    let package = |name: &str| format!(r#"{{"name": "{name}", "version": "{version}", "license": "MIT"}}"#);
    let base = layer(&[
        ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n"),
        ("var/lib/dpkg/status", STATUS),
        ("app/node_modules/left/package.json", &package("left")),
        ("app/node_modules/right/package.json", &package("right")),
    ]);
    let upper = layer(&[("app/node_modules/.wh.left", "")]);
    save(workspace, "app.tar", Form::Blobs, &[("app:1", vec![base, upper])]);
}

const IMAGE: &str = "[[image]]\nname = \"app\"\nsource = \"docker-archive:app.tar\"\n";

/// The release's own files of `bundle`, by path, as hosts get them.
fn files(workspace: &Workspace, bundle: &str) -> impl Fn(&str) -> Value {
    let release = workspace.release(bundle);
    workspace.tool("tar", &["-xf", bundle, "-C", "unpacked", "--one-top-level"]);
    let blobs = workspace.path("unpacked").join(Path::new(bundle).file_stem().unwrap()).join("blobs/sha256");
    move |path: &str| {
        let file = release["files"].as_array().unwrap().iter().find(|file| file["path"] == path);
        let Some(file) = file else { return Value::Null };
        let blob = file["blob"].as_str().unwrap().trim_start_matches("sha256:");
        let content = zstd::decode_all(&*fs::read(blobs.join(blob)).unwrap()).unwrap();
        assert_eq!(file["digest"], format!("sha256:{}", landfall_manifests::Digest::of(&content).hex()));
        serde_json::from_slice(&content).unwrap()
    }
}

fn purls(document: &Value) -> Vec<&str> {
    document["components"].as_array().unwrap().iter().filter_map(|component| component["purl"].as_str()).collect()
}

#[test]
fn a_bundle_lists_what_is_in_it_and_what_it_was_built_from() {
    let workspace = Workspace::new();
    fs::create_dir(workspace.path("unpacked")).unwrap();
    app(&workspace, "1.0.0");
    workspace.write("site/node_modules/own/package.json", r#"{"name": "own", "version": "2.0.0"}"#);
    workspace.define(&format!("{IMAGE}[[file]]\nsource = \"site\"\npath = \"www\"\n"));
    workspace.build("acme.tar");
    let file = files(&workspace, "acme.tar");
    let release = workspace.release("acme.tar");

    let image = file("evidence/images/app.cdx.json");
    assert_eq!(
        purls(&image),
        ["pkg:deb/debian/curl@7.88-1?arch=amd64&distro=debian-12", "pkg:npm/right@1.0.0"],
        "and not what the second layer removes"
    );
    let manifest = &release["images"][0]["manifest"];
    assert_eq!(image["metadata"]["component"]["version"], *manifest);
    assert_eq!(
        image["components"][0],
        json!({
            "type": "operating-system", "bom-ref": "os", "name": "debian", "version": "12",
            "properties": [{"name": "landfall:title", "value": "Debian 12"}],
        })
    );
    assert_eq!(image["components"][2]["licenses"], json!([{"license": {"id": "MIT"}}]));
    let places = &image["components"][2]["evidence"]["occurrences"];
    assert_eq!(places, &json!([{"location": "app/node_modules/right/package.json"}]));

    let bundle = file("evidence/bundle.cdx.json");
    assert_eq!(purls(&bundle).last(), Some(&"pkg:npm/own@2.0.0"));
    let link = &bundle["components"][0]["externalReferences"][0];
    let serial = image["serialNumber"].as_str().unwrap().trim_start_matches("urn:uuid:");
    assert_eq!(link["url"], format!("urn:cdx:{serial}/1"));
    let program = bundle["components"].as_array().unwrap().iter().find(|one| one["name"] == "bin/landfall").unwrap();
    assert_eq!(program["hashes"], json!([{"alg": "SHA-256", "content": sha256sum(Path::new(PROGRAM))}]));

    let statement = file("evidence/provenance.json");
    let definition = json!({"name": "definition", "digest": {"sha256": sha256sum(&workspace.path("acme.toml"))}});
    let dependencies = statement["predicate"]["buildDefinition"]["resolvedDependencies"].as_array().unwrap();
    assert_eq!(dependencies[0], definition);
    assert_eq!(dependencies[1]["uri"], "docker-archive:app.tar");
    let subjects: Vec<&str> =
        statement["subject"].as_array().unwrap().iter().map(|subject| subject["name"].as_str().unwrap()).collect();
    for file in release["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        assert_eq!(subjects.contains(&path), path != "evidence/provenance.json", "{path}");
    }
    assert_eq!(subjects[0], "image:app");
    let folder = workspace.folder.path().to_str().unwrap();
    for document in [image, bundle, statement] {
        assert!(!document.to_string().contains(folder), "no folder of the machine that builds is told");
    }
}

#[test]
fn the_evidence_is_the_same_with_and_without_a_cache_and_can_be_left_out() {
    let workspace = Workspace::new();
    app(&workspace, "1.0.0");
    workspace.define(IMAGE);
    let build = |out: &str, further: &[&str]| {
        workspace.ok(&[&["build", "acme.toml", "--key", "k.key", "--out", out], further].concat());
        fs::read(workspace.path(out)).unwrap()
    };
    let cold = build("cold.tar", &["--no-cache"]);
    assert!(build("first.tar", &[]) == cold && build("second.tar", &[]) == cold);
    let paths = |bundle: &str| -> Vec<String> {
        let release = workspace.release(bundle);
        let files = release["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap().to_owned());
        files.filter(|path| path.starts_with("evidence/")).collect()
    };
    assert_eq!(
        paths("cold.tar"),
        ["evidence/bundle.cdx.json", "evidence/images/app.cdx.json", "evidence/provenance.json"]
    );
    workspace.define_without_evidence(IMAGE);
    build("none.tar", &[]);
    assert_eq!(paths("none.tar"), [""; 0]);
}

#[test]
fn what_changes_between_two_bundles_is_told_by_packages_and_an_image_is_shown_with_its_layers() {
    let workspace = Workspace::new();
    app(&workspace, "1.0.0");
    workspace.define(IMAGE);
    workspace.build("old.tar");
    app(&workspace, "1.1.0");
    workspace.build("new.tar");
    let changed = workspace.json(&["diff", "old.tar", "new.tar"]);
    let updated = json!([{"name": "npm right", "from": ["1.0.0"], "to": ["1.1.0"]}]);
    assert_eq!(changed["packages"], json!({"app": {"added": [], "removed": [], "updated": updated, "same": 1}}));
    assert_eq!(changed["files"]["changed"], json!([]), "the documents themselves are not counted");
    let text = workspace.ok(&["diff", "old.tar", "new.tar"]);
    assert!(text.contains("packages of app: 1 unchanged\n  ~ npm right 1.0.0 -> 1.1.0\n"), "{text}");
    let text = workspace.ok(&["inspect", "new.tar"]);
    assert!(
        text.contains("2 layers") && text.contains(", 2 packages") && text.contains("    layer  sha256:"),
        "{text}"
    );
    workspace.define_without_evidence(IMAGE);
    workspace.build("none.tar");
    assert_eq!(workspace.json(&["diff", "none.tar", "new.tar"])["packages"], json!({}));
    assert_eq!(workspace.refused(2, &["scan", "none.tar", "--db", "."])["code"], "no_sbom");
}

#[test]
fn vulnerable_packages_are_found_without_a_network_and_fail_a_job_only_if_asked() {
    let workspace = Workspace::new();
    app(&workspace, "1.0.0");
    workspace.define(IMAGE);
    workspace.build("acme.tar");
    let advisory = |id: &str, ecosystem: &str, name: &str, fixed: &str, score: &str| {
        let events = json!([{"introduced": "0"}, {"fixed": fixed}]);
        let affected = json!({"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]});
        let severity = json!([{"type": "CVSS_V3", "score": score}]);
        json!({"id": id, "aliases": ["CVE-1"], "summary": "bad", "severity": severity, "affected": [affected]})
            .to_string()
    };
    let high = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H";
    workspace.write("osv/npm/GHSA-1.json", advisory("GHSA-1", "npm", "right", "1.0.1", high));
    workspace.write("osv/npm/GHSA-2.json", advisory("GHSA-2", "npm", "left", "9.0.0", high));
    workspace.write("osv/debian/DSA-1.json", advisory("DSA-1", "Debian:12", "curl", "7.88-1", high));
    workspace.write("osv/README", "no advisory");
    let found = workspace.json(&["scan", "acme.tar", "--db", "osv"]);
    assert_eq!((&found["advisories"], &found["packages"]), (&json!(3), &json!(2)));
    assert_eq!(
        found["findings"],
        json!([{
            "severity": "high", "package": "right", "version": "1.0.0", "ecosystem": "npm", "id": "GHSA-1", "aliases": ["CVE-1"],
            "summary": "bad", "fixed": "1.0.1", "places": ["image app"],
        }]),
        "neither what is fixed nor what a layer removed"
    );
    workspace.ok(&["scan", "acme.tar", "--db", "osv", "--fail-on", "critical"]);
    let refused = workspace.refused(5, &["scan", "acme.tar", "--db", "osv", "--fail-on", "high"]);
    assert_eq!(refused["code"], "vulnerable");
    let text = workspace.ok(&["scan", "acme.tar", "--db", "osv"]);
    assert!(text.starts_with("high     right 1.0.0  fixed in 1.0.1  GHSA-1 (CVE-1)  in image app\n"), "{text}");
    for bad in ["{}", "", "[", r#"{"id": 1}"#] {
        workspace.write("osv/npm/bad.json", bad);
        let refused = workspace.refused(2, &["scan", "acme.tar", "--db", "osv"]);
        assert_eq!(refused["code"], "advisory");
        assert!(refused["message"].as_str().unwrap().contains("osv/npm/bad.json"), "{refused}");
    }
    fs::create_dir(workspace.path("empty")).unwrap();
    assert_eq!(workspace.refused(2, &["scan", "acme.tar", "--db", "empty"])["code"], "no_advisories");
    assert_eq!(workspace.refused(2, &["scan", "acme.tar", "--db", "none"])["code"], "missing_file");
}
