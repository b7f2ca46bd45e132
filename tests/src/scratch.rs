//! A folder in memory for hosts and media, where trying a bundle takes milliseconds.

use crate::{FolderHost, MEMORY, Programs};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder in memory with hosts and media, removed when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    installer: PathBuf,
}

impl Scratch {
    /// An empty one.
    pub fn new() -> Result<Self> {
        let installer = Programs::build()?.installer()?;
        let folder = tempfile::Builder::new().prefix("landfall-scratch-").tempdir_in(MEMORY)?;
        Ok(Self { folder, installer })
    }

    /// A bare host.
    pub fn host(&self, name: &str) -> Result<FolderHost> {
        FolderHost::bare(&self.path(name), &self.installer)
    }

    /// A file on the media.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.path(name);
        std::fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// A path on the media.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Where all of it lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
