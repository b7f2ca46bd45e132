//! What the last step does about a receipt.

use super::draft::Draft;
use super::folder::Folder;
use super::{host_key, last};
use crate::layout::Layout;
use anyhow::Context as _;

/// Signs a receipt and puts it in place. Can be repeated, and gives the same bytes each time: they are in the draft, and an
/// Ed25519 signature follows from key and bytes (RFC 8032, section 5.1.6). Its counter is taken before anything is signed, so
/// that no other receipt ever has it.
///
/// What is in the way gives way, and stays beside what comes in its place.
///
/// # Errors
/// The receipt is lost. The next one says so.
pub(crate) fn record(layout: &Layout, draft: &Draft) -> anyhow::Result<()> {
    last::write(layout, draft.counter)?;
    let key = host_key::ensure(layout)?;
    let signature = key.sign(draft.body.as_bytes(), &draft.comment).context("sign the receipt")?;
    let signature = signature.to_file();
    let folder = Folder::new(layout.receipts());
    let write = || folder.write(draft.counter, draft.body.as_bytes(), signature.as_bytes());
    if folder.takes(draft.counter, draft.body.as_bytes()) && write().is_ok() {
        return Ok(());
    }
    Ok(folder.replaced(write)?)
}
