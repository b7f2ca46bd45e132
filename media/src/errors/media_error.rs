use landfall_manifests::Digest;
use std::io;
use std::path::{Path, PathBuf};

/// A bundle's files, its parts or its patch are not what they have to be, whatever is written in them.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// A file or a folder cannot be opened.
    #[error("cannot open {}", .path.display())]
    Open {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A server does not hand out a file.
    #[error("cannot read {address}")]
    Server {
        /// The file's address.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was named as a bundle or as a patch is a folder, a pipe or a device.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// What was named as a folder with parts is something else.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// A folder, a pipe or a device has the name of a part.
    #[error("{} is a part of a bundle, but not a regular file", .0.display())]
    PartNotAFile(PathBuf),
    /// A part is there, but cannot be opened.
    #[error("{} is a part of a bundle, but cannot be opened", .path.display())]
    PartOpen {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The name of a part is not UTF-8: parts are looked for by names that are.
    #[error("the name of {} is that of a part, but is not UTF-8", .0.display())]
    PartName(PathBuf),
    /// A part is in none of the folders.
    #[error("{name} is missing: looked in {}", listed(.folders))]
    Missing {
        /// The part's name.
        name: String,
        /// Where it was looked for.
        folders: Vec<PathBuf>,
    },
    /// A part is an empty file.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
    /// A part has a size that does not fit the other parts and the manifest.
    #[error("{} has {found} bytes, and should have {expected}", .path.display())]
    PartSize {
        /// Its path.
        path: PathBuf,
        /// Its size in bytes.
        found: u64,
        /// The size that it should have, in bytes.
        expected: u64,
    },
    /// A part has a higher number than the last part of the bundle.
    #[error("{name} is there, but {last} is the last part of this bundle")]
    Surplus {
        /// The part's name.
        name: String,
        /// The name of the last part.
        last: String,
    },
    /// A file shrank or grew after it had been opened.
    #[error("{} changed while it was read: it had {before} bytes, and now has {now}", .path.display())]
    Changed {
        /// Its path.
        path: PathBuf,
        /// Its size when it was opened, in bytes.
        before: u64,
        /// Its size now, in bytes.
        now: u64,
    },
    /// The patch was made for another bundle.
    #[error("{} is a patch for another bundle: its manifest is {patch}, and that of {} is {own}", .path.display(), .bundle.display())]
    OtherManifest {
        /// The patch's path.
        path: PathBuf,
        /// The bundle's path.
        bundle: PathBuf,
        /// The digest of the patch's manifest.
        patch: Digest,
        /// The digest of the bundle's manifest.
        own: Digest,
    },
    /// The person who was asked for a medium could not answer, or interrupted the operation.
    #[error("cannot ask for the medium with {name}")]
    Prompt {
        /// The name of the part that is wanted.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl MediaError {
    /// The part that cannot be read at all, or the only file of the bundle. The error is the same for every entry in it.
    pub(crate) fn lost_part(&self) -> Option<&Path> {
        match self {
            Self::Missing { name, .. } => Some(Path::new(name)),
            Self::Open { path, .. }
            | Self::PartOpen { path, .. }
            | Self::PartSize { path, .. }
            | Self::Changed { path, .. }
            | Self::NotAFile(path)
            | Self::PartNotAFile(path) => Some(path),
            Self::NotAFolder(_)
            | Self::Server { .. }
            | Self::PartName(_)
            | Self::Empty(_)
            | Self::Surplus { .. }
            | Self::OtherManifest { .. }
            | Self::Prompt { .. } => None,
        }
    }
}

/// For errors that come out of a [`std::io::Read`]: [`media_error`] finds them again.
impl From<MediaError> for io::Error {
    fn from(error: MediaError) -> Self {
        Self::other(error)
    }
}

/// The media's error inside an error of a [`std::io::Read`].
pub fn media_error(error: &io::Error) -> Option<&MediaError> {
    error.get_ref()?.downcast_ref()
}

/// Folders as people write them: the current one has an empty name in paths.
pub(crate) fn listed(folders: &[PathBuf]) -> String {
    let shown = |folder: &PathBuf| {
        if folder.as_os_str().is_empty() { "the current folder".to_owned() } else { folder.display().to_string() }
    };
    folders.iter().map(shown).collect::<Vec<_>>().join(", ")
}
