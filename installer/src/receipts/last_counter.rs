//! The counter of the last receipt, `state/last-receipt`. It shows that the newest receipts were removed, which the remaining
//! ones cannot. Like the serial floor it outlives an uninstallation.

use super::counter::Counter;
use crate::durable::{self, PathError};
use crate::layout::Layout;
use crate::quarantine;
use std::path::PathBuf;

/// More than the digits of a counter.
const BYTES: u64 = 32;

/// `last-receipt` cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LastCounterError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("{} holds no receipt counter", .0.display())]
    Content(PathBuf),
}

/// The last counter that was used; `None` on a host that has issued no receipt.
pub(crate) fn read(layout: &Layout) -> Result<Option<Counter>, LastCounterError> {
    let path = layout.last_receipt();
    let Some(bytes) = durable::read(&path, BYTES)? else { return Ok(None) };
    let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse::<u32>().ok());
    let counter = number.and_then(|number| Counter::try_from(number).ok());
    counter.map(Some).ok_or(LastCounterError::Content(path))
}

/// Records that `counter` is used, whatever becomes of its receipt.
pub(super) fn write(layout: &Layout, counter: Counter) -> Result<(), PathError> {
    quarantine::write(&layout.last_receipt(), format!("{counter}\n").as_bytes(), 0o600)
}
