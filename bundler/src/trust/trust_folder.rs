use super::{RootChain, TrustFolderError};
use crate::{regular, whole_file};
use landfall_keys::{
    KeyId, MAX_CHAIN_LINKS, MAX_FILE_BYTES, MAX_SIGNATURES, MAX_TRUST_ROOT_BYTES, RootChanges, RootFiles, SecretKey,
    Signature, TrustRoot, root_file_name, root_version, signature_file_name, signed_root_version,
};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The most files that are read: every version of a chain with every signature that it may have.
const MAX_FILES: usize = MAX_CHAIN_LINKS * (1 + MAX_SIGNATURES);

/// A folder of trust roots as it was read.
#[derive(Debug)]
pub(crate) struct TrustFolder {
    dir: PathBuf,
    chain: RootChain,
}

impl TrustFolder {
    /// Reads the folder, in which there must be a root.
    pub(crate) fn open(dir: &Path) -> Result<Self, TrustFolderError> {
        Self::read(dir, &names(dir)?)
    }

    /// The same without the file in which the key `id` signed the newest version: `trust sign` is about to replace it.
    pub(crate) fn open_without_signature_of(dir: &Path, id: KeyId) -> Result<Self, TrustFolderError> {
        let mut names = names(dir)?;
        let newest = names.iter().filter_map(|name| root_version(name)).max().unwrap_or_default();
        let own = signature_file_name(newest, id);
        // A damaged signature of one's own must not stand in the way of its replacement.
        names.retain(|name| *name != own);
        Self::read(dir, &names)
    }

    fn read(dir: &Path, names: &[String]) -> Result<Self, TrustFolderError> {
        let mut files = RootFiles::new();
        for name in names {
            let limit = if root_version(name).is_some() { MAX_TRUST_ROOT_BYTES } else { MAX_FILE_BYTES };
            files.add(name, text(&dir.join(name), limit)?);
        }
        let chain = files.into_links().and_then(RootChain::new);
        let chain = chain.map_err(|source| TrustFolderError::Chain { dir: dir.to_owned(), source })?;
        let chain = chain.ok_or_else(|| TrustFolderError::NoRoot { dir: dir.to_owned() })?;
        Ok(Self { dir: dir.to_owned(), chain })
    }

    /// Makes the folder's first root, and the folder if it is not there.
    pub(crate) fn create(dir: &Path, root: &TrustRoot) -> Result<Self, TrustFolderError> {
        fs::create_dir_all(dir).map_err(|source| TrustFolderError::Write { path: dir.to_owned(), source })?;
        add_root(dir, root)?;
        Self::open(dir)
    }

    /// Makes the next root with these `changes`. The newest one must be signed by enough keys.
    pub(crate) fn add_version(&self, changes: &RootChanges) -> Result<Self, TrustFolderError> {
        let chain = self.complete()?;
        if chain.is_full() {
            let oldest = chain.versions().next().map_or(1, |(root, _)| root.version());
            return Err(TrustFolderError::Full { dir: self.dir.clone(), oldest });
        }
        add_root(&self.dir, &chain.next(changes).map_err(TrustFolderError::Change)?)?;
        Self::open(&self.dir)
    }

    /// Signs the newest root; the signature file's name in the folder. It replaces the one that the key made before, and no
    /// one else's.
    pub(crate) fn sign(&self, key: &SecretKey) -> Result<PathBuf, TrustFolderError> {
        let root = self.chain.newest();
        let path = self.dir.join(signature_file_name(root.version(), key.id()));
        let comment = format!("trust root version={}", root.version());
        // A file that does not parse is no signature of anybody: it may be replaced.
        let there = text(&path, MAX_FILE_BYTES).ok().and_then(|text| Signature::parse(text.as_bytes()).ok());
        if there.is_some_and(|there| self.chain.is_by_other_key_with_id(&there, &key.public_key())) {
            return Err(TrustFolderError::OtherKeysSignature { path, id: key.id() });
        }
        let failed = |source| TrustFolderError::Write { path: path.clone(), source };
        let signature =
            key.sign(root.to_json().as_bytes(), &comment).map_err(|error| failed(io::Error::other(error)))?;
        whole_file::replace(&path, &signature.to_file()).map_err(failed)?;
        Ok(path)
    }

