//! Where a bundle may go, and what must not go into it.

use crate::workspace::Workspace;
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
    let workspace = Workspace::new();
    workspace.write("docs/a.txt", "a");
    workspace.ok(&["keygen", "--out", "docs/other"]);
    let build = ["build", "acme.toml", "--key", "k.key"];
    for body in [file("docs"), file("docs/other.key"), rootfs("docs")] {
        workspace.define(&body);
        let error = workspace.refused(2, &build);
        assert_eq!(error["code"], "secret_key_in_source", "{error}");
        assert!(error["message"].as_str().unwrap().contains("docs/other.key is a secret key"), "{error}");
    }
    fs::remove_file(workspace.path("docs/other.key")).unwrap();
    workspace.ok(&build);

    workspace.write("docs/password", "correct horse");
    workspace.ok(&["keygen", "--out", "p", "--password-file", "docs/password"]);
    let build = ["build", "acme.toml", "--key", "p.key", "--password-file", "docs/password"];
    assert_eq!(workspace.refused(2, &build)["code"], "secret_key_in_source", "the password opens the key");
}

#[test]
fn a_folder_that_holds_the_bundle_is_not_packed() {
    let workspace = Workspace::new();
    workspace.write("docs/a.txt", "a");
    fs::create_dir(workspace.path("docs/out")).unwrap();
    symlink("docs/out", workspace.path("link")).unwrap();
    for body in [file("docs"), rootfs("docs")] {
        workspace.define(&body);
        for out in ["docs/acme.tar", "docs/out/", "link/acme.tar"] {
            let error = workspace.refused(2, &["build", "acme.toml", "--key", "k.key", "--out", out]);
            assert_eq!(error["code"], "output_in_source", "{error}");
            assert!(error["message"].as_str().unwrap().starts_with("acme.toml:9: docs is packed"), "{error}");
        }
    }
    workspace.define(&file("."));
    assert_eq!(workspace.refused(2, &["build", "acme.toml", "--key", "k.key"])["code"], "output_in_source");
    assert_eq!(fs::read_dir(workspace.path("docs")).unwrap().count(), 2);
}

#[test]
fn nothing_but_a_bundle_is_replaced() {
    let workspace = Workspace::new();
    workspace.define("");
    workspace.write("notes.txt", "mine");
    workspace.tool("mkfifo", &["pipe"]);
    symlink("nowhere", workspace.path("dangling")).unwrap();
    let key = fs::read(workspace.path("k.key")).unwrap();
    for out in ["k.key", "acme.toml", "notes.txt", "pipe", "dangling", "/dev/null"] {
        let error = workspace.refused(2, &["build", "acme.toml", "--key", "k.key", "--out", out]);
        assert_eq!(error["code"], "exists", "{out}: {error}");
    }
    assert!(fs::read(workspace.path("k.key")).unwrap() == key);
    assert!(workspace.path("dangling").is_symlink() && fs::read(workspace.path("notes.txt")).unwrap() == b"mine");

    workspace.rootfs("root");
    workspace.define(&rootfs("root"));
    workspace.build("acme.tar");
    workspace.define("[[image]]\nname = \"a\"\nsource = \"oci-archive:acme.tar\"\n");
    let error = workspace.refused(2, &["build", "acme.toml", "--key", "k.key", "--out", "acme.tar"]);
    assert_eq!(error["code"], "output_in_source", "{error}");
}

#[test]
fn a_link_to_a_bundle_stays_a_link() {
    let workspace = Workspace::new();
    workspace.define("");
    workspace.build("real.tar");
    symlink("real.tar", workspace.path("link.tar")).unwrap();
    workspace.ok(&["keygen", "--out", "second"]);
    workspace.ok(&["sign", "link.tar", "--key", "second.key"]);
    assert!(workspace.path("link.tar").is_symlink());
    workspace.ok(&["verify", "real.tar", "--trust", "second.pub"]);
    workspace.build("link.tar");
    assert!(workspace.path("link.tar").is_symlink());
    assert_eq!(workspace.refused(4, &["verify", "real.tar", "--trust", "second.pub"])["code"], "untrusted");
}

