//! `config.toml` on the host: the operator's file, with a mode of theirs, and maybe behind a link of theirs.

use crate::durable::{self, PathError};
use crate::layout::Layout;
use crate::settings::MAX_BYTES;
use anyhow::Context as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// What the operator has in it.
pub(crate) fn read(layout: &Layout) -> anyhow::Result<Option<String>> {
    let path = layout.settings();
    let Some(bytes) = durable::read(&path, MAX_BYTES)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).with_context(|| format!("{} is not text", path.display()))
}

/// Replaces its text.
pub(crate) fn write(layout: &Layout, text: &str) -> Result<(), PathError> {
    let path = place(layout);
    let mode = path.metadata().map_or(0o644, |about| about.permissions().mode() & 0o777);
    durable::write(&path, text.as_bytes(), mode)
}

/// Keeps what the operator wrote and the release that runs would not understand.
pub(crate) fn set_aside(layout: &Layout, text: &str) -> Result<PathBuf, PathError> {
    let path = layout.settings().with_extension("toml.edited");
    durable::write(&path, text.as_bytes(), 0o600)?;
    Ok(path)
}

/// Where a link leads to, as long as that is on this host.
fn place(layout: &Layout) -> PathBuf {
    let path = layout.settings();
    path.canonicalize().ok().filter(|real| real.starts_with(layout.at(""))).unwrap_or(path)
}
