//! What the last step does about a receipt.

use super::draft::Draft;
use super::folder::Folder;
use super::host_key;
use crate::layout::Layout;
use anyhow::Context as _;

/// Signs a receipt and puts it in place. Can be repeated, and gives the same bytes each time: they are in the draft, and an
/// Ed25519 signature follows from key and bytes (RFC 8032, section 5.1.6).
///
/// A folder that cannot take it gives way and stays beside the new one.
pub(crate) fn record(layout: &Layout, draft: &Draft) -> anyhow::Result<()> {
    let key = host_key::ensure(layout)?;
    let (folder, body) = (Folder::new(layout.receipts()), draft.body.as_bytes());
    let signature = key.sign(body, &draft.comment).context("sign the receipt")?;
    if !folder.takes(draft.counter, body) {
        folder.set_aside()?;
    }
    Ok(folder.write(draft.counter, body, signature.to_file().as_bytes())?)
}
