//! What a later build takes from the cache and from the lock file.

use super::*;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

const CACHED: &[&str] = &["build", "acme.toml", "--key", "k.key"];

/// A registry whose content can change while it runs, with an image `app:1` of two layers.
fn registry() -> (Arc<Mutex<Images>>, Server, Workspace) {
    let mut images = Images::default();
    images.image("app:1", &[layer("base", 700_000), layer("app", 300_000)]);
    let images = Arc::new(Mutex::new(images));
    let answering = Arc::clone(&images);
    let server = Server::start(move |request| answering.lock().unwrap().answer(request));
    let workspace = Workspace::new();
    define(&workspace, &server, &[("app", "app:1")]);
    (images, server, workspace)
}

/// Puts another image in the place of `app:1`.
fn move_tag(images: &Mutex<Images>) {
    images.lock().unwrap().image("app:1", &[layer("base", 700_000), layer("other", 1000)]);
}

fn build(workspace: &Workspace, out: &str, further: &[&str]) -> Vec<u8> {
    workspace.ok(&[CACHED, &["--out", out], further].concat());
    fs::read(workspace.path(out)).unwrap()
}

/// The cached blobs, the largest first.
fn blobs(workspace: &Workspace) -> Vec<PathBuf> {
    let entries = fs::read_dir(workspace.cache.path().join("landfall/blobs")).unwrap();
    let mut blobs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    blobs.sort_by_key(|path| std::cmp::Reverse(path.metadata().unwrap().len()));
    blobs
}

#[test]
fn a_second_build_asks_for_nothing_and_gives_the_same_bundle() {
    let (_, server, workspace) = registry();
    let cold = build(&workspace, "none.tar", &["--no-cache"]);
    fs::remove_file(workspace.path("landfall.lock")).unwrap();
    assert!(!workspace.cache.path().join("landfall").exists());
    let first = build(&workspace, "first.tar", &[]);
    let asked = server.seen().len();
    let second = build(&workspace, "second.tar", &["--locked"]);
    assert!(first == cold && second == cold, "what comes from the cache differs");
    assert_eq!(server.seen().len(), asked, "{:?}", server.seen());
    workspace.ok(&["verify", "second.tar", "--trust", "k.pub"]);
}

#[test]
fn a_bundle_that_has_not_changed_is_not_written_again() {
    let (_, _server, workspace) = registry();
    let report = |further: &[&str]| -> Value {
        serde_json::from_str(&workspace.ok(&[CACHED, &["--out", "a.tar", "--json"], further].concat())).unwrap()
    };
    assert_eq!(report(&[])["unchanged"], false);
    let written = fs::metadata(workspace.path("a.tar")).unwrap().modified().unwrap();
    let first = fs::read(workspace.path("a.tar")).unwrap();
    assert_eq!(report(&[])["unchanged"], true);
    assert_eq!(fs::metadata(workspace.path("a.tar")).unwrap().modified().unwrap(), written);
    assert_eq!(report(&["--no-cache"])["unchanged"], true);
    // Parts of another release do not stay beside it.
    workspace.ok(&[CACHED, &["--out", "b.tar", "--split", "100kB"]].concat());
    fs::rename(workspace.path("b.tar.part001"), workspace.path("a.tar.part001")).unwrap();
    assert_eq!(report(&[])["unchanged"], false);
    assert!(!workspace.path("a.tar.part001").exists());
    // Any byte that differs is put right.
    for at in [600, first.len() / 2, first.len() - 1] {
        let mut damaged = first.clone();
        damaged[at] ^= 1;
        workspace.write("a.tar", &damaged);
        assert_eq!(report(&[])["unchanged"], false, "{at}");
        assert!(fs::read(workspace.path("a.tar")).unwrap() == first, "{at}");
    }
}

