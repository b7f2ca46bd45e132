//! Bundles made through the production path, and hosts in folders.

use landfall_fixtures::ReleaseFixture;
use landfall_keys::SecretKey;
use landfall_manifests::Digest;
use serde_json::Value;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The settings that the fixture's release has.
pub(crate) const SETTINGS: &str = "# Settings.\n[api]\naddress = \"0.0.0.0\" # all\nport = 3000\n\n[tenants]\n\
                                   first_port = 3001\n\n[engine]\nsocket = \"auto\"\n";

/// Stands in for the installer of a release: small, and able to say whether an update is under way.
pub(crate) const INSTALLER: &[u8] = b"#!/bin/sh\n\
    [ -e \"$2/var/lib/landfall/state/journal.json\" ] && doing='\"update\"' || doing=null\n\
    echo \"{\\\"interrupted\\\": $doing}\"\n";

/// A release that a host can install.
pub(crate) struct Parts(ReleaseFixture);

impl std::ops::Deref for Parts {
    type Target = ReleaseFixture;

    fn deref(&self) -> &ReleaseFixture {
        &self.0
    }
}

impl std::ops::DerefMut for Parts {
    fn deref_mut(&mut self) -> &mut ReleaseFixture {
        &mut self.0
    }
}

/// Manual pages and completions, as the bundler packs them.
pub(crate) const PAGES: [&str; 5] = [
    "share/bash-completion/completions/landfall",
    "share/fish/vendor_completions.d/landfall.fish",
    "share/man/man1/landfall-installer.1",
    "share/man/man1/landfall.1",
    "share/zsh/site-functions/_landfall",
];

impl Parts {
    /// Programs, settings, units, documents, an image of two layers.
    pub(crate) fn new(version: &str, serial: u64) -> Self {
        let mut parts = Self(ReleaseFixture::new(version, serial));
        parts.file("bin/landfall", "0755", format!("the runtime {version}").as_bytes());
        parts.file("bin/landfall-installer", "0755", INSTALLER);
        parts.file("config.toml", "0644", SETTINGS.as_bytes());
        parts.file("docs/deep/manual.txt", "0640", &b"words ".repeat(100_000));
        parts.file("docs/empty", "0600", b"");
        for page in PAGES {
            parts.file(page, "0644", format!("{page} of {version}").as_bytes());
        }
        // Each version has a command of its own, so that links come and go.
        parts.file(&format!("share/man/man1/landfall-{version}.1"), "0644", version.as_bytes());
        for (name, template) in landfall_systemd::TEMPLATES {
            parts.file(&format!("units/{name}"), "0644", template.as_bytes());
        }
        let layers = ["base", "hello"].map(|content| content.repeat(5_000));
        parts.add_image("hello", &layers.each_ref().map(String::as_bytes), None);
        parts
    }

    /// Adds a file, or replaces it.
    pub(crate) fn file(&mut self, path: &str, mode: &str, content: &[u8]) {
        self.0.add_file(path, mode, content);
    }

    /// Makes this the delta that leaves out what `base` has.
    pub(crate) fn on(self, base: &Self) -> Self {
        let manifest = Digest::of(base.release.version.to_string().as_bytes());
        Self(self.0.on(&base.0, manifest))
    }

    /// The bundle's bytes, signed by `key`.
    pub(crate) fn pack(self, key: &SecretKey) -> Vec<u8> {
        self.pack_by(std::slice::from_ref(key))
    }

    /// The bundle's bytes, signed by several keys.
    pub(crate) fn pack_by(self, keys: &[SecretKey]) -> Vec<u8> {
        self.0.bundle(keys)
    }
}

/// A host in a folder, a stick beside it, and a publisher.
pub(crate) struct Scene {
    folder: TempDir,
    pub(crate) key: SecretKey,
}

/// What a run of the installer left.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Scene {
    /// A bare host and an empty stick.
    pub(crate) fn new() -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap(), key: SecretKey::generate().unwrap() };
        std::fs::create_dir(scene.root()).unwrap();
        std::fs::create_dir(scene.stick()).unwrap();
        std::fs::write(scene.stick().join("acme.pub"), scene.key.public_key().to_file()).unwrap();
        scene
    }

    /// A host on which the fixture's release 1.0.0-1 is installed, and its bundle.
    pub(crate) fn installed() -> (Self, PathBuf) {
        let scene = Self::new();
        let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
        scene.install(&bundle).ok();
        (scene, bundle)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("host")
    }

    pub(crate) fn stick(&self) -> PathBuf {
        self.folder.path().join("stick")
    }

    /// Puts a bundle on the stick.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.stick().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs the installer on this host, without a terminal.
    pub(crate) fn run(&self, words: &[&str]) -> Outcome {
        let output = self.command(words).stdin(std::process::Stdio::null()).output().unwrap();
        Outcome {
            exit: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The installer on this host.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall-installer"));
        command.arg("--root").arg(self.root()).args(["--engine", "none", "--no-systemd", "--run-programs"]).args(words);
        command
    }

    /// The installer with nothing but the host's root.
    pub(crate) fn bare_command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall-installer"));
        command.arg("--root").arg(self.root()).args(words);
        command
    }

    pub(crate) fn install(&self, bundle: &Path) -> Outcome {
        self.install_with(bundle, &[])
    }

    pub(crate) fn install_with(&self, bundle: &Path, words: &[&str]) -> Outcome {
        let key = self.stick().join("acme.pub");
        let install = ["install", bundle.to_str().unwrap(), "--trust", key.to_str().unwrap()];
        self.run(&[&install, words].concat())
    }

    /// Everything on the host: kind, mode, content, and when files were last changed.
    pub(crate) fn tree(&self) -> String {
        let mut text = String::new();
        describe(&self.root(), &self.root(), &mut text);
        text
    }

    /// The same, without when files were changed, and without receipts, of which there is one for what was taken back too.
    pub(crate) fn tree_without_times(&self) -> String {
        let without = |line: &str| line.split(" changed ").next().unwrap_or_default().to_owned();
        let is_receipt = |line: &&str| line.contains("/state/receipts/") || line.contains("/state/last-receipt");
        self.tree().lines().filter(|line| !is_receipt(line)).map(without).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }
}

fn describe(base: &Path, folder: &Path, text: &mut String) {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let about = path.symlink_metadata().unwrap();
        let name = path.strip_prefix(base).unwrap().display();
        write!(text, "{name} {:o} ", about.mode()).unwrap();
        if about.is_dir() {
            text.push('\n');
            describe(base, &path, text);
        } else if about.is_symlink() {
            writeln!(text, "-> {}", std::fs::read_link(&path).unwrap().display()).unwrap();
        } else {
            let digest = Digest::of(&std::fs::read(&path).unwrap());
            writeln!(text, "{} changed {}.{}", digest, about.mtime(), about.mtime_nsec()).unwrap();
        }
    }
}

impl Outcome {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    #[track_caller]
    pub(crate) fn exits(self, exit: i32) -> Self {
        assert_eq!(self.exit, exit, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text) || self.err.contains(text), "{text:?} is not in:\n{}{}", self.out, self.err);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}
