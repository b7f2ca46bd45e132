//! `config.toml` as a file on the host. The operator may have given it another mode, or made it a symbolic link.

use super::MAX_BYTES;
use crate::durable::{self, PathError};
use crate::layout::Layout;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::string::FromUtf8Error;

/// `config.toml` cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsFileError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("{} is not text", .path.display())]
    Text {
        path: PathBuf,
        #[source]
        source: FromUtf8Error,
    },
}

/// The text of `config.toml`; `None` if it does not exist.
pub(crate) fn read(layout: &Layout) -> Result<Option<String>, SettingsFileError> {
    let path = layout.settings();
    let Some(bytes) = durable::read(&path, MAX_BYTES)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|source| SettingsFileError::Text { path, source })
}

/// Replaces the text of `config.toml`, and keeps its mode and the link to it.
pub(crate) fn write(layout: &Layout, text: &str) -> Result<(), PathError> {
    let path = resolved(layout);
    // The mode is the operator's decision, like the text.
    let mode = path.metadata().map_or(0o644, |about| about.permissions().mode() & 0o777);
    durable::write(&path, text.as_bytes(), mode)
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

/// Keeps the operator's text in `config.toml.edited`, since the release that runs does not take it.
pub(crate) fn keep_copy(layout: &Layout, text: &str) -> Result<PathBuf, PathError> {
    let path = layout.settings().with_extension("toml.edited");
    durable::write(&path, text.as_bytes(), 0o600)?;
    Ok(path)
}

/// The target of a symbolic link, if it lies below the root; else the path itself.
fn resolved(layout: &Layout) -> PathBuf {
    let path = layout.settings();
    path.canonicalize().ok().filter(|real| real.starts_with(layout.at(""))).unwrap_or(path)
}
