use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Where an archive is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum ArchivePath {
    File(PathBuf),
    /// Written `-`.
    StandardInput,
}

impl ArchivePath {
    /// Reads a path that is relative to `base`.
    pub(super) fn new(written: &str, base: &Path) -> Self {
        if written == "-" { Self::StandardInput } else { Self::File(base.join(written)) }
    }

    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::StandardInput => None,
        }
    }

    /// What it is called, for people.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        match self {
            Self::File(file) => file.file_name().unwrap_or_default().to_string_lossy(),
            Self::StandardInput => "standard input".into(),
        }
    }
}
