//! What goes wrong at the service's start or on its command line is told once, in the words of an operator, with what to do next.

use crate::fake_systemd::FakeSystemd;
use landfall_fixtures::MessageTable;
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the program on a host, adds what it says to the table.
fn row(table: &mut MessageTable, what: &str, systemd: &FakeSystemd, words: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.arg("--root").arg(systemd.folder.path()).args(words).arg("--json");
    let output = command.env_remove("NOTIFY_SOCKET").stdin(Stdio::null()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{what}: {output:?}"));
    assert_eq!(report["error"]["exit"].as_i64(), output.status.code().map(i64::from), "{what}");
    let folder = systemd.folder.path().to_str().unwrap();
    let process = std::process::id();
    let program = fs::read_to_string(format!("/proc/{process}/comm")).unwrap();
    let user = format!("owner {}", rustix::process::geteuid().as_raw());
    let varying = [
        (folder.to_owned(), "HOST"),
        (systemd.port.to_string(), "PORT"),
        (format!("{} (process {process})", program.trim_end()), "NAME (process N)"),
        (user, "owner USER"),
    ];
    let steady = |text: &str| varying.iter().fold(text.to_owned(), |text, (varying, word)| text.replace(varying, word));
    table.add(&format!("{what}: {}", words.join(" ")), &report, steady);
}

/// A host on which something is not as it should be.
fn host(change: impl FnOnce(&Path)) -> FakeSystemd {
    let systemd = FakeSystemd::new();
    change(systemd.folder.path());
    systemd
}

fn write(path: &str, content: &'static [u8]) -> impl Fn(&Path) {
    move |root| {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), content).unwrap();
    }
}

fn remove(path: &str) -> impl Fn(&Path) {
    move |root| fs::remove_file(root.join(path)).unwrap()
}

#[test]
fn each_mistake_is_told_by_what_it_is_and_what_to_do() {
    const CONFIG: &str = "etc/landfall/config.toml";
    const TOKEN: &str = "etc/landfall/admin.token";
    const ID: &str = "var/lib/landfall/state/installation-id";
    let mut table = MessageTable::default();
    let serve: &[&str] = &["serve"];
    for (what, systemd) in [
        ("settings that are no TOML", host(write(CONFIG, b"[api\n"))),
        ("settings that are no text", host(write(CONFIG, b"[api]\nport = 80 # \xfc\n"))),
        ("settings on a disk that is not there", {
            host(|root| {
                remove(CONFIG)(root);
                symlink("gone", root.join(CONFIG)).unwrap();
            })
        }),
        ("a folder that leads out of the root", host(|root| symlink("/dev", root.join("usr")).unwrap())),
        ("a value that is none", host(write(CONFIG, b"[tenants]\nmemory = \"lots\"\n"))),
        ("ports that overlap", host(write(CONFIG, b"[api]\nport = 3001\n"))),
        ("no token", host(remove(TOKEN))),
        ("a token that is none", host(|root| fs::write(root.join(TOKEN), "secret\n").unwrap())),
        ("a token that others read", {
            host(|root| fs::set_permissions(root.join(TOKEN), fs::Permissions::from_mode(0o644)).unwrap())
        }),
        ("no id", host(remove(ID))),
        ("an id that is none", host(write(ID, b"mine\n"))),
        ("no release", host(remove("opt/landfall/current/landfall.json"))),
        ("a release that was changed", host(write("opt/landfall/current/landfall.json", b"{}"))),
        ("a database that is none", host(write("var/lib/landfall/db/landfall.db", &[b'x'; 8192]))),
        ("a database that was lost", host(write("var/lib/landfall/db/tenant-keys.secret", &[7; 32]))),
    ] {
        row(&mut table, what, &systemd, serve);
    }
    let systemd = FakeSystemd::new();
    let taken = TcpListener::bind(("127.0.0.1", systemd.port)).unwrap();
    row(&mut table, "a port that is taken", &systemd, serve);
    drop(taken);
    let commands: [&[&str]; 10] = [
        &["health"],
        &["selfcheck"],
        &["tenant", "list"],
        &["tenant", "status", "acme"],
        &["tenant", "list", "--org", "acme"],
        &["tenant", "spawn"],
        &["tenant", "destroy", "1"],
        &["tenant", "restart", "1"],
        &["migrate", "--to", "latest"],
        &["serves"],
    ];
    for words in commands {
        row(&mut table, "without the service", &systemd, words);
    }
    let mut systemd = systemd;
    let mut program = systemd.start();
    let commands: [&[&str]; 8] = [
        &["serve"],
        &["health"],
        &["tenant", "status", "7"],
        &["tenant", "logs", "7"],
        &["tenant", "destroy", "7", "--yes"],
        &["tenant", "spawn", "../etc", "--base-image", "hello"],
        &["tenant", "spawn", "acme", "--base-image", "hello"],
        &["tenant", "spawn", "acme"],
    ];
    for words in commands {
        row(&mut table, "beside the service", &systemd, words);
    }
    program.kill().unwrap();
    program.wait().unwrap();
    insta::assert_snapshot!(without_ids(&table.rows));
    assert!(table.faults.is_empty(), "{:#?}", table.faults);
}

/// The table without the ids of requests and of keys, which no two have.
fn without_ids(table: &str) -> String {
    let mut parts = table.split("request ");
    let first = parts.next().unwrap_or_default().to_owned();
    let table = parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        format!("{text}request ID{rest}")
    });
    let is_key = |word: &str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = table.split_inclusive([' ', '\n']).map(|word| {
        let end = &word[word.trim_end().len()..];
        if is_key(word.trim_end()) { format!("KEYID{end}") } else { word.to_owned() }
    });
    words.collect()
}
