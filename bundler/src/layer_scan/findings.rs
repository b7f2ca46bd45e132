//! What the files of a layer tell of packages.

use crate::packages::{Distro, FileKind, FileReader, Package, Told};
use serde::{Deserialize, Serialize};

/// All that is remembered of a layer, in bytes of text.
const BYTES: usize = 1 << 20;

/// Packages of a layer, by the files that tell of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Findings {
    /// Sorted by path, each path once.
    pub(crate) files: Vec<PackageFile>,
    /// Databases that are there and are not read.
    pub(crate) unread: Vec<String>,
    /// Whether there are more than are remembered.
    pub(crate) is_cut: bool,
    bytes: usize,
}

/// A file that tells of packages, or of the distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackageFile {
    pub(crate) path: Box<str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) packages: Vec<Package>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) distro: Option<Distro>,
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct OpenFile {
    path: String,
    reader: FileReader,
}

impl Findings {
    /// Findings of which none is remembered.
    pub(crate) fn forgotten() -> Self {
        Self { is_cut: true, ..Self::default() }
    }

    /// How much text is remembered, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// Begins to read a file, if it is one that may tell of packages.
    pub(super) fn open(&mut self, path: &str, size: u64, is_executable: bool) -> Option<OpenFile> {
        let kind = FileKind::of(path, size, is_executable)?;
        let reader = kind.reader();
        if reader.is_none() && self.unread.len() < super::PATHS {
            self.unread.push(path.to_owned());
        }
        Some(OpenFile { path: path.to_owned(), reader: reader? })
    }

    /// Keeps what a file has told.
    pub(super) fn close(&mut self, OpenFile { path, reader }: OpenFile) {
        let Told { packages, distro, is_cut } = reader.finish();
        self.is_cut |= is_cut;
        if packages.is_empty() && distro.is_none() {
            return;
        }
        let bytes = path.len() + packages.iter().map(Package::bytes).sum::<usize>();
        if self.bytes + bytes > BYTES {
            self.is_cut = true;
            return;
        }
        self.bytes += bytes;
        self.files.push(PackageFile { path: path.into(), packages, distro });
    }

    pub(super) fn sort(&mut self) {
        // Stable: of several files with one path, the last stays the last, and that one counts.
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        self.files.reverse();
        self.files.dedup_by(|second, first| second.path == first.path);
        self.files.reverse();
    }
}

impl OpenFile {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.reader.update(bytes);
    }
}
