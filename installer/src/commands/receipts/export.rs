//! Receipts for auditors, in a folder that comes into being whole.

use super::usage;
use crate::durable::{self, At as _, PathError};
use crate::failure;
use crate::layout::Layout;
use crate::receipts::{Counter, Folder, host_key};
use landfall_console::{Console, Exit, Failure};
use landfall_keys::PublicKey;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// How the host's public key is called beside its receipts. The keys from before have their ids behind it.
const PUBLIC_KEY: &str = "host.pub";

/// What to do when the medium does not take them.
const ELSEWHERE: &str = "nothing was carried out: name a folder on a medium that can be written to and has room";

/// Copies receipts as they are, with their signatures and the host's public keys, into the new folder `to`.
///
/// # Errors
/// Nothing was copied; or some of it could not be read, and all the rest was copied (exit code 3).
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
    let begun = durable::create_folder_unsynced(&partial, 0o755).map_err(|error| unwritten(error.into()))?;
    if !begun {
        let path = partial.display();
        let message = format!("{path} is in the way: an export that was cut off may have left it");
        return Err(Failure::new(Exit::Usage, "export", message)
            .hint("look at it and remove it, or name another folder")
            .into());
    }
    let copied = copy(folder, counters, layout, &partial, console)
        .and_then(|left_out| durable::rename_to_free_name(&partial, &to).map(|()| left_out));
    let left_out = copied.map_err(|error| {
        let _ = durable::remove_tree(&partial);
        unwritten(error.into())
    })?;
    if left_out.is_empty() { Ok(()) } else { Err(incomplete(&to, &left_out)) }
}

fn unwritten(error: anyhow::Error) -> anyhow::Error {
    Failure::of(&failure::classified(error)).hint(ELSEWHERE).into()
}

fn incomplete(to: &Path, left_out: &[String]) -> anyhow::Error {
    let list = left_out.join(", ");
    let message = format!("the receipts were carried out to {}, but for what cannot be read: {list}", to.display());
    let hint = "`landfall-installer receipts --verify` says what is wrong; what was carried out stands for the rest";
    Failure::new(Exit::Damaged, "left_out", message)
        .hint(hint)
        .detail("leftOut", left_out)
        .detail("exported", to)
        .into()
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

/// Copies what can be read, and names what cannot.
fn copy(
    folder: &Folder,
    counters: &[Counter],
    layout: &Layout,
    to: &Path,
    console: Console,
) -> Result<Vec<String>, PathError> {
    let mut left_out = Vec::new();
    let mut leave_out = |name: String, error: anyhow::Error| {
        console.warn(format_args!("left out: {error:#}"));
        left_out.push(name);
    };
    for counter in counters {
        match folder.read(*counter) {
            Ok(found) => {
                write(&to.join(counter.body()), &found.body)?;
                found.signature.iter().try_for_each(|signature| write(&to.join(counter.signature()), signature))?;
            }
            Err(error) => leave_out(counter.body(), error.into()),
        }
    }
    match host_key::all_public(layout) {
        Ok(keys) if keys.is_empty() => {
            leave_out(PUBLIC_KEY.to_owned(), anyhow::anyhow!("this host has no public key to carry out"));
        }
        Ok(keys) => keys
            .iter()
            .enumerate()
            .try_for_each(|(at, key)| write(&to.join(name(at, key)), key.to_file().as_bytes()))?,
        Err(error) => leave_out(PUBLIC_KEY.to_owned(), error.into()),
    }
    durable::sync_file_system(to)?;
    Ok(left_out)
}

/// How a key is called: the first of them is the one of today.
fn name(at: usize, key: &PublicKey) -> String {
    if at == 0 { PUBLIC_KEY.to_owned() } else { format!("{PUBLIC_KEY}.{}", key.id()) }
}

/// Writes a file that [`durable::sync_file_system`] makes durable together with the others.
fn write(path: &Path, bytes: &[u8]) -> Result<(), PathError> {
    durable::create(path, 0o644)?.write_all(bytes).at("write", path)
}
