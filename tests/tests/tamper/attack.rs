//! What is done to a bundle.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The name that every command is given.
pub(crate) const NAME: &str = "bundle.landfall.tar";

/// A medium with a changed bundle on it.
#[derive(Debug, Clone)]
pub(crate) struct Attack {
    pub(crate) title: String,
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// Whether blobs that verified may wait in the staging folder: a part that is missing or too long may come yet.
    pub(crate) may_stage: bool,
}

impl Attack {
    /// A bundle in one file.
    pub(crate) fn new(title: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { title: title.into(), files: vec![(NAME.to_owned(), bytes)], may_stage: false }
    }

    /// A bundle in several.
    pub(crate) fn in_parts(title: impl Into<String>, files: Vec<(String, Vec<u8>)>) -> Self {
        Self { title: title.into(), files, may_stage: true }
    }

    /// Whether it is this bundle after all.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        matches!(self.files.as_slice(), [(name, whole)] if name == NAME && whole == bytes)
    }

    /// Puts it in place of what is in the folder, and gives the path that a command takes.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<PathBuf> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir(folder)?;
        self.files.iter().try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes))?;
        Ok(folder.join(NAME))
    }
}

/// Attacks of one kind, made when they are needed: there may be a hundred thousand.
pub(crate) struct Kind<'a> {
    pub(crate) name: &'static str,
    pub(crate) count: usize,
    pub(crate) make: Box<dyn Fn(usize) -> Attack + Sync + 'a>,
}

impl<'a> Kind<'a> {
    /// `count` attacks, made from their numbers.
    pub(crate) fn new(name: &'static str, count: usize, make: impl Fn(usize) -> Attack + Sync + 'a) -> Self {
        Self { name, count, make: Box::new(make) }
    }

    /// A few attacks that are there already.
    pub(crate) fn listed(name: &'static str, attacks: Vec<Attack>) -> Self {
        Self::new(name, attacks.len(), move |index| attacks[index].clone())
    }
}

impl fmt::Debug for Kind<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kind").field("name", &self.name).field("count", &self.count).finish_non_exhaustive()
    }
}