#[test]
fn a_folder_that_is_not_there_is_missed_before_anything_is_packed() {
    let workspace = Workspace::new();
    // Packing would fail for another reason.
    workspace.define(&file("none"));
    for out in ["newdir/", "newdir/acme.tar", "k.pub/acme.tar"] {
        let error = workspace.refused(2, &["build", "acme.toml", "--key", "k.key", "--out", out]);
        assert_eq!(error["code"], "no_folder", "{error}");
    }
}

#[test]
fn a_pipe_in_place_of_a_file_does_not_make_it_wait() {
    let workspace = Workspace::new();
    workspace.tool("mkfifo", &["pipe"]);
    let settings = |body: &str| format!("[runtime]\nconfig = \"pipe\"\n{body}");
    let image = |source: &str| format!("[[image]]\nname = \"a\"\nsource = \"{source}\"\n");
    let refused = |args: &[&str]| {
        // A wait would last for ever: `timeout` ends it with 124.
        let mut run = std::process::Command::new("timeout");
        run.arg("300").arg(crate::workspace::BUNDLER).args(args).current_dir(workspace.folder.path());
        run.env("XDG_CACHE_HOME", workspace.cache.path());
        let status = run.output().unwrap().status;
        assert_eq!(status.code(), Some(2), "{args:?}");
    };
    for command in
        [&["verify", "pipe", "--trust", "k.pub"][..], &["inspect", "pipe"], &["sign", "pipe", "--key", "k.key"]]
    {
        refused(command);
    }
    for body in [image("docker-archive:pipe"), image("oci-archive:pipe"), file("pipe")] {
        workspace.define(&body);
        refused(&["build", "acme.toml", "--key", "k.key"]);
    }
    workspace.define("");
    let text = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    workspace.write("acme.toml", text.replace("[runtime]\n", &settings("")));
    refused(&["build", "acme.toml", "--key", "k.key"]);
}

#[test]
fn a_cache_is_never_packed() {
    let workspace = Workspace::new();
    workspace.write("docs/a.txt", "a");
    workspace.define("[[file]]\nsource = \"docs\"\npath = \"docs\"\n");
    let build = ["build", "acme.toml", "--key", "k.key", "--out", "acme.tar"];
    for cache in ["docs", "docs/cache/of/mine"] {
        let error = workspace.refused(2, &[&build[..], &["--cache", cache]].concat());
        assert_eq!(error["code"], "cache_in_source", "{error}");
    }
    assert_eq!(fs::read_dir(workspace.path("docs")).unwrap().count(), 1);
    workspace.ok(&[&build[..], &["--cache", "docs-cache"]].concat());
}

#[test]
fn settings_that_are_no_toml_are_not_packed() {
    let workspace = Workspace::new();
    workspace.define("");
    let text = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    workspace.write("acme.toml", text.replace("[runtime]\n", "[runtime]\nconfig = \"mine.toml\"\n"));
    workspace.write("mine.toml", "[api]\nport = \n");
    let error = workspace.refused(2, &["build", "acme.toml", "--key", "k.key"]);
    assert_eq!(error["code"], "config", "{error}");
    assert!(error["message"].as_str().unwrap().contains("mine.toml is not a TOML file"), "{error}");
    workspace.write("mine.toml", "[api]\n");
    workspace.build("acme.tar");
}

