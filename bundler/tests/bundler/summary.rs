//! What a build tells the readers of a job's page, and how scripts ask for JSON.

use crate::workspace::Workspace;
use std::fs;

#[test]
fn a_job_summary_tells_what_was_built_and_each_build_adds_to_it() {
    let workspace = Workspace::new();
    workspace.rootfs("root");
    let tenant = "tenant = { language = \"rust\", port = 3000, health = \"tcp\" }";
    workspace.define(&format!("[[image]]\nname = \"hello\"\nsource = \"rootfs:root\"\n{tenant}\n"));
    workspace.write("summary.md", "what another step wrote\n");
    let words = ["build", "acme.toml", "--key", "k.key", "--summary", "summary.md"];
    let built = workspace.json(&words);
    let text = fs::read_to_string(workspace.path("summary.md")).unwrap();
    let key = workspace.json(&["key", "k.key"])["keys"][0]["keyId"].as_str().unwrap().to_owned();
    let image = workspace.release("acme-1.0.0-linux-amd64.landfall.tar")["images"][0].clone();
    let digest = image["manifest"].as_str().unwrap();
    for expected in [
        "what another step wrote\n## acme 1.0.0\n",
        "| bundle | `acme-1.0.0-linux-amd64.landfall.tar` |",
        &format!("| manifest | `{}` |", built["manifest"].as_str().unwrap()),
        &format!("| signed by | `{key}` |"),
        &format!("| hello | `{digest}` | 1 |"),
        "| `rootfs:root` |",
        "**2 warnings**",
        "neither Entrypoint nor Cmd",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    workspace.ok(&words);
    let twice = fs::read_to_string(workspace.path("summary.md")).unwrap();
    assert!(twice.starts_with(&text) && twice.matches("## acme 1.0.0").count() == 2, "{twice}");
}

#[test]
fn a_summary_that_cannot_be_written_is_told_before_anything_is_packed() {
    let workspace = Workspace::new();
    workspace.define("");
    workspace.tool("mkfifo", &["pipe"]);
    for summary in [".", "pipe"] {
        let error = workspace.refused(6, &["build", "acme.toml", "--key", "k.key", "--summary", summary]);
        assert_eq!(error["code"], "cannot_write");
    }
    assert!(!workspace.names().iter().any(|name| name.contains("landfall")), "{:?}", workspace.names());
}

#[test]
fn output_json_is_another_spelling_of_json() {
    let workspace = Workspace::new();
    let json = workspace.ok(&["key", "k.pub", "--json"]);
    assert_eq!(workspace.ok(&["key", "k.pub", "--output", "json"]), json);
    assert_eq!(workspace.ok(&["--output=json", "key", "k.pub"]), json);
    assert_eq!(workspace.ok(&["key", "k.pub", "--output", "text"]), workspace.ok(&["key", "k.pub"]));
    let refused = workspace.run(&["key", "--output", "json"]);
    assert_eq!(refused.status.code(), Some(2));
    let error: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(error["error"]["code"], "usage");
    // Whoever means --out is told that it is another flag.
    let output = workspace.run(&["build", "acme.toml", "--key", "k.key", "--output", "acme.tar"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("possible values: text, json"));
}

#[test]
fn a_summary_is_added_to_nothing_that_is_built_or_built_from() {
    let workspace = Workspace::new();
    workspace.write("docs/a.txt", "a");
    workspace.define("[[file]]\nsource = \"docs\"\npath = \"docs\"\n");
    let words = ["build", "acme.toml", "--key", "k.key", "--out", "b.tar"];
    workspace.ok(&words);
    let kept = ["b.tar", "k.key", "acme.toml"];
    let before = kept.map(|name| fs::read(workspace.path(name)).unwrap());
    for summary in ["b.tar", "./b.tar", "b.tar.part001", "k.key", "acme.toml", "docs/a.txt", "docs/new.md"] {
        let error = workspace.refused(2, &[&words[..], &["--summary", summary]].concat());
        assert_eq!(error["code"], "summary", "{summary}: {error}");
    }
    assert_eq!(workspace.refused(2, &[&words[..], &["--summary", "none/new.md"]].concat())["code"], "no_folder");
    assert!(kept.map(|name| fs::read(workspace.path(name)).unwrap()) == before);
    assert_eq!(fs::read_dir(workspace.path("docs")).unwrap().count(), 1);
}
