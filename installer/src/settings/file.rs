//! Files of settings: the one reader of them, and the operator's `config.toml`, which may have another mode, or be a symbolic link.

use super::{MAX_BYTES, RELEASE_FILE};
use crate::durable::{self, PathError};
use crate::layout::Layout;
use landfall_host::settings::{NotText, text};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A file of settings cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsFileError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("{} is not text", .path.display())]
    Text {
        path: PathBuf,
        #[source]
        source: NotText,
    },
}

/// The text of a file of settings; `None` if it does not exist. A symbolic link that leads nowhere is an error: its file may be on a
/// disk that is not mounted.
pub(crate) fn read(path: &Path) -> Result<Option<String>, SettingsFileError> {
    let Some(bytes) = durable::read(path, MAX_BYTES)? else {
        return match path.metadata() {
            Err(source) if path.is_symlink() => Err(PathError::new("read", path, source).into()),
            _ => Ok(None),
        };
    };
    text(bytes).map(Some).map_err(|source| SettingsFileError::Text { path: path.to_owned(), source })
}

/// The operator's text; `None` if there is no `config.toml`.
pub(crate) fn operator(layout: &Layout) -> Result<Option<String>, SettingsFileError> {
    read(&layout.settings())
}

/// The text of a release's own settings, unfolded into `folder`; nothing where it has none.
pub(crate) fn of_release(folder: &Path) -> Result<String, SettingsFileError> {
    Ok(read(&folder.join(RELEASE_FILE))?.unwrap_or_default())
}

/// Replaces the content of `config.toml`, and keeps its mode and the link to it.
pub(crate) fn write(layout: &Layout, content: &[u8]) -> Result<(), PathError> {
    let path = resolved(layout);
    // The mode is the operator's decision, like the text.
    let mode = path.metadata().map_or(0o644, |about| about.permissions().mode() & 0o777);
    durable::write(&path, content, mode)
}

/// Removes what a process that was killed left of a new text. Returns whether there was something.
pub(crate) fn remove_partial(layout: &Layout) -> Result<bool, PathError> {
    let partial = durable::partial(&resolved(layout));
    let is_there = partial.symlink_metadata().is_ok();
    if is_there {
        durable::remove(&partial)?;
    }
    Ok(is_there)
}

/// Keeps the operator's file as `config.toml.edited`, since the release that runs does not take it.
pub(crate) fn keep_copy(layout: &Layout, content: &[u8]) -> Result<PathBuf, PathError> {
    let path = layout.settings().with_extension("toml.edited");
    durable::write(&path, content, 0o600)?;
    Ok(path)
}

/// The target of a symbolic link, if it lies below the root; else the path itself.
fn resolved(layout: &Layout) -> PathBuf {
    let path = layout.settings();
    path.canonicalize().ok().filter(|real| real.starts_with(layout.at(""))).unwrap_or(path)
}
