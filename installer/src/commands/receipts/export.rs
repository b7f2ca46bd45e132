//! Receipts for auditors, in a folder that is there whole or not at all.

use super::usage;
use crate::durable::{self, At as _, PathError};
use crate::layout::Layout;
use crate::receipts::{Counter, Folder, host_key};
use landfall_console::Console;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// How the host's public key is called beside its receipts.
const PUBLIC_KEY: &str = "host.pub";

/// Copies receipts as they are, with their signatures and the host's public key, into the new folder `to`.
pub(super) fn export(
    folder: &Folder,
    counters: &[Counter],
    layout: &Layout,
    to: &Path,
    console: Console,
) -> anyhow::Result<()> {
    if counters.is_empty() {
        return Err(usage("no_receipts", "there are no receipts that could be carried out".to_owned()));
    }
    let to = place(to)?;
    let partial = durable::partial(&to);
    durable::remove_tree(&partial)?;
    let copied = copy(folder, counters, layout, &partial, console)
        .and_then(|()| Ok(durable::rename_to_free_name(&partial, &to)?));
    if copied.is_err() {
        let _ = durable::remove_tree(&partial);
    }
    copied
}

/// A free name in a folder that is there.
fn place(to: &Path) -> anyhow::Result<PathBuf> {
    let place = std::path::absolute(to).map_err(|error| usage("export", format!("--export: {error}")))?;
    let parent = place.parent().filter(|_| place.file_name().is_some());
    if !parent.is_some_and(Path::is_dir) {
        return Err(usage("export", format!("--export {}: its parent is not a folder", to.display())));
    }
    if durable::exists(&place)? {
        return Err(usage("export", format!("--export {} is there already: name a new folder", to.display())));
    }
    Ok(place)
}

fn copy(folder: &Folder, counters: &[Counter], layout: &Layout, to: &Path, console: Console) -> anyhow::Result<()> {
    durable::create_folder(to, 0o755)?;
    for counter in counters {
        match folder.read(*counter) {
            Ok(found) => {
                write(&to.join(counter.body()), &found.body)?;
                found.signature.iter().try_for_each(|signature| write(&to.join(counter.signature()), signature))?;
            }
            Err(error) => console.warn(format_args!("left out: {:#}", anyhow::Error::from(error))),
        }
    }
    match host_key::public(layout) {
        Ok(Some(key)) => write(&to.join(PUBLIC_KEY), key.to_file().as_bytes())?,
        Ok(None) => console.warn("this host has no public key to carry out"),
        Err(error) => console.warn(format_args!("left out: {:#}", anyhow::Error::from(error))),
    }
    Ok(durable::sync_file_system(to)?)
}

/// Writes a file that [`durable::sync_file_system`] makes durable together with the others.
fn write(path: &Path, bytes: &[u8]) -> Result<(), PathError> {
    durable::create(path, 0o644)?.write_all(bytes).at("write", path)
}
