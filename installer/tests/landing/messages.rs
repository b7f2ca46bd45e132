//! What goes wrong is told once, in the words of an operator, with what to do next: a table of mistakes and their messages.

use crate::fixture::{Outcome, Parts, Scene};
use landfall_fixtures::MessageTable;
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::path::Path;

/// What is different each time, as what it is.
fn steady(text: &str, scene: &Scene) -> String {
    let folder = |path: &Path| path.to_str().unwrap().to_owned();
    let text = text.replace(&folder(&scene.root()), "HOST").replace(&folder(&scene.stick()), "STICK");
    let mut steady = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c)) {
        let (word, end) = match word.char_indices().last() {
            Some((at, last)) if !last.is_ascii_alphanumeric() && !"+/=".contains(last) => word.split_at(at),
            _ => (word, ""),
        };
        let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
        steady.push_str(match word.len() {
            64 if is_hex => "DIGEST",
            16 if is_hex => "KEYID",
            56 if word.starts_with("RW") => "KEY",
            _ => word,
        });
        steady.push_str(end);
    }
    steady
}

/// Adds a row to the table.
fn row(table: &mut MessageTable, scene: &Scene, words: &[&str], outcome: &Outcome) {
    let words = words.join(" ");
    let report: Value = serde_json::from_str(&outcome.out).unwrap_or_else(|_| panic!("{words}: {outcome:?}"));
    assert_eq!(report["error"]["exit"], outcome.exit, "{words}");
    table.add(&steady(&words, scene), &report, |text| steady(text, scene));
}

/// Commands on one host, each a mistake.
fn rows(table: &mut MessageTable, scene: &Scene, commands: &[&[&str]]) {
    for words in commands {
        let words: Vec<String> =
            words.iter().map(|word| word.replace("STICK", scene.stick().to_str().unwrap())).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let outcome = scene.run(&[&words[..], &["--json"]].concat());
        row(table, scene, &words, &outcome);
    }
}

/// A stick with bundles that are good, damaged, or somebody else's.
fn fill_stick(scene: &Scene) {
    let good = Parts::new("1.0.0", 2).pack(&scene.key);
    let mut damaged = good.clone();
    let end = damaged.len() - 2_000;
    damaged[end] ^= 1;
    let other = Scene::new();
    for (name, bytes) in [
        ("good.tar", &good[..]),
        ("damaged.tar", &damaged),
        ("cut.tar", &good[..good.len() / 2]),
        ("text.tar", &b"This is no bundle.\n".repeat(100)),
        ("stranger.tar", &Parts::new("1.0.0", 2).pack(&other.key)),
        ("older.tar", &Parts::new("0.9.0", 1).pack(&scene.key)),
        ("text.pub", b"no key\n"),
        ("answers.toml", b"[api\n"),
        ("latin1.toml", b"[api]\nport = 80 # \xfc\n"),
    ] {
        scene.put(name, bytes);
    }
    std::fs::create_dir(scene.stick().join("folder")).unwrap();
    symlink("gone", scene.stick().join("dangling.tar")).unwrap();
}

