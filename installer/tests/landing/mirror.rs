//! `update --from`: a folder of bundles, and a plain HTTP server that has one.

use crate::fixture::{Parts, Scene};
use crate::trust_chain::leak;
use landfall_keys::{RootLink, SecretKey};
use landfall_manifests::{BundleIndex, Digest, Head, INDEX_NAME, IndexedBundle, SignedIndex};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

const PROGRAM: &str = "opt/landfall/current/bin/landfall";

/// A folder of bundles, as a publisher keeps it.
struct Mirror {
    folder: PathBuf,
    bundles: Vec<IndexedBundle>,
}

impl Mirror {
    fn new(scene: &Scene) -> Self {
        Self { folder: scene.stick(), bundles: Vec::new() }
    }

    /// Adds a bundle; its file.
    fn add(&mut self, parts: Parts, key: &SecretKey) -> PathBuf {
        let bundle = parts.pack(key);
        let head = Head::read(&mut bundle.as_slice()).unwrap();
        let manifest = Digest::of(head.manifest());
        let signed = head.into_signed_without_verifying().unwrap();
        let file = signed.release().file_name();
        let path = self.folder.join(&file);
        std::fs::write(&path, &bundle).unwrap();
        self.bundles.push(IndexedBundle::of(file, signed.release(), manifest, bundle.len() as u64));
        path
    }

    /// Writes the index.
    fn index(&self, key: &SecretKey, trust: &[RootLink]) {
        let index = BundleIndex::new("acme".parse().unwrap(), self.bundles.clone()).unwrap();
        let mut signed = SignedIndex::new(&index, trust.to_vec()).unwrap();
        signed.sign(key).unwrap();
        std::fs::write(self.folder.join(INDEX_NAME), signed.to_file().unwrap()).unwrap();
    }

    fn path(&self) -> &str {
        self.folder.to_str().unwrap()
    }
}

/// A host with 1.0.0-1, and a mirror with 1.1.0-2 and 1.2.0-3, to which a host has to come over 1.1.0.
fn ready() -> (Scene, Mirror) {
    let (scene, _) = Scene::installed();
    let mut mirror = Mirror::new(&scene);
    mirror.add(Parts::new("1.1.0", 2), &scene.key);
    let mut last = Parts::new("1.2.0", 3);
    last.release.min_upgrade_from = Some("1.1.0".parse().unwrap());
    mirror.add(last, &scene.key);
    mirror.index(&scene.key, &[]);
    (scene, mirror)
}

#[test]
fn the_newest_that_may_come_in_is_taken_step_by_step() {
    let (scene, mirror) = ready();
    let before = scene.tree();
    scene.run(&["plan", "--from", mirror.path()]).ok().says("1.1.0-2").says("reached from version 1.1.0 or later only");
    assert_eq!(scene.tree(), before, "looking changes nothing");
    let outcome = scene.run(&["update", "--from", mirror.path(), "--json"]).ok();
    assert_eq!(outcome.json()["release"], "1.1.0-2");
    assert!(outcome.json()["warnings"][0].as_str().unwrap().contains("1.2.0-3"), "{outcome:?}");
    scene.run(&["update", "--from", mirror.path()]).ok().says("1.2.0-3 is installed in place of 1.1.0-2");
    let outcome = scene.run(&["update", "--from", mirror.path(), "--json"]).ok();
    assert_eq!((&outcome.json()["changed"], &outcome.json()["release"]), (&false.into(), &"1.2.0-3".into()));
    // A release that was left is not taken again by itself.
    scene.run(&["rollback"]).ok();
    scene.run(&["update", "--from", mirror.path()]).ok().says("nothing newer").says("left again");
    assert_eq!(scene.read(PROGRAM), "the runtime 1.1.0");
}

#[test]
fn nothing_comes_from_an_index_that_is_not_trusted_missing_or_wrong() {
    let (scene, mut mirror) = ready();
    let before = scene.tree();
    let refused = |exit: i32, code: &str| {
        for command in ["plan", "update"] {
            let outcome = scene.run(&[command, "--from", mirror.path(), "--json"]).exits(exit);
            assert_eq!(outcome.json()["error"]["code"], code, "{outcome:?}");
            assert!(outcome.json()["error"]["hint"].is_string(), "{outcome:?}");
        }
        assert_eq!(scene.tree(), before, "{code}: the host is changed");
    };
    let index = mirror.folder.join(INDEX_NAME);
    let good = std::fs::read(&index).unwrap();
    mirror.index(&SecretKey::generate().unwrap(), &[]);
    refused(4, "untrusted");
    let changed = String::from_utf8(good.clone()).unwrap().replace("1.1.0-linux", "1.9.0-linux");
    std::fs::write(&index, changed).unwrap();
    refused(4, "untrusted");
    for (wrong, exit, code) in [("{", 3, "index"), ("", 3, "index"), (&" ".repeat(5 << 20), 6, "unreachable")] {
        std::fs::write(&index, wrong).unwrap();
        refused(exit, code);
    }
    std::fs::remove_file(&index).unwrap();
    refused(2, "no_index");
    std::fs::create_dir(&index).unwrap();
    refused(2, "no_index");
    std::fs::remove_dir(&index).unwrap();
    // The index is older than the bundle.
    std::fs::write(&index, &good).unwrap();
    let mut other = Parts::new("1.1.0", 2);
    other.file("docs/more", "0644", b"more");
    mirror.add(other, &scene.key);
    let outcome = scene.run(&["update", "--from", mirror.path(), "--json"]).exits(3);
    assert_eq!(outcome.json()["error"]["code"], "other_bundle", "{outcome:?}");
    // A bundle that the index lists rightly is verified as any other.
    mirror.bundles.clear();
    let bundle = mirror.add(Parts::new("1.1.0", 2), &scene.key);
    mirror.index(&scene.key, &[]);
    let mut damaged = std::fs::read(&bundle).unwrap();
    let half = damaged.len() / 2;
    damaged[half..].iter_mut().for_each(|byte| *byte ^= 1);
    std::fs::write(&bundle, damaged).unwrap();
    scene.run(&["update", "--from", mirror.path()]).exits(3);
    assert_eq!(scene.read(PROGRAM), "the runtime 1.0.0");
}