#[test]
fn what_rotted_in_the_cache_is_pulled_again() {
    let (_, server, workspace) = registry();
    let first = build(&workspace, "first.tar", &[]);
    let (whole, digest) = (blobs(&workspace), digest(&gzip(&layer("base", 700_000))));
    for damage in ["a bit", "the end", "all of it"] {
        for path in &whole {
            let mut content = fs::read(path).unwrap();
            match damage {
                "a bit" => content[0] ^= 1,
                "the end" => content.truncate(1),
                _ => content.clear(),
            }
            fs::write(path, content).unwrap();
        }
        let asked = server.count(&digest);
        assert!(build(&workspace, "again.tar", &[]) == first, "{damage}");
        assert_eq!(server.count(&digest), asked + 1, "{damage}");
        // What was noticed is whole again, at the latest after the next build.
        build(&workspace, "again.tar", &[]);
        let asked = server.seen().len();
        assert!(build(&workspace, "again.tar", &[]) == first, "{damage}");
        assert_eq!(server.seen().len(), asked, "{damage}");
    }
}

#[test]
fn what_was_pulled_before_a_build_failed_is_not_pulled_again() {
    let (images, server, workspace) = registry();
    let (base, app) = (gzip(&layer("base", 700_000)), gzip(&layer("app", 300_000)));
    images.lock().unwrap().forget("app", &app);
    assert_eq!(workspace.refused(3, CACHED)["code"], "damaged_image");
    assert!(!workspace.path("landfall.lock").exists(), "a build that fails pins nothing");
    images.lock().unwrap().blob("app", &app);
    build(&workspace, "a.tar", &[]);
    assert_eq!((server.count(&digest(&base)), server.count(&digest(&app))), (1, 2));
}

#[test]
fn the_cache_stays_within_its_bound() {
    let (images, server, workspace) = registry();
    let bound = ["--cache-size", "800kB"];
    build(&workspace, "a.tar", &bound);
    let size = || -> u64 { blobs(&workspace).iter().map(|blob| blob.metadata().unwrap().len()).sum() };
    assert!((1..=800_000).contains(&size()), "{}", size());
    move_tag(&images);
    workspace.ok(&["update", "acme.toml"]);
    build(&workspace, "b.tar", &bound);
    assert!((1..=800_000).contains(&size()), "{}", size());
    assert!(server.count(&digest(&gzip(&layer("base", 700_000)))) >= 1);
}