#[test]
fn each_mistake_is_told_by_what_it_is_and_what_to_do() {
    let mut table = MessageTable::default();
    let bare = Scene::new();
    fill_stick(&bare);
    let trust = ["--trust", "STICK/acme.pub"];
    let install = |more: &[&'static str]| [&["install"], more, &trust[..]].concat();
    rows(
        &mut table,
        &bare,
        &[
            &["install"],
            &["reinstall"],
            &["status", "--engine", "tcp://10.0.0.1:2375"],
            &install(&["STICK/missing.tar"]),
            &install(&["STICK/folder"]),
            &install(&["STICK/dangling.tar"]),
            &install(&["STICK/text.tar"]),
            &install(&["STICK/cut.tar"]),
            &install(&["STICK/damaged.tar"]),
            &install(&["STICK/stranger.tar"]),
            &["install", "STICK/good.tar"],
            &["install", "STICK/good.tar", "--trust", "nonsense"],
            &["install", "STICK/good.tar", "--trust", "STICK/missing.pub"],
            &["install", "STICK/good.tar", "--trust", "STICK/text.pub"],
            &install(&["STICK/good.tar", "--threshold", "2"]),
            &install(&["STICK/good.tar", "--set", "api.port"]),
            &install(&["STICK/good.tar", "--set", "api.port=http"]),
            &install(&["STICK/good.tar", "--set", "api.port=70000"]),
            &install(&["STICK/good.tar", "--set", "nothing.port=1"]),
            &install(&["STICK/good.tar", "--set", "tenants.memory=lots"]),
            &install(&["STICK/good.tar", "--set", "network.pool=8.8.8.0/24"]),
            &install(&["STICK/good.tar", "--set", "network=1"]),
            &install(&["STICK/good.tar", "--set", "update.canary=gone"]),
            &install(&["STICK/good.tar", "--answers", "STICK/missing.toml"]),
            &install(&["STICK/good.tar", "--answers", "STICK/answers.toml"]),
            &install(&["STICK/good.tar", "--answers", "STICK/latin1.toml"]),
            &install(&["STICK/good.tar", "--patch", "STICK/missing.tar"]),
            &["verify", "STICK/damaged.tar", "--trust", "STICK/acme.pub"],
            &["update", "STICK/good.tar"],
            &["rollback"],
            &["config", "set", "api.port=81"],
            &["config", "check", "STICK/missing.toml"],
            &["config", "check", "STICK/latin1.toml"],
            &["config", "check", "STICK/answers.toml"],
            &["trust", "import", "STICK/missing.json"],
            &["trust", "import", "STICK/text.pub"],
            &["receipts", "--verify", "--from", "STICK/missing"],
        ],
    );
    // No engine listens there.
    let words = ["plan", "STICK/good.tar", "--trust", "STICK/acme.pub", "--engine", "unix:///nonexistent/engine.sock"];
    let words = words.map(|word| word.replace("STICK", bare.stick().to_str().unwrap()));
    let output =
        bare.bare_command(&words.each_ref().map(String::as_str)).args(["--no-systemd", "--json"]).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let outcome = Outcome { exit: output.status.code().unwrap(), out, err };
    row(&mut table, &bare, &words.each_ref().map(String::as_str), &outcome);

    let (installed, _) = Scene::installed();
    fill_stick(&installed);
    rows(
        &mut table,
        &installed,
        &[
            &["install", "STICK/good.tar"],
            &["update", "STICK/older.tar"],
            &["update", "STICK/stranger.tar"],
            &["update", "STICK/good.tar", "--trust", "STICK/acme.pub", "--threshold", "2"],
            &["rollback"],
            &["rollback", "--to", "9.9.9"],
            &["rollback", "--to", "nonsense"],
            &["config", "set", "api.prot=81"],
            &["config", "set", "api.port"],
            &["config", "set", "api.port=3001"],
            &["config", "set", "api.port=true"],
            &["config", "set", "tenants.cpus=[1]"],
            &["config", "set", "update.canary=gone"],
            &["config", "unset", "api.port"],
            &["config", "unset", "port"],
            &["uninstall"],
            &["uninstall", "--purge"],
        ],
    );
    for text in ["[api\n", "api = 1\n", "[api.port]\n", "[update]\ncanary = \"gone\"\n"] {
        installed.put("config.toml", text.as_bytes());
        rows(&mut table, &installed, &[&["config", "check", "STICK/config.toml"]]);
    }
    std::fs::write(installed.root().join("etc/landfall/config.toml"), b"[api]\nport = 80 # \xfc\n").unwrap();
    rows(&mut table, &installed, &[&["config", "show"], &["update", "STICK/good.tar"]]);
    std::fs::write(installed.root().join("var/lib/landfall/state/installed.json"), b"{").unwrap();
    rows(&mut table, &installed, &[&["rollback"]]);
    insta::assert_snapshot!(table.rows);
    assert!(table.faults.is_empty(), "{:#?}", table.faults);
}
