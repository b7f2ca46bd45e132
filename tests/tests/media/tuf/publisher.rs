//! Who makes the bundles: holders of keys, any of whom may sign.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landfall_keys::{KeyId, PublicKey, SecretKey, Signature};
use landfall_manifests::{Signed, archive};
use landfall_tests::tar::{Archive, Entry};
use landfall_tests::{Command, FolderHost, Scratch, SmallRelease};
use std::path::{Path, PathBuf};

/// Key holders, by number, and a scratch.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) scratch: Scratch,
    pub(crate) keys: Vec<SecretKey>,
}

impl Publisher {
    /// As many holders as a scenario needs.
    pub(crate) fn new(holders: usize) -> Result<Self> {
        let keys = (0..holders).map(|_| SecretKey::generate()).collect::<Result<_, _>>()?;
        Ok(Self { scratch: Scratch::new()?, keys })
    }

    /// A release, signed by the holder 0.
    pub(crate) fn release(&self, version: &str, serial: u64) -> Result<PathBuf> {
        self.pack(&SmallRelease::new(version, serial)?)
    }

    /// The same, of what was changed in it.
    pub(crate) fn pack(&self, release: &SmallRelease) -> Result<PathBuf> {
        let id = release.release.id();
        self.scratch.put(&format!("{id}.tar"), &release.pack(&self.keys[0])?)
    }

    /// The bundle of release 1.0.0 that has exactly these signatures, sorted by name.
    pub(crate) fn signed_by(&self, name: &str, signatures: &[Signature]) -> Result<PathBuf> {
        let release = SmallRelease::new("1.0.0", 1)?;
        let named: Vec<&SecretKey> = self.keys.iter().collect();
        let signed = Signed::new(release.named(&named), std::slice::from_ref(&self.keys[0]))?;
        let mut archive = Archive::parse(&release.write(&signed)?)?;
        let mut entries: Vec<Entry> = signatures.iter().map(signature_entry).collect();
        entries.sort_by_key(Entry::name);
        archive.entries.splice(1..2, entries);
        self.scratch.put(name, &archive.bytes())
    }

    /// The signature of holder `index` over release 1.0.0.
    pub(crate) fn signature(&self, index: usize) -> Result<Signature> {
        let named: Vec<&SecretKey> = self.keys.iter().collect();
        Ok(SmallRelease::new("1.0.0", 1)?.manifest(&named, &self.keys[index])?.1)
    }

    /// A host on which the first release is installed.
    pub(crate) fn host_with(&self, bundle: &Path) -> Result<FolderHost> {
        let host = self.scratch.host("host")?;
        host.install(bundle, &self.key(0)).ok()?;
        Ok(host)
    }

    /// The public key of holder `index`, as its line.
    pub(crate) fn key(&self, index: usize) -> String {
        self.keys[index].public_key().to_line()
    }

    /// `install` by the given holders' keys, of which `threshold` must have signed.
    pub(crate) fn install(&self, host: &FolderHost, bundle: &Path, keys: &[usize], threshold: u32) -> Command {
        let trust = keys.iter().flat_map(|index| ["--trust".to_owned(), self.key(*index)]);
        host.installer().arg("install").arg(bundle).args(trust).args(["--threshold", &threshold.to_string()])
    }
}

/// The signature as a bundle has it.
pub(crate) fn signature_entry(signature: &Signature) -> Entry {
    Entry::file(&archive::signature_name(&signature.key_id().to_string()), signature.to_file().as_bytes())
}

/// The same signature, which says that another key made it.
pub(crate) fn claimed_by(signature: &Signature, id: KeyId) -> Result<Signature> {
    let text = with_id(&signature.to_file(), 1, id)?;
    Ok(Signature::parse(text.as_bytes())?)
}

/// The same key under another id.
pub(crate) fn under_id(key: &PublicKey, id: KeyId) -> Result<String> {
    with_id(&key.to_line(), 0, id)
}

/// Signatures and keys begin with two bytes for the algorithm and the eight of the id, in base64 on the line `line`.
fn with_id(text: &str, line: usize, id: KeyId) -> Result<String> {
    let body = text.lines().nth(line).context("the text is too short")?;
    let mut bytes = STANDARD.decode(body)?;
    bytes.get_mut(2..10).context("the line is too short")?.copy_from_slice(&id.to_bytes());
    Ok(text.replace(body, &STANDARD.encode(bytes)))
}