    /// The roots and signatures.
    pub(crate) fn chain(&self) -> &RootChain {
        &self.chain
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The newest root's file.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.join(root_file_name(self.chain.newest().version()))
    }

    /// The chain, if its newest root is signed by enough keys.
    pub(crate) fn complete(&self) -> Result<&RootChain, TrustFolderError> {
        if self.chain.is_complete() {
            return Ok(&self.chain);
        }
        Err(TrustFolderError::Unsigned { path: self.path(), missing: self.chain.missing() })
    }
}

/// The names of the roots and signatures in a folder, in order: the same folder gives the same bundle.
fn names(dir: &Path) -> Result<Vec<String>, TrustFolderError> {
    let cannot = |source| TrustFolderError::Read { path: dir.to_owned(), source };
    let mut names = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        other => other.map_err(cannot)?,
    };
    for entry in entries {
        // Names of roots and signatures are ASCII.
        let Ok(name) = entry.map_err(cannot)?.file_name().into_string() else { continue };
        if root_version(&name).or_else(|| signed_root_version(&name)).is_some() {
            names.push(name);
        }
        if names.len() > MAX_FILES {
            return Err(TrustFolderError::TooMany { dir: dir.to_owned(), limit: MAX_FILES });
        }
    }
    names.sort();
    Ok(names)
}

fn text(path: &Path, limit: usize) -> Result<String, TrustFolderError> {
    let cannot = |source| TrustFolderError::Read { path: path.to_owned(), source };
    let (file, _) = regular::open(path).map_err(cannot)?;
    let mut text = String::new();
    file.take(limit as u64 + 1).read_to_string(&mut text).map_err(cannot)?;
    if text.len() > limit {
        return Err(TrustFolderError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(text)
}

/// Writes a root that must be new, as must the signatures over it be: old ones would be over other bytes.
fn add_root(dir: &Path, root: &TrustRoot) -> Result<(), TrustFolderError> {
    let version = root.version();
    let about_it = |name: &&String| root_version(name).or_else(|| signed_root_version(name)) == Some(version);
    if let Some(name) = names(dir)?.iter().find(about_it) {
        return Err(TrustFolderError::Exists { path: dir.join(name) });
    }
    let path = dir.join(root_file_name(version));
    whole_file::create(&path, &root.to_json()).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => TrustFolderError::Exists { path },
        _ => TrustFolderError::Write { path, source },
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn threshold(threshold: u32) -> RootChanges {
        RootChanges { threshold: Some(threshold), ..RootChanges::default() }
    }

    /// The roots 1 to `last`, each signed by both keys.
    fn lay(dir: &Path, keys: &[SecretKey; 2], last: u32) {
        let mut root = TrustRoot::first(keys.iter().map(SecretKey::public_key).collect(), 1).unwrap();
        for version in 1..=last {
            if version > 1 {
                root = root.next(&threshold(1 + root.version() % 2)).unwrap();
            }
            fs::write(dir.join(root_file_name(version)), root.to_json()).unwrap();
            for key in keys {
                let signature = key.sign(root.to_json().as_bytes(), "").unwrap().to_file();
                fs::write(dir.join(signature_file_name(version, key.id())), signature).unwrap();
            }
        }
    }

    #[test]
    fn goes_no_further_than_hosts_follow_until_the_oldest_roots_are_moved_away() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let keys = [SecretKey::generate().unwrap(), SecretKey::generate().unwrap()];
        lay(dir, &keys, 256);
        let full = TrustFolder::open(dir).unwrap();
        assert_eq!(full.complete().unwrap().packed().len(), MAX_CHAIN_LINKS);
        let refused = full.add_version(&threshold(2)).unwrap_err();
        assert!(matches!(refused, TrustFolderError::Full { oldest: 1, .. }), "{refused}");
        assert!(!dir.join("257.root.json").exists());
        for name in names(dir).unwrap().iter().filter(|name| name.starts_with("1.")) {
            fs::remove_file(dir.join(name)).unwrap();
        }
        TrustFolder::open(dir).unwrap().add_version(&threshold(1)).unwrap();
        let next = TrustFolder::open(dir).unwrap();
        assert_eq!(next.chain().newest().version(), 257);
        for key in &keys {
            next.sign(key).unwrap();
        }
        assert_eq!(TrustFolder::open(dir).unwrap().complete().unwrap().packed().len(), MAX_CHAIN_LINKS);
    }
}
