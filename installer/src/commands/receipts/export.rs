//! `receipts --export`: copies receipts into a new folder, which appears under its name only once it is complete.

use super::usage;
use crate::durable::{self, At as _, PathError};
use crate::errors::Error;
use crate::layout::Layout;
use crate::receipts::{Counter, Folder, host_key};
use landfall_console::{Console, Exit, Failure, message_with_causes};
use landfall_keys::PublicKey;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The file name of the host's public key beside its receipts; earlier keys have their ids appended.
const PUBLIC_KEY: &str = "host.pub";

/// What to do when the medium cannot be written.
const ELSEWHERE: &str = "nothing was exported: name a folder on a medium that can be written to and has room";

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
) -> Result<(), Error> {
    if counters.is_empty() {
        return Err(usage("no_receipts", "there are no receipts to export".to_owned()));
    }
    let to = free_path(to)?;
    let partial = durable::partial(&to);
    let begun = durable::create_folder_unsynced(&partial, 0o755).map_err(unwritten)?;
    if !begun {
        let path = partial.display();
        let message = format!("{path} exists already: an interrupted export may have left it");
        return Err(Failure::new(Exit::Usage, "export", message)
            .hint("look at it and remove it, or name another folder")
            .into());
    }
    let copied = copy(folder, counters, layout, &partial, console)
        .and_then(|left_out| durable::rename_to_free_name(&partial, &to).map(|()| left_out));
    let left_out = copied.map_err(|error| {
        let _ = durable::remove_tree(&partial);
        unwritten(error)
    })?;
    if left_out.is_empty() { Ok(()) } else { Err(incomplete(&to, &left_out)) }
}

fn unwritten(error: PathError) -> Error {
    Error::from(error).into_failure().hint(ELSEWHERE).into()
}

fn incomplete(to: &Path, left_out: &[String]) -> Error {
    let list = left_out.join(", ");
    let message = format!("the receipts were exported to {}, except those that cannot be read: {list}", to.display());
    let hint = "`landfall-installer receipts --verify` says what is wrong; the exported ones are complete otherwise";
    Failure::new(Exit::Damaged, "left_out", message)
        .hint(hint)
        .detail("leftOut", left_out)
        .detail("exported", to)
        .into()
}

/// The absolute path of a name that is free, in an existing folder.
fn free_path(to: &Path) -> Result<PathBuf, Error> {
    let place = std::path::absolute(to).map_err(|error| usage("export", format!("--export: {error}")))?;
    let parent = place.parent().filter(|_| place.file_name().is_some());
    if !parent.is_some_and(Path::is_dir) {
        return Err(usage("export", format!("--export {}: its parent is not a folder", to.display())));
    }
    if durable::exists(&place)? {
        return Err(usage("export", format!("--export {} exists already: name a new folder", to.display())));
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
    let mut leave_out = |name: String, reason: String| {
        console.warn(format_args!("left out: {reason}"));
        left_out.push(name);
    };
    for counter in counters {
        match folder.read(*counter) {
            Ok(found) => {
                write(&to.join(counter.body()), &found.body)?;
                found.signature.iter().try_for_each(|signature| write(&to.join(counter.signature()), signature))?;
            }
            Err(error) => leave_out(counter.body(), message_with_causes(&error)),
        }
    }
    match host_key::all_public(layout) {
        Ok(keys) if keys.is_empty() => {
            leave_out(PUBLIC_KEY.to_owned(), "this host has no public key to export".to_owned());
        }
        Ok(keys) => keys
            .iter()
            .enumerate()
            .try_for_each(|(at, key)| write(&to.join(key_file_name(at, key)), key.to_file().as_bytes()))?,
        Err(error) => leave_out(PUBLIC_KEY.to_owned(), message_with_causes(&error)),
    }
    // Once for all files, and before the folder gets its name.
    durable::sync_file_system(to)?;
    Ok(left_out)
}

/// The file name of a key: the first one is the current one.
fn key_file_name(at: usize, key: &PublicKey) -> String {
    if at == 0 { PUBLIC_KEY.to_owned() } else { format!("{PUBLIC_KEY}.{}", key.id()) }
}

/// Writes a file that [`durable::sync_file_system`] makes durable together with the others.
fn write(path: &Path, bytes: &[u8]) -> Result<(), PathError> {
    durable::create(path, 0o644)?.write_all(bytes).at("write", path)
}
