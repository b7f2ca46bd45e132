//! Signing a receipt and writing it, in the commit step.

use super::draft::Draft;
use super::folder::Folder;
use super::host_key::HostKeyError;
use super::{host_key, last_counter};
use crate::durable::{self, PathError};
use crate::layout::Layout;
use landfall_console::{Console, message_with_causes};
use landfall_keys::SignatureError;

/// A receipt cannot be signed or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    HostKey(#[from] HostKeyError),
    #[error("sign the receipt")]
    Sign(#[source] SignatureError),
}

/// Signs a receipt and writes it. Can be repeated with the same result: the bytes are in the draft, and an Ed25519 signature
/// follows from key and bytes (RFC 8032, section 5.1.6). The counter is recorded before anything is signed, so that no other
/// receipt ever has it.
///
/// Files that are in the way are renamed, and stay beside the new ones.
///
/// # Errors
/// The disk failed. Repeating all of it is safe.
fn sign_and_write(layout: &Layout, draft: &Draft) -> Result<(), IssueError> {
    // 1. The counter, before anything bears it: whatever becomes of this receipt, no other one will have it.
    last_counter::write(layout, draft.counter)?;
    // 2. The key, made if it is lost: a receipt by a new key is better than none.
    let key = host_key::ensure(layout)?;
    let signature = key.sign(draft.body.as_bytes(), &draft.comment).map_err(IssueError::Sign)?;
    let signature = signature.to_file();
    // 3. The files. What cannot be written into the folder that is there goes into a new one.
    let folder = Folder::new(layout.receipts());
    let write = || folder.write(draft.counter, draft.body.as_bytes(), signature.as_bytes());
    let written = if folder.accepts(draft.counter, draft.body.as_bytes()) { Some(write()) } else { None };
    match written {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) if !is_in_the_way(&error) => Err(error.into()),
        _ => Ok(folder.write_into_new(write)?),
    }
}

/// Whether it failed because of another file or folder under that name, rather than because of the disk.
fn is_in_the_way(error: &PathError) -> bool {
    use std::io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory};
    matches!(error.source.kind(), AlreadyExists | DirectoryNotEmpty | IsADirectory | NotADirectory)
}

/// Issues a receipt, in a second attempt if the first one fails. Returns the reason if there is none: then it is lost, and the next
/// receipt states the gap.
///
/// # Errors
/// A trial folder beside it cannot be written either, so the disk is at fault: the whole commit has to be repeated.
pub(super) fn issue(layout: &Layout, draft: &Draft) -> Result<Option<IssueError>, PathError> {
    let Err(error) = sign_and_write(layout, draft).or_else(|_| sign_and_write(layout, draft)) else { return Ok(None) };
    // The counter is used all the same: by it the next receipt knows that one is missing.
    last_counter::write(layout, draft.counter)?;
    let written = trial(layout).write(draft.counter, draft.body.as_bytes(), &[]);
    remove_partial(layout)?;
    written?;
    Ok(Some(error))
}

/// Issues a receipt, and warns if there is none: a receipt never stops an operation.
///
/// # Errors
/// As [`issue`].
pub(crate) fn issue_or_warn(layout: &Layout, draft: &Draft, console: Console) -> Result<(), PathError> {
    if let Some(error) = issue(layout, draft)? {
        console.warn(format_args!(
            "no receipt of this operation could be written, and the next one will state the gap: {}",
            message_with_causes(&error)
        ));
    }
    Ok(())
}

/// Whether the receipt's counter may be recorded as used: it is, or the record cannot be read.
pub(crate) fn may_be_counted(layout: &Layout, draft: &Draft) -> bool {
    last_counter::read(layout).map_or(true, |last| last == Some(draft.counter))
}

/// Removes the trial folder that a killed process left.
pub(crate) fn remove_partial(layout: &Layout) -> Result<(), PathError> {
    durable::remove_tree(trial(layout).path())
}

fn trial(layout: &Layout) -> Folder {
    Folder::new(durable::partial(&layout.receipts()))
}
