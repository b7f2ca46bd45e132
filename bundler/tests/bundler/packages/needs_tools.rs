//! A mirror of our own, signed by gpg and verified by gpgv.

use super::{BUILD, arch, control, deb, gzip, listed};
use crate::registry::server::{Request, Response, Server};
use crate::workspace::Workspace;
use landfall_manifests::Digest;
use std::fmt::Write as _;
use std::fs;

/// When the expired key was made, as gpg is told the time.
const LONG_AGO: &str = "20200101T000000!";

/// A folder that is a mirror of the suite `stable`, and two keys.
struct Mirror {
    workspace: Workspace,
}

impl Mirror {
    fn new() -> Self {
        let mirror = Self { workspace: Workspace::new() };
        fs::create_dir(mirror.workspace.path("gnupg")).unwrap();
        for (user, time, expires) in
            [("archive", None, "never"), ("other", None, "never"), ("old", Some(LONG_AGO), "1d")]
        {
            mirror.gpg(time, &["--passphrase", "", "--quick-gen-key", user, "ed25519", "sign", expires]);
            mirror.gpg(None, &["--output", &format!("{user}.gpg"), "--export", user]);
        }
        let stanza = |name: &str, version: &str, more: &str| {
            let control = control(name, version, arch(), more);
            let (deb, path) = (deb(&control), format!("pool/{name}_{version}.deb"));
            mirror.workspace.write(&format!("mirror/{path}"), &deb);
            let digest = Digest::of(&deb).hex();
            format!("{control}Filename: {path}\nSize: {}\nSHA256: {digest}\n\n", deb.len())
        };
        let index = [
            stanza("engine", "1.0-1", "Depends: runc (>= 9)\n"),
            stanza("engine", "1.0-2", "Depends: runc (>= 1.0~rc1), libc, virtual\n"),
            stanza("runc", "1.0", "Pre-Depends: libc\nDepends: tini\n"),
            stanza("tini", "0.1", "Provides: virtual\n"),
            stanza("libc", "2", "Priority: required\n"),
            stanza("needy", "1", "Depends: engine (>= 2) | nothing\n"),
        ];
        mirror.workspace.write("Packages", index.concat());
        mirror.publish("archive", "stable");
        mirror
    }

    fn gpg(&self, time: Option<&str>, args: &[&str]) {
        let homedir = self.workspace.path("gnupg");
        let mut words = vec!["--homedir", homedir.to_str().unwrap(), "--batch", "--yes", "--quiet"];
        words.extend(time.iter().flat_map(|time| ["--faked-system-time", time]));
        self.workspace.tool("gpg", &[&words, args].concat());
    }

    /// Writes the index and the list of contents, signed by `user`'s key.
    fn publish(&self, user: &str, suite: &str) {
        let index = gzip(&fs::read(self.workspace.path("Packages")).unwrap());
        let path = format!("main/binary-{}/Packages.gz", arch());
        self.workspace.write(&format!("mirror/dists/stable/{path}"), &index);
        let mut list = format!("Origin: Test\nSuite: {suite}\nCodename: {suite}\nSHA256:\n");
        writeln!(list, " {} {} {path}", Digest::of(&index).hex(), index.len()).unwrap();
        self.workspace.write("Release", list);
        let time = (user == "old").then_some(LONG_AGO);
        let signed = "mirror/dists/stable/InRelease";
        self.gpg(time, &["--passphrase", "", "--local-user", user, "--output", signed, "--clearsign", "Release"]);
    }

    fn define(&self, name: &str, address: &str, keyring: &str) {
        self.workspace.define(&format!(
            "[[package]]\nfor = \"debian 12\"\nnames = [\"{name}\"]\nmirror = \"{address}\"\nsuites = [\"stable\"]\n\
             keyring = \"{keyring}\"\n"
        ));
    }

    fn folder(&self) -> String {
        format!("file://{}", self.workspace.path("mirror").display())
    }

    /// What a build is refused with.
    fn refused(&self, exit: i32, code: &str) -> String {
        let before = self.workspace.names();
        let error = self.workspace.refused(exit, &BUILD);
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(self.workspace.names(), before);
        error["message"].as_str().unwrap().to_owned()
    }

