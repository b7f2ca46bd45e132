//! Definitions to begin with.

use crate::terminal::Terminal;
use crate::workspace::{PROGRAM, Workspace};
use std::fs;

/// Has the definition pack a small program in place of the runtime, and builds it.
fn builds(workspace: &Workspace, definition: &str) -> serde_json::Value {
    let runtime = format!("[runtime]\nbinary = \"{PROGRAM}\"\ninstaller = \"{PROGRAM}\"\n");
    let text = fs::read_to_string(workspace.path(definition)).unwrap();
    workspace.write(definition, text + &runtime);
    workspace.ok(&["lint", definition]);
    workspace.json(&["build", definition, "--key", "k.key", "--out", "built.tar"])
}

#[test]
fn what_is_written_builds_as_it_is_and_is_never_overwritten() {
    let workspace = Workspace::new();
    let made = workspace.json(&["init", "--product", "acme"]);
    assert_eq!((&made["definition"], &made["key"]["secretKeyFile"]), (&"acme.toml".into(), &"k.key".into()));
    let text = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    assert!(text.starts_with("#:schema ./landfall-bundler.schema.json\n"), "{text}");
    let schema = fs::read_to_string(workspace.path("landfall-bundler.schema.json")).unwrap();
    assert_eq!(schema, workspace.ok(&["schema"]));
    assert_eq!(workspace.names(), ["acme.toml", "k.key", "k.pub", "landfall-bundler.schema.json"]);

    let error = workspace.refused(2, &["init", "--product", "acme", "--version", "2.0.0"]);
    assert_eq!(error["code"], "exists");
    assert_eq!(fs::read_to_string(workspace.path("acme.toml")).unwrap(), text);
    workspace.write("landfall-bundler.schema.json", "{}");
    workspace.ok(&["init", "--product", "other"]);
    assert_eq!(fs::read(workspace.path("landfall-bundler.schema.json")).unwrap(), b"{}", "it is somebody's own");
    let built = builds(&workspace, "acme.toml");
    assert_eq!((&built["product"], &built["version"]), (&"acme".into(), &"1.0.0".into()));
}

#[test]
fn flags_answer_for_a_folder_elsewhere() {
    let workspace = Workspace::new();
    workspace.rootfs("it's a/root");
    let flags = ["--version", "1.2.0", "--image", "it's a/root", "--tenant", "c++/qt:8080", "--keygen"];
    let made = workspace.json(&[&["init", "new site"], &flags[..]].concat());
    assert_eq!(made["definition"], "new site/new-site.toml", "called as the folder is");
    let next: Vec<&str> = made["next"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let command = "landfall-bundler build 'new site/new-site.toml' --key 'new site/new-site.key'";
    assert_eq!(next[1], command, "a shell takes it as it is");
    assert_eq!(made["key"]["made"]["protected"], false);
    let built = builds(&workspace, "new site/new-site.toml");
    assert_eq!(built["images"], serde_json::json!(["root"]));
    let tenant = workspace.release("built.tar")["images"][0]["tenant"].clone();
    assert_eq!(
        (&tenant["language"], &tenant["framework"], &tenant["port"]),
        (&"c++".into(), &"qt".into(), &8080.into())
    );
}

#[test]
fn answers_that_are_none_are_refused_before_anything_is_written() {
    let workspace = Workspace::new();
    let before = workspace.names();
    for (code, flags) in [
        ("usage", &["--product", "Acme Inc"][..]),
        ("usage", &["--product", "../acme"]),
        ("usage", &["--version", "1.0"]),
        ("usage", &["--image", "docker://a", "--tenant", "node:0"]),
        ("usage", &["--tenant", "node"]),
        ("image_source", &["--image", "debian:12"]),
        ("image_source", &["--image", "docker://Debian"]),
        ("image_source", &["--image", "none.tar"]),
    ] {
        let error = workspace.refused(2, &[&["init", "site"], flags].concat());
        assert_eq!(error["code"], code, "{flags:?}: {error}");
    }
    for folder in ["/proc/none", "k.pub", "k.pub/site"] {
        assert_eq!(workspace.refused(6, &["init", folder])["code"], "cannot_write", "{folder}");
    }
    assert_eq!(workspace.names(), before);
}

#[test]
fn a_person_is_asked_until_there_is_an_answer() {
    let workspace = Workspace::new();
    workspace.rootfs("root");
    fs::create_dir(workspace.path("site")).unwrap();
    let mut person = Terminal::start(workspace.bundler().args(["init", "site"]));
    person.answers("Name of the product [site]: ", "Acme Inc\n");
    person.answers("is not a valid product name", "");
    person.answers("Name of the product [site]: ", "acme\n");
    person.answers("[1.0.0]: ", "\n");
    person.answers("(Enter: none yet): ", "rootless\n");
    person.answers("names no transport", "");
    person.answers("(Enter: none yet): ", "root\n");
    person.answers("(Enter: they do not): ", "\u{1b}[A\n");
    person.answers("is not LANGUAGE", "");
    person.answers("(Enter: they do not): ", "rust\n");
    person.answers("site/acme.key and site/acme.pub? [Y/n] ", "maybe\n");
    person.answers("answer y or n", "");
    person.answers("[Y/n] ", "\n");
    person.answers("Protect it by a password? [y/N] ", "\n");
    person.ends(0);
    let text = fs::read_to_string(workspace.path("site/acme.toml")).unwrap();
    assert!(text.contains("version = \"1.0.0\"") && text.contains("language = \"rust\""), "{text}");
    assert_eq!(workspace.json(&["key", "site/acme.key"])["keys"][0]["protected"], false);
    builds(&workspace, "site/acme.toml");
}

#[test]
fn whoever_breaks_off_at_a_question_finds_nothing_written() {
    let workspace = Workspace::new();
    let before = workspace.names();
    for last in ["Version of the first release", "First image", "[Y/n]"] {
        // No key is in the folder yet, so that one is offered.
        let mut person = Terminal::start(workspace.bundler().args(["init", "site", "--product", "site"]));
        for question in ["Version of the first release", "First image", "[Y/n]"] {
            person.answers(question, if question == last { "\u{4}" } else { "\n" });
            if question == last {
                break;
            }
        }
        let said = person.ends(2);
        assert!(said.contains("nothing has been written"), "{said}");
        assert_eq!(workspace.names(), before);
    }
    // Where the definition is there already, no question is asked.
    workspace.write("site/site.toml", "mine");
    let said = Terminal::start(workspace.bundler().args(["init", "site", "--product", "site"])).ends(2);
    assert!(said.starts_with("error: site/site.toml already exists"), "{said}");
}
