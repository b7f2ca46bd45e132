//! Where a bundle may go, and what must not go into it.

use crate::desk::Desk;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

fn file(source: &str) -> String {
    format!("[[file]]\nsource = \"{source}\"\npath = \"docs\"\n")
}

fn rootfs(source: &str) -> String {
    format!("[[image]]\nname = \"a\"\nsource = \"rootfs:{source}\"\n")
}

#[test]
fn a_secret_key_is_never_packed() {
    let desk = Desk::new();
    desk.write("docs/a.txt", "a");
    desk.ok(&["keygen", "--out", "docs/other"]);
    let build = ["build", "acme.toml", "--key", "k.key"];
    for body in [file("docs"), file("docs/other.key"), rootfs("docs")] {
        desk.define(&body);
        let error = desk.refused(2, &build);
        assert_eq!(error["code"], "secret_key_in_source", "{error}");
        assert!(error["message"].as_str().unwrap().contains("docs/other.key is a secret key"), "{error}");
    }
    fs::remove_file(desk.path("docs/other.key")).unwrap();
    desk.ok(&build);

    desk.write("docs/password", "correct horse");
    desk.ok(&["keygen", "--out", "p", "--password-file", "docs/password"]);
    let build = ["build", "acme.toml", "--key", "p.key", "--password-file", "docs/password"];
    assert_eq!(desk.refused(2, &build)["code"], "secret_key_in_source", "the password opens the key");
}

#[test]
fn a_folder_that_holds_the_bundle_is_not_packed() {
    let desk = Desk::new();
    desk.write("docs/a.txt", "a");
    fs::create_dir(desk.path("docs/out")).unwrap();
    symlink("docs/out", desk.path("link")).unwrap();
    for body in [file("docs"), rootfs("docs")] {
        desk.define(&body);
        for out in ["docs/acme.tar", "docs/out/", "link/acme.tar"] {
            let error = desk.refused(2, &["build", "acme.toml", "--key", "k.key", "--out", out]);
            assert_eq!(error["code"], "output_in_source", "{error}");
            assert!(error["message"].as_str().unwrap().starts_with("acme.toml:9: docs is packed"), "{error}");
        }
    }
    desk.define(&file("."));
    assert_eq!(desk.refused(2, &["build", "acme.toml", "--key", "k.key"])["code"], "output_in_source");
    assert_eq!(fs::read_dir(desk.path("docs")).unwrap().count(), 2);
}

#[test]
fn nothing_but_a_bundle_is_replaced() {
    let desk = Desk::new();
    desk.define("");
    desk.write("notes.txt", "mine");
    desk.tool("mkfifo", &["pipe"]);
    symlink("nowhere", desk.path("dangling")).unwrap();
    let key = fs::read(desk.path("k.key")).unwrap();
    for out in ["k.key", "acme.toml", "notes.txt", "pipe", "dangling", "/dev/null"] {
        let error = desk.refused(2, &["build", "acme.toml", "--key", "k.key", "--out", out]);
        assert_eq!(error["code"], "exists", "{out}: {error}");
    }
    assert!(fs::read(desk.path("k.key")).unwrap() == key);
    assert!(desk.path("dangling").is_symlink() && fs::read(desk.path("notes.txt")).unwrap() == b"mine");

    desk.rootfs("root");
    desk.define(&rootfs("root"));
    desk.build("acme.tar");
    desk.define("[[image]]\nname = \"a\"\nsource = \"oci-archive:acme.tar\"\n");
    let error = desk.refused(2, &["build", "acme.toml", "--key", "k.key", "--out", "acme.tar"]);
    assert_eq!(error["code"], "output_in_source", "{error}");
}

