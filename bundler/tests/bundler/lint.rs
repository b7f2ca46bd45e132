//! What `lint` says of definitions and their sources.

use crate::workspace::Workspace;
use serde_json::Value;
use std::fs;

/// Runs `lint`, which must end with `exit`; what it prints.
fn lint(workspace: &Workspace, exit: i32, more: &[&str]) -> Value {
    let output = workspace.run(&[&["lint", "acme.toml", "--json"], more].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(exit), "{text}");
    serde_json::from_str(&text).unwrap()
}

fn messages(report: &Value) -> Vec<&str> {
    report["errors"].as_array().unwrap().iter().map(|error| error["message"].as_str().unwrap()).collect()
}

fn image(name: &str, source: &str, more: &str) -> String {
    format!("[[image]]\nname = \"{name}\"\nsource = \"{source}\"\n{more}")
}

fn file(source: &str, path: &str) -> String {
    format!("[[file]]\nsource = \"{source}\"\npath = \"{path}\"\n")
}

const TENANT: &str = "tenant = { language = \"rust\", port = 3000, health = \"/health\" }\n";

#[test]
fn a_sound_definition_has_no_errors_and_writes_nothing() {
    let workspace = Workspace::new();
    workspace.rootfs("root");
    workspace.write("docs/a.txt", "a");
    let process = "entrypoint = [\"/hello\"]\nuser = \"65532\"\n";
    workspace.define(&(image("hello", "rootfs:root", &format!("{process}{TENANT}")) + &file("docs", "docs")));
    let before = workspace.names();
    let report = lint(&workspace, 0, &["--deny-warnings"]);
    assert_eq!(
        (messages(&report).len(), &report["warnings"], &report["error"]),
        (0, &serde_json::json!([]), &Value::Null)
    );
    assert!(report["atBuildOnly"].as_array().unwrap().iter().any(|id| id == "sparse-file"), "{report}");
    assert_eq!(workspace.names(), before);
    let text = workspace.ok(&["lint", "acme.toml"]);
    assert!(text.starts_with("acme.toml: 0 errors, 0 warnings\n"), "{text}");
    workspace.build("acme.tar");
}

#[test]
fn all_sources_that_are_missing_are_told_in_one_run() {
    let workspace = Workspace::new();
    fs::create_dir(workspace.path("layout")).unwrap();
    workspace.write("taken/a.txt", "a");
    workspace.write("secret/a.txt", "a");
    workspace.ok(&["keygen", "--out", "secret/other"]);
    let images = image("one", "rootfs:none", "")
        + &image("two", "oci:layout", "")
        + &image("three", "docker-archive:none.tar:a", "");
    let more = image("four", "docker-archive:none.tar:b", "") + &image("five", "docker-daemon:none:1", "");
    let files =
        file("none", "docs") + &file("taken", "taken") + &file("taken/a.txt", "taken/a.txt") + &file("secret", "s");
    workspace.define(&(images + &more + &files));
    let mut command = workspace.bundler();
    let output =
        command.args(["lint", "acme.toml", "--json"]).env("DOCKER_HOST", "unix:///none.sock").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = messages(&report).join("\n");
    for expected in [
        "none cannot be read",
        "taken/a.txt is in the release already",
        "secret/other.key is a secret key",
        "image one: ",
        "image two: ",
        "image three: ",
        "image four: ",
        "image five: ",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert_eq!(messages(&report).len(), 8, "{told}");
    // The first error decides, as it does at a build.
    assert_eq!((&report["error"]["exit"], &report["error"]["code"]), (&2.into(), &"missing_file".into()));
    assert_eq!(
        workspace.refused(2, &["build", "acme.toml", "--key", "k.key"])["message"],
        report["errors"][0]["message"]
    );
}

#[test]
fn mistakes_of_the_definition_are_told_besides_what_is_missing() {
    let workspace = Workspace::new();
    workspace.write("acme.toml", "[release]\nproduct = \"Acme\"\nversion = \"${VERSION}\"\n[[image]]\nname = \"a\"\nsource = \"rootfs:none\"\n[[file]]\nsource = \"x\"\n");
    let report = lint(&workspace, 2, &[]);
    let told = messages(&report);
    let beginnings = [
        "acme.toml:1: release lacks serial",
        "acme.toml:2: \"Acme\"",
        "acme.toml:3: the variable",
        "acme.toml:7: file lacks path",
    ];
    for (told, beginning) in told.iter().zip(beginnings) {
        assert!(told.starts_with(beginning), "{told}");
    }
    let is_missing = |told: &&str| told.starts_with("acme.toml:5: image a: none cannot be read");
    assert_eq!(told.iter().filter(|told| is_missing(told)).count(), 1, "{told:?}");
    assert_eq!(report["error"]["code"], "definition");

    let text = workspace.run(&["lint", "acme.toml", "--set", "VERSION=1.0.0"]);
    let (out, errors) = (String::from_utf8(text.stdout).unwrap(), String::from_utf8(text.stderr).unwrap());
    assert!(!out.contains("VERSION") && out.contains("error: acme.toml:2: "), "{out}");
    assert!(errors.starts_with("error: acme.toml: "), "{errors}");
    assert_eq!(workspace.refused(2, &["lint", "none.toml"])["code"], "missing_file");
}

#[test]
fn configurations_are_judged_and_warnings_fail_only_on_demand() {
    let workspace = Workspace::new();
    workspace.rootfs("root");
    workspace.define(&image("hello", "rootfs:root", TENANT));
    let report = lint(&workspace, 0, &[]);
    let ids: Vec<&str> = report["warnings"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["no-command", "root-user"]);
    // They are among those of a build.
    let built = workspace.json(&["build", "acme.toml", "--key", "k.key", "--out", "acme.tar"]);
    assert_eq!(built["warnings"], report["warnings"]);
    let denied = lint(&workspace, 2, &["--deny-warnings"]);
    assert_eq!((&denied["error"]["code"], &denied["warnings"]), (&"warnings".into(), &report["warnings"]));
}

#[test]
fn a_file_that_is_a_folder_for_another_is_found_before_the_build_signs_it() {
    let workspace = Workspace::new();
    workspace.write("a.txt", "a");
    workspace.define(&(file("a.txt", "docs") + &file("a.txt", "docs/a.txt")));
    let told = workspace.refused(2, &["build", "acme.toml", "--key", "k.key"]);
    let report = lint(&workspace, 2, &[]);
    assert_eq!(messages(&report), [told["message"].as_str().unwrap()]);
}

#[test]
fn trust_roots_that_lack_signatures_are_told() {
    let workspace = Workspace::new();
    workspace.ok(&["trust", "init", "--key", "k.pub"]);
    workspace.define("");
    let text = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    workspace.write("acme.toml", text.replace("[runtime]", "trust = \"trust\"\n[runtime]"));
    lint(&workspace, 0, &[]);
    workspace.ok(&["keygen", "--out", "next"]);
    workspace.ok(&["trust", "add", "--key", "next.pub"]);
    let report = lint(&workspace, 2, &[]);
    assert_eq!(report["error"]["code"], "unsigned_root");
    assert!(messages(&report)[0].starts_with("acme.toml:5: "), "{report}");
}