#[test]
fn an_index_signed_by_a_newer_key_brings_the_roots_that_lead_to_it() {
    let (scene, _) = Scene::installed();
    let second = SecretKey::generate().unwrap();
    let roots = leak(&scene.key, &second);
    let mut mirror = Mirror::new(&scene);
    let mut parts = Parts::new("1.1.0", 2);
    parts.release.trust.clone_from(&roots.links);
    mirror.add(parts, &second);
    mirror.index(&second, &[]);
    scene.run(&["update", "--from", mirror.path()]).exits(4);
    mirror.index(&second, &roots.links);
    scene.run(&["update", "--from", mirror.path()]).ok().says("1.1.0-2");
}

#[test]
fn before_an_installation_nobody_is_trusted() {
    let (scene, mirror) = ready();
    let bare = Scene::new();
    bare.run(&["plan", "--from", mirror.path()]).exits(5).says("nothing is installed");
    scene.run(&["update", "--from", mirror.path(), "a.landfall.tar"]).exits(2);
    scene.run(&["update", "--from", "https://10.0.0.1/"]).exits(2).says("http://HOST");
    scene.run(&["update"]).exits(2);
}

/// Serves a folder until the process ends: with ranges, and each response is cut after `most` bytes. The address of it.
fn serve(folder: &Path, most: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            // Whoever asks may have what it wants already, and hang up.
            let _ = answer(&mut connection.unwrap(), &folder, most);
        }
    });
    address
}

static REQUESTS: AtomicUsize = AtomicUsize::new(0);

fn answer(connection: &mut TcpStream, folder: &Path, most: usize) -> io::Result<()> {
    REQUESTS.fetch_add(1, Ordering::SeqCst);
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut offset = 0;
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        let range = line.to_ascii_lowercase();
        let range = range.strip_prefix("range: bytes=").and_then(|range| range.strip_suffix('-')?.parse().ok());
        offset = range.unwrap_or(offset);
    }
    let name = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let Ok(content) = std::fs::read(folder.join(name)) else {
        return connection.write_all(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    };
    let (size, rest) = (content.len(), &content[offset..]);
    let range = format!("Content-Range: bytes {offset}-{}/{size}\r\nContent-Length: {}", size - 1, rest.len());
    connection.write_all(format!("HTTP/1.1 206 Partial Content\r\nConnection: close\r\n{range}\r\n\r\n").as_bytes())?;
    connection.write_all(&rest[..rest.len().min(most)])
}

#[test]
fn a_server_is_read_as_a_stick_is_and_goes_on_where_it_was_cut_off() {
    let (scene, mirror) = ready();
    let address = serve(&mirror.folder, 4096);
    scene.run(&["plan", "--from", &address]).ok().says("1.1.0-2");
    scene.run(&["update", "--from", &address]).ok().says("1.1.0-2 is installed in place of 1.0.0-1");
    assert_eq!(scene.read(PROGRAM), "the runtime 1.1.0");
    assert!(REQUESTS.load(Ordering::SeqCst) > 10, "nothing was cut off");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let outcome = scene.run(&["update", "--from", &format!("http://{gone}/"), "--json"]).exits(6);
    assert_eq!(outcome.json()["error"]["code"], "unreachable");
    let nothing = format!("{address}nothing/");
    scene.run(&["update", "--from", &nothing]).exits(2).says("there is no index of bundles");
}

mod needs_tools {
    use super::*;
    use std::process::{Child, Command, Stdio};

    /// A server that ends with the test.
    struct Python(Child);

    impl Drop for Python {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn the_server_that_python_brings_suffices() {
        let (scene, mirror) = ready();
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", mirror.path()]);
        let mut server = Python(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // Serving HTTP on 127.0.0.1 port 40000 (http://127.0.0.1:40000/) ...
        let address = line.split(['(', ')']).nth(1).unwrap();
        scene.run(&["update", "--from", address]).ok().says("1.1.0-2");
        scene.run(&["update", "--from", address]).ok().says("1.2.0-3");
        assert_eq!(scene.read(PROGRAM), "the runtime 1.2.0");
    }
}