#[test]
fn a_link_to_a_bundle_stays_a_link() {
    let desk = Desk::new();
    desk.define("");
    desk.build("real.tar");
    symlink("real.tar", desk.path("link.tar")).unwrap();
    desk.ok(&["keygen", "--out", "second"]);
    desk.ok(&["sign", "link.tar", "--key", "second.key"]);
    assert!(desk.path("link.tar").is_symlink());
    desk.ok(&["verify", "real.tar", "--trust", "second.pub"]);
    desk.build("link.tar");
    assert!(desk.path("link.tar").is_symlink());
    assert_eq!(desk.refused(4, &["verify", "real.tar", "--trust", "second.pub"])["code"], "untrusted");
}

#[test]
fn a_folder_that_is_not_there_is_missed_before_anything_is_packed() {
    let desk = Desk::new();
    // Packing would fail for another reason.
    desk.define(&file("none"));
    for out in ["newdir/", "newdir/acme.tar", "k.pub/acme.tar"] {
        let error = desk.refused(2, &["build", "acme.toml", "--key", "k.key", "--out", out]);
        assert_eq!(error["code"], "no_folder", "{error}");
    }
}

#[test]
fn a_pipe_in_place_of_a_file_does_not_make_it_wait() {
    let desk = Desk::new();
    desk.tool("mkfifo", &["pipe"]);
    let settings = |body: &str| format!("[runtime]\nconfig = \"pipe\"\n{body}");
    let image = |source: &str| format!("[[image]]\nname = \"a\"\nsource = \"{source}\"\n");
    let refused = |args: &[&str]| {
        // A wait would last for ever: `timeout` ends it with 124.
        let mut run = std::process::Command::new("timeout");
        run.arg("300").arg(crate::desk::BUNDLER).args(args).current_dir(desk.folder.path());
        let status = run.output().unwrap().status;
        assert_eq!(status.code(), Some(2), "{args:?}");
    };
    for command in
        [&["verify", "pipe", "--trust", "k.pub"][..], &["inspect", "pipe"], &["sign", "pipe", "--key", "k.key"]]
    {
        refused(command);
    }
    for body in [image("docker-archive:pipe"), image("oci-archive:pipe"), file("pipe")] {
        desk.define(&body);
        refused(&["build", "acme.toml", "--key", "k.key"]);
    }
    desk.define("");
    let text = fs::read_to_string(desk.path("acme.toml")).unwrap();
    desk.write("acme.toml", text.replace("[runtime]\n", &settings("")));
    refused(&["build", "acme.toml", "--key", "k.key"]);
}

#[test]
fn settings_that_are_no_toml_are_not_packed() {
    let desk = Desk::new();
    desk.define("");
    let text = fs::read_to_string(desk.path("acme.toml")).unwrap();
    desk.write("acme.toml", text.replace("[runtime]\n", "[runtime]\nconfig = \"mine.toml\"\n"));
    desk.write("mine.toml", "[api]\nport = \n");
    let error = desk.refused(2, &["build", "acme.toml", "--key", "k.key"]);
    assert_eq!(error["code"], "config", "{error}");
    assert!(error["message"].as_str().unwrap().contains("mine.toml is no TOML file"), "{error}");
    desk.write("mine.toml", "[api]\n");
    desk.build("acme.tar");
}

#[test]
fn what_a_killed_run_left_goes_away_with_the_next_one() {
    let desk = Desk::new();
    // An engine that never answers holds the build up while its temporary files are there.
    let _engine = UnixListener::bind(desk.path("engine.sock")).unwrap();
    desk.define("[[image]]\nname = \"a\"\nsource = \"docker-daemon:a:1\"\n");
    let mut build = desk.bundler();
    let socket = format!("unix://{}", desk.path("engine.sock").display());
    let mut running =
        build.args(["build", "acme.toml", "--key", "k.key", "--quiet"]).env("DOCKER_HOST", socket).spawn().unwrap();
    let partial = || desk.names().into_iter().filter(|name| name.contains("partial")).count();
    let start = Instant::now();
    while partial() == 0 {
        assert!(start.elapsed() < Duration::from_mins(5), "the build does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    desk.define("");
    desk.build("first.tar");
    assert_eq!(partial(), 1, "what a run still needs stays");
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(partial(), 1);
    desk.build("second.tar");
    assert_eq!(partial(), 0);
}
