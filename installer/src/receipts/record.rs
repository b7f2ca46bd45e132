//! What the last step does about a receipt.

use super::draft::Draft;
use super::folder::Folder;
use super::{host_key, last};
use crate::durable::{self, PathError};
use crate::layout::Layout;
use anyhow::Context as _;

/// Signs a receipt and puts it in place. Can be repeated, and gives the same bytes each time: they are in the draft, and an
/// Ed25519 signature follows from key and bytes (RFC 8032, section 5.1.6). Its counter is taken before anything is signed, so
/// that no other receipt ever has it.
///
/// What is in the way gives way, and stays beside what comes in its place.
///
/// # Errors
/// The disk is at fault. Repeating all of it is fine.
fn put(layout: &Layout, draft: &Draft) -> anyhow::Result<()> {
    last::write(layout, draft.counter)?;
    let key = host_key::ensure(layout)?;
    let signature = key.sign(draft.body.as_bytes(), &draft.comment).context("sign the receipt")?;
    let signature = signature.to_file();
    let folder = Folder::new(layout.receipts());
    let write = || folder.write(draft.counter, draft.body.as_bytes(), signature.as_bytes());
    let written = if folder.takes(draft.counter, draft.body.as_bytes()) { Some(write()) } else { None };
    match written {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) if !is_in_the_way(&error) => Err(error.into()),
        _ => Ok(folder.replaced(write)?),
    }
}

/// Whether it failed because of what is there, rather than of the disk below.
fn is_in_the_way(error: &PathError) -> bool {
    use std::io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory};
    matches!(error.source.kind(), AlreadyExists | DirectoryNotEmpty | IsADirectory | NotADirectory)
}

/// Leaves a receipt, at the second try if the first one fails. Returns why there is none: then it is lost, and the next one
/// says so.
///
/// # Errors
/// A folder beside it takes no receipt either: the disk is at fault. All of the commit is to be repeated, and its receipt with it.
pub(crate) fn record(layout: &Layout, draft: &Draft) -> anyhow::Result<Option<anyhow::Error>> {
    let Err(error) = put(layout, draft).or_else(|_| put(layout, draft)) else { return Ok(None) };
    last::write(layout, draft.counter)?;
    let written = trial(layout).write(draft.counter, draft.body.as_bytes(), &[]);
    sweep(layout)?;
    written?;
    Ok(Some(error))
}

/// Removes what a killed process left of a trial.
pub(crate) fn sweep(layout: &Layout) -> Result<(), PathError> {
    durable::remove_tree(trial(layout).path())
}

fn trial(layout: &Layout) -> Folder {
    Folder::new(durable::partial(&layout.receipts()))
}
