//! A read-only folder that a host sees: bundles, the installer, the public key and `host-probe`.

use crate::{Mount, Publisher, workspace};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// Where hosts see the folder.
pub const AT: &str = "/media/releases";

/// The folder.
#[derive(Debug)]
pub struct BundleFolder {
    folder: PathBuf,
}

impl BundleFolder {
    /// A folder called `name` for the bundles of `publisher`, with no bundle yet.
    pub fn new(name: &str, publisher: &Publisher) -> Result<Self> {
        let folder = Self { folder: workspace::fresh_folder(&format!("bundle-folders/{name}"))? };
        folder.put(&publisher.public_key())?;
        folder.put(&publisher.programs().installer()?)?;
        folder.put(&publisher.programs().host_probe()?)?;
        Ok(folder)
    }

    /// Copies a file into the folder, and returns its path on the host.
    pub fn put(&self, file: &Path) -> Result<String> {
        let name = file.file_name().with_context(|| format!("{} has no name", file.display()))?;
        std::fs::copy(file, self.folder.join(name)).with_context(|| format!("copy {}", file.display()))?;
        Ok(format!("{AT}/{}", name.to_string_lossy()))
    }

    /// The mount by which a host sees the folder, and cannot write to it.
    pub fn mount(&self) -> Mount {
        Mount { source: self.folder.clone(), at: AT, writable: false }
    }
}
