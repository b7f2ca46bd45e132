//! A publisher's trust roots, made for tests.

use landfall_keys::{RootChanges, RootLink, SecretKey, TrustRoot, root_file_name, signature_file_name};
use landfall_manifests::Digest;
use std::path::Path;

/// All roots of a publisher.
#[derive(Clone)]
pub(crate) struct Roots {
    all: Vec<TrustRoot>,
    /// The roots from version 2 on, as in a bundle that leaves out the first.
    pub(crate) links: Vec<RootLink>,
}

/// A new key.
pub(crate) fn key() -> SecretKey {
    SecretKey::generate().unwrap()
}

/// The link of `root`, signed by `signers`.
pub(crate) fn link(root: &TrustRoot, signers: &[&SecretKey]) -> RootLink {
    let signatures: Vec<_> = signers.iter().map(|key| key.sign(root.to_json().as_bytes(), "").unwrap()).collect();
    RootLink::new(root, &signatures)
}

/// A change that adds and revokes keys.
pub(crate) fn change(add: &[&SecretKey], revoke: &[&SecretKey]) -> RootChanges {
    RootChanges {
        add: add.iter().map(|key| key.public_key()).collect(),
        revoke: revoke.iter().map(|key| key.id()).collect(),
        ..RootChanges::default()
    }
}

impl Roots {
    /// Version 1 with one key.
    pub(crate) fn first(key: &SecretKey) -> Self {
        Self::of(&[key], 1)
    }

    /// Version 1 with several keys.
    pub(crate) fn of(keys: &[&SecretKey], threshold: u32) -> Self {
        let keys = keys.iter().map(|key| key.public_key()).collect();
        Self { all: vec![TrustRoot::first(keys, threshold).unwrap()], links: Vec::new() }
    }

    /// The same with a next version.
    pub(crate) fn then(mut self, changes: &RootChanges, signers: &[&SecretKey]) -> Self {
        let next = self.newest().next(changes).unwrap();
        self.links.push(link(&next, signers));
        self.all.push(next);
        self
    }

    /// All roots, as in a bundle.
    pub(crate) fn packed(&self) -> Vec<RootLink> {
        std::iter::once(link(&self.all[0], &[])).chain(self.links.iter().cloned()).collect()
    }

    pub(crate) fn newest(&self) -> &TrustRoot {
        self.all.last().unwrap()
    }

    /// The digest of the newest root.
    pub(crate) fn digest(&self) -> String {
        Digest::of(self.newest().to_json().as_bytes()).to_string()
    }

    /// Writes all of them with their signatures, as in a publisher's folder.
    pub(crate) fn save(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        for root in &self.all {
            std::fs::write(folder.join(root_file_name(root.version())), root.to_json()).unwrap();
        }
        for link in &self.links {
            for text in link.signatures() {
                let id = landfall_keys::Signature::parse(text.as_bytes()).unwrap().key_id();
                std::fs::write(folder.join(signature_file_name(link.version().unwrap(), id)), text).unwrap();
            }
        }
    }
}