#[test]
fn a_cache_that_others_can_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_, _server, workspace) = registry();
    let folder = workspace.path("shared");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let error = workspace.refused(6, &[CACHED, &["--cache", "shared"]].concat());
    assert_eq!(error["code"], "cache");
    // The default one only makes builds slow.
    let own = workspace.cache.path().join("landfall");
    fs::create_dir(&own).unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).unwrap();
    let output = workspace.run(CACHED);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.contains("this build has no cache: "), "{errors}");
    assert_eq!(fs::read_dir(&own).unwrap().count() + fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_reference_stands_for_what_the_lock_file_says_until_it_is_updated() {
    let (images, server, workspace) = registry();
    let first = build(&workspace, "a.tar", &[]);
    let locked = fs::read_to_string(workspace.path("landfall.lock")).unwrap();
    move_tag(&images);
    assert!(build(&workspace, "a.tar", &["--no-cache"]) == first, "a tag that moved changed the bundle");
    assert_eq!(fs::read_to_string(workspace.path("landfall.lock")).unwrap(), locked);

    let update = |further: &[&str]| -> Value {
        serde_json::from_str(&workspace.ok(&[&["update", "acme.toml", "--json"], further].concat())).unwrap()
    };
    let moved = update(&["--dry-run"]);
    assert_eq!((&moved["images"][0]["moved"], &moved["images"][0]["name"]), (&true.into(), &"app".into()));
    assert!(locked.contains(moved["images"][0]["from"].as_str().unwrap()));
    assert_eq!(fs::read_to_string(workspace.path("landfall.lock")).unwrap(), locked, "--dry-run wrote");
    assert_eq!(update(&["app"]), moved);
    let again = fs::read_to_string(workspace.path("landfall.lock")).unwrap();
    assert!(again.contains(moved["images"][0]["to"].as_str().unwrap()), "{again}");
    assert_eq!(update(&[])["images"][0]["moved"], false);
    assert!(build(&workspace, "a.tar", &[]) != first);
    assert_eq!(workspace.release("a.tar")["images"][0]["source"], format!("docker://{}/app:1", server.address));
}

#[test]
fn an_update_that_would_not_build_leaves_the_lock_file() {
    let (images, _server, workspace) = registry();
    build(&workspace, "a.tar", &[]);
    let locked = fs::read(workspace.path("landfall.lock")).unwrap();
    let layers = [layer("arm", 1000)];
    images.lock().unwrap().image_of("app:1", "arm64", &layers, &[(GZIP, gzip(&layers[0]))]);
    assert_eq!(workspace.refused(2, &["update", "acme.toml"])["code"], "wrong_arch");
    for (name, message) in [("other", "has no image other"), ("own", "own has no reference that could move")] {
        let text = fs::read_to_string(workspace.path("acme.toml")).unwrap();
        workspace.write("own.toml", format!("{text}[[image]]\nname = \"own\"\nsource = \"rootfs:own\"\n"));
        let error = workspace.refused(2, &["update", "own.toml", name]);
        assert!(self::message(&error).contains(message), "{error}");
    }
    assert_eq!(fs::read(workspace.path("landfall.lock")).unwrap(), locked);
}

#[test]
fn a_locked_build_refuses_what_is_not_pinned_and_a_lock_file_that_is_none() {
    let (_, server, workspace) = registry();
    let error = workspace.refused(2, &[CACHED, &["--locked"]].concat());
    assert_eq!(error["code"], "not_locked");
    assert!(message(&error).ends_with(&format!("{}/app:1 is not in landfall.lock", server.address)), "{error}");
    assert_eq!(server.seen().len(), 0);
    for (text, code) in [("version = 9", "its version is 9"), ("\u{0}", "is no lock file")] {
        workspace.write("landfall.lock", text);
        let error = workspace.refused(2, CACHED);
        assert!(error["code"] == "lock_file" && message(&error).contains(code), "{error}");
    }
    let pinned = format!(
        "version = 1\n[[reference]]\nname = \"{}/app:1\"\ndigest = \"{}\"\n",
        server.address,
        digest(b"what the registry never had")
    );
    workspace.write("landfall.lock", &pinned);
    let error = workspace.refused(2, &[CACHED, &["--locked"]].concat());
    assert_eq!(error["code"], "no_such_image");
    assert_eq!(fs::read_to_string(workspace.path("landfall.lock")).unwrap(), pinned);
}

/// What needs strace; `make check` leaves it out.
mod needs_tools {
    use super::*;
    use crate::workspace::BUNDLER;
    use std::process::Command;

    #[test]
    fn a_build_that_is_killed_leaves_a_cache_from_which_the_next_one_makes_the_same_bundle() {
        let (_, _server, workspace) = registry();
        let expected = build(&workspace, "expected.tar", &["--no-cache"]);
        for (calls, step) in [("/^rename", 1), ("write", 5), ("pwrite64", 9)] {
            for at in (1..).step_by(step) {
                for left in
                    [workspace.cache.path().join("landfall"), workspace.path("landfall.lock"), workspace.path("a.tar")]
                {
                    fs::remove_dir_all(&left).or_else(|_| fs::remove_file(&left)).ok();
                }
                let (trace, fault) = (format!("trace={calls}"), format!("inject={calls}:signal=KILL:when={at}"));
                let mut run = Command::new("strace");
                run.args(["-qq", "-f", "-o", "trace", "-e", &trace, "-e", &fault, BUNDLER]).args(CACHED);
                run.args(["--quiet", "--out", "a.tar"]).current_dir(workspace.folder.path());
                let run = run.env("XDG_CACHE_HOME", workspace.cache.path()).status();
                let is_done = run.expect("this test needs strace").success();
                assert!(build(&workspace, "a.tar", &[]) == expected, "killed at {calls} {at}");
                // From what both have left.
                assert!(build(&workspace, "again.tar", &["--locked"]) == expected, "killed at {calls} {at}");
                let left = fs::read_dir(workspace.cache.path().join("landfall")).unwrap().count();
                assert_eq!(left, 5, "killed at {calls} {at}");
                if is_done {
                    assert!(at > 5, "{calls} {at}");
                    break;
                }
            }
        }
    }
}
