//! What a host says of the packages in its release.

use crate::fixture::{Parts, Scene};
use serde_json::{Value, json};

fn document(version: &str) -> Vec<u8> {
    let component = json!({
        "type": "library", "name": "right", "version": version, "purl": format!("pkg:npm/right@{version}"),
        "licenses": [{"license": {"id": "MIT"}}],
    });
    let system = json!({"type": "operating-system", "name": "debian", "version": "12"});
    let document =
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [system, component]});
    serde_json::to_vec(&document).unwrap()
}

/// A release whose image has `right` in this version.
fn release(version: &str, serial: u64, right: &str) -> Parts {
    let mut parts = Parts::new(version, serial);
    parts.file("evidence/images/hello.cdx.json", "0644", &document(right));
    parts.file("evidence/bundle.cdx.json", "0644", &document("9.0.0"));
    parts
}

#[test]
fn a_host_shows_what_is_in_its_release_and_what_an_update_changes() {
    let scene = Scene::new();
    assert_eq!(scene.run(&["sbom"]).exit, 5);
    scene.install(&scene.put("good.tar", &release("1.0.0", 1, "1.0.0").pack(&scene.key))).ok();
    let shown = scene.run(&["sbom"]);
    let lines: Vec<String> =
        shown.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "the release, debian 12: 1 package",
        "npm right 9.0.0 MIT",
        "hello, debian 12: 1 package",
        "npm right 1.0.0 MIT",
    ];
    assert_eq!(lines, expected);
    let json: Value = serde_json::from_str(&scene.run(&["sbom", "--image", "hello", "--json"]).out).unwrap();
    assert_eq!(json["components"][1]["purl"], "pkg:npm/right@1.0.0");
    assert_eq!(scene.run(&["sbom", "--image", "other"]).exit, 2);

    let next = scene.put("next.tar", &release("1.1.0", 2, "1.1.0").pack(&scene.key));
    let plan = ["plan", next.to_str().unwrap()];
    let counted = scene.run(&plan).out;
    assert!(counted.contains("  packages hello: 1 updated\n") && !counted.contains("1.0.0 -> 1.1.0"), "{counted}");
    let named = scene.run(&[&plan[..], &["--verbose"]].concat()).out;
    assert!(named.contains("    ~ npm right 1.0.0 -> 1.1.0\n"), "{named}");

    let path = scene.root().join("opt/landfall/current/evidence/images/hello.cdx.json");
    std::fs::write(&path, document("1.0.1")).unwrap();
    let refused = scene.run(&["sbom"]);
    assert_eq!(refused.exit, 3, "{refused:?}");
    assert!(refused.err.contains("hello.cdx.json"), "{refused:?}");
}

#[test]
fn a_release_without_evidence_says_so() {
    let (scene, _) = Scene::installed();
    let refused = scene.run(&["sbom"]);
    assert_eq!(refused.exit, 2);
    assert!(refused.err.contains("has no evidence/bundle.cdx.json"), "{refused:?}");
}
