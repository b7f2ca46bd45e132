//! A folder of bundles that a host sees, with the installer, the public key and the witness beside them.

use crate::{Mount, Publisher, workspace};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// Where hosts see the shelf.
pub const AT: &str = "/media/shelf";

/// The folder.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// A shelf of `publisher` called `name`, with no bundle yet.
    pub fn new(name: &str, publisher: &Publisher) -> Result<Self> {
        let shelf = Self { folder: workspace::fresh_folder(&format!("shelves/{name}"))? };
        shelf.put(&publisher.public_key())?;
        shelf.put(&publisher.programs().installer()?)?;
        shelf.put(&publisher.programs().witness()?)?;
        Ok(shelf)
    }

    /// Puts a file on the shelf, and returns its path on the host.
    pub fn put(&self, file: &Path) -> Result<String> {
        let name = file.file_name().with_context(|| format!("{} has no name", file.display()))?;
        std::fs::copy(file, self.folder.join(name)).with_context(|| format!("copy {}", file.display()))?;
        Ok(format!("{AT}/{}", name.to_string_lossy()))
    }

    /// How a host sees the shelf, which it cannot write to.
    pub fn mount(&self) -> Mount {
        Mount { source: self.folder.clone(), at: AT, writable: false }
    }
}
