use landfall_console::Exit;
use landfall_manifests::Digest;
use std::io;
use std::path::{Path, PathBuf};

/// The media are not what they have to be, apart from what is written on them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MediaError {
    #[error("cannot open {}", .path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not a regular file", .0.display())]
    Kind(PathBuf),
    #[error("{} is not a folder", .0.display())]
    Folder(PathBuf),
    #[error("{} is a part of a bundle, and no regular file", .0.display())]
    PartKind(PathBuf),
    #[error("{} is a part of a bundle, and cannot be opened", .path.display())]
    PartOpen {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the name of {} is that of a part, but not written in UTF-8", .0.display())]
    Name(PathBuf),
    #[error("{name} is missing: it was looked for in {}", listed(.folders))]
    Missing { name: String, folders: Vec<PathBuf> },
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
    #[error("{} has {found} bytes, and should have {expected}", .path.display())]
    Long { path: PathBuf, found: u64, expected: u64 },
    #[error("{name} is there, but {last} is the last part of this bundle")]
    Stray { name: String, last: String },
    #[error("{} changes while it is read: it had {before} bytes, and now has {now}", .path.display())]
    Changed { path: PathBuf, before: u64, now: u64 },
    #[error("{} is a patch for another bundle: its manifest is {patch}, and that of {} is {own}", .path.display(), .bundle.display())]
    OtherManifest { path: PathBuf, bundle: PathBuf, patch: Digest, own: Digest },
}

impl MediaError {
    /// The exit code, the word for scripts, and what to do next.
    pub(crate) fn verdict(&self) -> (Exit, &'static str, &'static str) {
        match self {
            Self::Open { .. } | Self::Kind(_) => {
                (Exit::Usage, "missing_file", "name a file NAME.landfall.tar, or one of its parts")
            }
            Self::PartKind(_) | Self::PartOpen { .. } => {
                (Exit::Damaged, "part", "copy this part again, or name the folder that has it with --parts")
            }
            Self::Name(_) => {
                (Exit::Usage, "part_name", "rename the parts: to BUNDLE.part001, BUNDLE.part002 and so on")
            }
            Self::Folder(_) => (Exit::Usage, "parts", "--parts takes a folder in which parts of the bundle are"),
            Self::Missing { .. } => (
                Exit::Damaged,
                "missing_part",
                "put it into one of these folders, or name the one that it is in with --parts",
            ),
            Self::Empty(_) | Self::Long { .. } => {
                (Exit::Damaged, "damaged", "copy all parts again from where they were made, none of another size")
            }
            Self::Stray { .. } => {
                (Exit::Damaged, "stray_part", "remove it: it may be left from another cut of the same bundle")
            }
            Self::Changed { .. } => {
                (Exit::Damaged, "changed", "wait until whatever writes to it has ended, or copy the bundle again")
            }
            Self::OtherManifest { .. } => {
                (Exit::Damaged, "other_patch", "`verify --request FILE` says what a patch for this bundle must hold")
            }
        }
    }
}

impl MediaError {
    /// The part that cannot be read at all, or the only file of the bundle. What is wrong with it is the same for all entries.
    pub(super) fn lost_part(&self) -> Option<&Path> {
        match self {
            Self::Missing { name, .. } => Some(Path::new(name)),
            Self::Open { path, .. }
            | Self::PartOpen { path, .. }
            | Self::Long { path, .. }
            | Self::Changed { path, .. }
            | Self::Kind(path)
            | Self::PartKind(path) => Some(path),
            Self::Folder(_) | Self::Name(_) | Self::Empty(_) | Self::Stray { .. } | Self::OtherManifest { .. } => None,
        }
    }
}

/// For errors that come out of a [`std::io::Read`].
impl From<MediaError> for io::Error {
    fn from(error: MediaError) -> Self {
        Self::other(error)
    }
}

fn listed(folders: &[PathBuf]) -> String {
    let folders: Vec<String> = folders.iter().map(|folder| shown(folder)).collect();
    folders.join(", ")
}

/// A folder as people write it: the one they are in has an empty name in paths.
pub(super) fn shown(folder: &Path) -> String {
    if folder.as_os_str().is_empty() { "the current folder".to_owned() } else { folder.display().to_string() }
}
