use super::{RootChain, SignatureStatus, TrustFolder};
use landfall_keys::{KeyId, PublicKey, TrustRoot, list_ids};
use landfall_manifests::Digest;
use serde::Serialize;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// The newest root of a folder: what it says, what it changes, and who has signed it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RootReport {
    path: PathBuf,
    version: u32,
    digest: String,
    threshold: u32,
    keys: Vec<Key>,
    revoked: Vec<KeyId>,
    /// What differs from the version before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Changes>,
    /// Whether hosts follow to it.
    complete: bool,
    signatures: Vec<SignatureStatus>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    strangers: Vec<KeyId>,
}

#[derive(Debug, Serialize)]
struct Key {
    id: KeyId,
    key: PublicKey,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Changes {
    since: u32,
    added: Vec<KeyId>,
    removed: Vec<KeyId>,
    revoked: Vec<KeyId>,
    threshold_before: u32,
}

/// All versions of a folder.
#[derive(Debug, Serialize)]
pub(crate) struct RootVersions {
    versions: Vec<VersionLine>,
    newest: RootReport,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionLine {
    version: u32,
    digest: String,
    threshold: u32,
    keys: usize,
    signers: Vec<KeyId>,
}

/// The digest of a root's file, which people compare out of band: over the phone, or in a letter.
pub(crate) fn digest(root: &TrustRoot) -> String {
    Digest::of(root.to_json().as_bytes()).to_string()
}

impl RootReport {
    pub(crate) fn of(folder: &TrustFolder) -> Self {
        let chain = folder.chain();
        let root = chain.newest();
        let keys = root.trusted_keys();
        Self {
            path: folder.path(),
            version: root.version(),
            digest: digest(root),
            threshold: keys.threshold(),
            keys: keys.keys().iter().map(|key| Key { id: key.id(), key: *key }).collect(),
            revoked: root.revoked().to_vec(),
            changes: chain.previous().map(|before| Changes::between(before, root)),
            complete: chain.is_complete(),
            signatures: chain.signature_statuses(),
            strangers: chain.unknown_signers(),
        }
    }

    /// Tells who has to do what next.
    fn next(&self, out: &mut String) -> fmt::Result {
        if self.version == 1 {
            return writeln!(out, "  next     give hosts this file, or enough of its keys: it needs no signature");
        }
        // A first root that is not version 1 begins a new chain, to which no host follows by itself.
        if self.complete && self.changes.is_none() {
            writeln!(
                out,
                "  next     on each host that trusts an older version, with the digest received out of band:"
            )?;
            return writeln!(
                out,
                "           landfall-installer trust import {} --replace {}",
                self.dir().display(),
                self.digest
            );
        }
        if self.complete {
            return writeln!(out, "  next     build with `trust = \"{}\"` in [release]", self.dir().display());
        }
        let dir = self.dir().display();
        let root = self.path.display();
        writeln!(out, "  next     each who signs: landfall-bundler trust sign --dir {dir} --key SECRET")?;
        writeln!(out, "           or: minisign -S -s SECRET -m {root} -x {root}.NAME.minisig")
    }

    fn dir(&self) -> &Path {
        landfall_media::folder_of(&self.path)
    }
}

impl fmt::Display for RootReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        writeln!(out, "{}: version {} of the trust root", self.path.display(), self.version)?;
        writeln!(out, "  digest   {}", self.digest)?;
        writeln!(out, "  trusts   {} keys, of which {} must sign", self.keys.len(), self.threshold)?;
        for Key { id, key } in &self.keys {
            writeln!(out, "           {id}  {key}")?;
        }
        if !self.revoked.is_empty() {
            writeln!(out, "  revoked  {}", list_ids(&self.revoked))?;
        }
        if let Some(changes) = &self.changes {
            writeln!(out, "  changes  {}", changes.text(self.threshold))?;
        }
        for status in &self.signatures {
            let by = list_ids(&status.signed);
            match status.missing_signatures() {
                Some(wanted) => writeln!(out, "  signed   by {by}; wanted: {wanted}")?,
                None => writeln!(out, "  signed   by {by}: enough keys of version {}", status.version)?,
            }
        }
        if !self.strangers.is_empty() {
            writeln!(out, "  ignored  signatures by {}, which are in neither version", list_ids(&self.strangers))?;
        }
        self.next(&mut out)?;
        f.write_str(&out)
    }
}

impl Changes {
    fn between(before: &TrustRoot, after: &TrustRoot) -> Self {
        let (old, new) = (before.trusted_keys().keys(), after.trusted_keys().keys());
        let revoked: Vec<_> = after.revoked().iter().copied().filter(|id| !before.revoked().contains(id)).collect();
        let ids = |keys: &[PublicKey], others: &[PublicKey]| -> Vec<KeyId> {
            keys.iter().filter(|key| !others.contains(key)).map(PublicKey::id).collect()
        };
        let mut removed = ids(old, new);
        // A revoked key is gone as well: it is named once, by the stronger word.
        removed.retain(|id| !revoked.contains(id));
        Self {
            since: before.version(),
            added: ids(new, old),
            removed,
            revoked,
            threshold_before: before.trusted_keys().threshold(),
        }
    }

    fn text(&self, threshold: u32) -> String {
        let mut parts = Vec::new();
        for (verb, ids) in [("adds", &self.added), ("removes", &self.removed), ("revokes", &self.revoked)] {
            if !ids.is_empty() {
                parts.push(format!("{verb} {}", list_ids(ids)));
            }
        }
        if threshold != self.threshold_before {
            parts.push(format!(
                "threshold {} instead of {threshold_before}",
                threshold,
                threshold_before = self.threshold_before
            ));
        }
        if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") }
    }
}

impl RootVersions {
    pub(crate) fn of(folder: &TrustFolder) -> Self {
        Self { versions: lines(folder.chain()), newest: RootReport::of(folder) }
    }
}

fn lines(chain: &RootChain) -> Vec<VersionLine> {
    let line = |(root, signers): (&TrustRoot, Vec<KeyId>)| VersionLine {
        version: root.version(),
        digest: digest(root),
        threshold: root.trusted_keys().threshold(),
        keys: root.trusted_keys().keys().len(),
        signers,
    };
    chain.versions().map(line).collect()
}

impl fmt::Display for RootVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.versions.iter().enumerate() {
            let VersionLine { version, digest, threshold, keys, signers } = line;
            let signed =
                if index == 0 { "given out of band".to_owned() } else { format!("signed by {}", list_ids(signers)) };
            writeln!(f, "version {version}  {digest}  {threshold} of {keys}  {signed}")?;
        }
        write!(f, "\n{}", self.newest)
    }
}
