//! Two releases, who signs them, and hosts that are folders.

use anyhow::{Result, ensure};
use landfall_keys::SecretKey;
use landfall_tests::{Command, FileList, FolderHost, MEMORY, Output, Programs, SeededRng, SmallRelease, StickSpec};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The name under which bundles lie on sticks.
pub(crate) const BUNDLE: &str = "acme.landfall.tar";

/// What takes several reads, in bytes: programs read some 256 KiB at once.
const LARGE: usize = 700_000;

/// A stick that holds everything, and says so.
pub(crate) const HONEST: StickSpec = StickSpec::honest(1 << 30);

/// The publisher's scratch.
#[derive(Debug)]
pub(crate) struct Fixtures {
    pub(crate) programs: Programs,
    pub(crate) folder: TempDir,
    key: SecretKey,
}

impl Fixtures {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("landfall-sticks-").tempdir_in(MEMORY)?;
        Ok(Self { programs: Programs::build()?, folder, key: SecretKey::generate()? })
    }

    /// The publisher's public key.
    pub(crate) fn line(&self) -> String {
        self.key.public_key().to_line()
    }

    /// The bundle of a release that a host can install, or update to.
    pub(crate) fn bundle(&self, serial: u64) -> Result<Vec<u8>> {
        bundle(serial, &self.key, 1)
    }

    /// What an attacker has in its place: a bundle that is as long, byte by byte another one, and well signed by their own key.
    pub(crate) fn attackers_bundle(&self, serial: u64) -> Result<Arc<[u8]>> {
        let bytes = bundle(serial, &SecretKey::generate()?, 2)?;
        ensure!(bytes.len() == self.bundle(serial)?.len(), "the attacker's bundle is not as long");
        Ok(bytes.into())
    }

    /// A host in `folder` that has nothing.
    pub(crate) fn bare(&self, folder: &str) -> Result<FolderHost> {
        FolderHost::bare(&self.folder.path().join(folder), &self.programs.installer()?)
    }

    /// A host in `folder` that has the first release.
    pub(crate) fn installed(&self, folder: &str) -> Result<FolderHost> {
        let host = self.bare(folder)?;
        host.install(&self.file("first.landfall.tar", &self.bundle(1)?)?, &self.line()).ok()?;
        Ok(host)
    }

    /// A file on the publisher's machine.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content)?;
        Ok(path)
    }

    /// `landfall-bundler media BUNDLE FOLDER` with `more`.
    pub(crate) fn media(&self, bundle: &Path, folder: &Path, more: &[&str]) -> Result<Command> {
        Ok(Command::new(self.programs.bundler()?).arg("media").args([bundle, folder]).args(more))
    }
}

fn bundle(serial: u64, key: &SecretKey, noise: u64) -> Result<Vec<u8>> {
    let mut release = SmallRelease::new(&format!("1.{serial}.0"), serial)?;
    let mut rng = SeededRng::with_seed(10 * serial + noise);
    let large: Vec<u8> = (0..LARGE).map(|_| u8::try_from(rng.below(256)).unwrap_or_default()).collect();
    release.file("docs/large", "0644", &large)?;
    release.pack(key)
}

/// What a release brings to a host: its folder, its blobs and its keys, and nothing that is a host's own.
pub(crate) fn brought(host: &FolderHost) -> Result<FileList> {
    let ours = ["opt/landfall/releases", "opt/landfall/current", "var/lib/landfall/store", "etc/landfall/trust.json"];
    Ok(host.files()?.filtered(|path| ours.iter().any(|ours| path.starts_with(ours))))
}

/// The exit code, if it is one of `codes` and the program says what and what next.
pub(crate) fn refused(output: &Output, codes: &[i32]) -> Result<i32> {
    let is_complete = ["error: ", "hint: "].iter().all(|word| output.stderr.lines().any(|line| line.starts_with(word)));
    ensure!(
        codes.contains(&output.code) && is_complete,
        "{} ended with {}: {}",
        output.line,
        output.code,
        output.text()
    );
    Ok(output.code)
}