#[test]
fn what_a_killed_run_left_goes_away_with_the_next_one() {
    let workspace = Workspace::new();
    // An engine that never answers holds the build up while its temporary files are there.
    let _engine = UnixListener::bind(workspace.path("engine.sock")).unwrap();
    workspace.define("[[image]]\nname = \"a\"\nsource = \"docker-daemon:a:1\"\n");
    let mut build = workspace.bundler();
    let socket = format!("unix://{}", workspace.path("engine.sock").display());
    let mut running =
        build.args(["build", "acme.toml", "--key", "k.key", "--quiet"]).env("DOCKER_HOST", socket).spawn().unwrap();
    let partial = || workspace.names().into_iter().filter(|name| name.contains("partial")).count();
    let start = Instant::now();
    while partial() == 0 {
        assert!(start.elapsed() < Duration::from_mins(5), "the build does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    workspace.define("");
    workspace.build("first.tar");
    assert_eq!(partial(), 1, "what a run still needs stays");
    let same = "acme-1.0.0-linux-amd64.landfall.tar";
    for more in [&[][..], &["--split", "1MB"], &["--out", same]] {
        let error = workspace.refused(8, &[&["build", "acme.toml", "--key", "k.key"], more].concat());
        assert_eq!(error["code"], "busy", "{error}");
        assert!(error["message"].as_str().unwrap().ends_with(&format!("another run writes {same} there")), "{error}");
    }
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(partial(), 1);
    workspace.build("second.tar");
    assert_eq!(partial(), 0);
}

/// What needs strace besides; `make check` leaves it out.
mod needs_tools {
    use super::*;

    /// Builds `acme.tar`, which is stopped at the first call of this name while `act` is done; its exit code.
    fn stopped_at(workspace: &Workspace, call: &str, act: impl FnOnce()) -> Option<i32> {
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:signal=SIGSTOP:when=1"));
        let mut run = std::process::Command::new("strace");
        run.args(["-qq", "-f", "-o", "trace", "-e", &trace, "-e", &inject, crate::workspace::BUNDLER]);
        run.args(["build", "acme.toml", "--key", "k.key", "--no-cache", "--out", "acme.tar", "--quiet"]);
        fs::remove_file(workspace.path("trace")).ok();
        let mut running = run.current_dir(workspace.folder.path()).spawn().expect("this test needs strace");
        let stopped = loop {
            assert!(running.try_wait().unwrap().is_none(), "it was not stopped");
            let text = fs::read_to_string(workspace.path("trace")).unwrap_or_default();
            let line = text.lines().find(|line| line.ends_with("--- stopped by SIGSTOP ---"));
            match line.and_then(|line| line.split(' ').next()) {
                Some(process) => break process.to_owned(),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        act();
        workspace.tool("kill", &["-CONT", &stopped]);
        running.wait().unwrap().code()
    }

    #[test]
    fn a_link_that_is_swapped_in_while_a_folder_is_packed_is_not_followed() {
        for body in [file("docs"), rootfs("docs")] {
            for is_folder in [false, true] {
                let workspace = Workspace::new();
                workspace.write("docs/a.txt", crate::workspace::noise(300_000));
                workspace.write("docs/sub/b.txt", "b");
                workspace.write("outside/b.txt", "secret");
                workspace.define(&body);
                // By the first write, all is found; the last file is not read.
                let swapped = || {
                    let of = if is_folder { "sub" } else { "sub/b.txt" };
                    fs::rename(workspace.path("docs").join(of), workspace.path("was")).unwrap();
                    let to = if is_folder { "../outside" } else { "../../outside/b.txt" };
                    symlink(to, workspace.path("docs").join(of)).unwrap();
                };
                let is_link_of_its_own = body.contains("rootfs");
                let code = stopped_at(&workspace, "pwrite64", swapped);
                // A folder's layer is as the folder is when it is read, with a link as a link.
                assert!(code == Some(1) || (is_link_of_its_own && code == Some(0)), "{body}: {code:?}");
                assert_eq!(workspace.path("acme.tar").exists(), code == Some(0));
            }
        }
    }

    #[test]
    fn what_comes_there_while_a_bundle_is_packed_is_not_replaced() {
        let workspace = Workspace::new();
        workspace.define("");
        let mine = || drop(workspace.write("acme.tar", "mine"));
        for call in ["pwrite64", "fsync"] {
            fs::remove_file(workspace.path("acme.tar")).ok();
            assert_eq!(stopped_at(&workspace, call, mine), Some(2), "{call}");
            assert_eq!(fs::read(workspace.path("acme.tar")).unwrap(), b"mine", "{call}");
        }
        fs::remove_file(workspace.path("acme.tar")).unwrap();
        workspace.build("acme.tar");
        assert_eq!(stopped_at(&workspace, "pwrite64", mine), Some(2), "in place of a bundle");
        assert_eq!(fs::read(workspace.path("acme.tar")).unwrap(), b"mine");
    }
}