    /// Changes a file of the mirror while `look` looks at it.
    fn with(&self, path: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>, look: impl FnOnce()) {
        let path = self.workspace.path(&format!("mirror/{path}"));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, change(whole.clone())).unwrap();
        look();
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn names_are_resolved_on_a_mirror_with_all_that_they_need() {
    let mirror = Mirror::new();
    let expected = ["debian 12 tini", "debian 12 runc", "debian 12 engine"];
    mirror.define("engine", &mirror.folder(), "archive.gpg");
    mirror.workspace.ok(&BUILD);
    assert_eq!(listed(&mirror.workspace), expected);
    assert_eq!(mirror.workspace.release("acme.tar")["packages"][2]["version"], "1.0-2");
    let from_folder = mirror.workspace.release("acme.tar")["packages"].clone();
    // The same from a web server, without TLS.
    let folder = mirror.workspace.path("mirror");
    let server = Server::start(move |request: &Request| {
        fs::read(folder.join(request.path.trim_start_matches("/debian/")))
            .map_or_else(|_| Response::new(404, ""), |content| Response::new(200, content))
    });
    mirror.define("engine", &format!("http://{}/debian", server.address), "archive.gpg");
    mirror.workspace.ok(&BUILD);
    assert_eq!(mirror.workspace.release("acme.tar")["packages"], from_folder);
    assert!(server.seen().iter().all(|request| !request.path.contains("libc") && !request.path.contains("needy")));
    // A suite that is not there.
    mirror.define("engine", &format!("http://{}/elsewhere", server.address), "archive.gpg");
    mirror.refused(2, "missing_file");
}

#[test]
fn nothing_is_believed_that_the_keyring_has_not_signed() {
    let mirror = Mirror::new();
    mirror.define("engine", &mirror.folder(), "other.gpg");
    assert!(mirror.refused(4, "signature").contains("is not in it"));
    mirror.define("engine", &mirror.folder(), "gone.gpg");
    mirror.refused(2, "missing_file");
    mirror.define("engine", &mirror.folder(), "archive.gpg");
    let list = "dists/stable/InRelease";
    let replaced = |from: &'static str, to: &'static str| {
        move |text: Vec<u8>| String::from_utf8(text).unwrap().replacen(from, to, 1).into_bytes()
    };
    mirror.with(list, replaced("Origin: Test", "Origin: Text"), || {
        assert!(mirror.refused(4, "signature").contains("is false"));
    });
    let unsigned = fs::read(mirror.workspace.path("Release")).unwrap();
    mirror.with(list, |_| unsigned, || drop(mirror.refused(4, "signature")));
    mirror.with(list, |_| Vec::new(), || drop(mirror.refused(4, "signature")));
    // What stands beside the signed message is not read.
    let before = |text: Vec<u8>| [b"Suite: stable\nSHA256:\n 00 1 x\n\n".to_vec(), text].concat();
    mirror.with(list, before, || drop(mirror.workspace.run(&BUILD)));
    mirror.publish("archive", "oldstable");
    assert!(mirror.refused(4, "suite").contains("oldstable"));
    mirror.publish("old", "stable");
    mirror.define("engine", &mirror.folder(), "old.gpg");
    assert!(mirror.refused(4, "signature").contains("has expired"));
}

#[test]
fn what_the_signed_list_does_not_name_is_damage() {
    let mirror = Mirror::new();
    mirror.define("engine", &mirror.folder(), "archive.gpg");
    let index = format!("dists/stable/main/binary-{}/Packages.gz", arch());
    let flipped = |mut bytes: Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    for path in [index.as_str(), "pool/runc_1.0.deb"] {
        mirror.with(path, flipped, || {
            assert!(mirror.refused(3, "damaged_mirror").contains(path), "{path}");
        });
        mirror.with(path, |bytes| bytes[..10].to_vec(), || drop(mirror.refused(3, "damaged_mirror")));
        // Longer than it may be: no more of it is read.
        mirror.with(path, |bytes| [bytes, vec![0; 1 << 20]].concat(), || drop(mirror.refused(3, "damaged_mirror")));
    }
    mirror.workspace.ok(&BUILD);
}

#[test]
fn what_cannot_be_had_is_told_with_the_chain_to_it() {
    let mirror = Mirror::new();
    mirror.define("needy", &mirror.folder(), "archive.gpg");
    let message = mirror.refused(2, "unfulfilled");
    assert!(message.ends_with("needy 1: nothing that is offered fulfils engine (>= 2) | nothing"), "{message}");
    mirror.define("nobody", &mirror.folder(), "archive.gpg");
    assert!(mirror.refused(2, "no_such_package").contains("nobody"));
    // Without the program that verifies.
    mirror.define("engine", &mirror.folder(), "archive.gpg");
    let output = mirror.workspace.bundler().args(BUILD).env("PATH", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", String::from_utf8_lossy(&output.stderr));
}
