//! The parity file of a bundle (`docs/parity.md`): made for a bundle that is put on a medium, and used where the medium does not give
//! back what was written to it.
//!
//! A block of the bundle that cannot be read, or whose checksum differs, is computed from the others of its stripe while it is
//! read, so that nobody above has to know of it. It is in no way trusted: signatures and digests decide as they do without parity.

mod file;
mod recovery;
mod report;
pub(crate) mod stripe;

pub(crate) use file::{ParityFile, ParityFileError};
pub(crate) use recovery::Recovery;
pub use report::{RecoveredRange, RecoveryReport};
pub(crate) use stripe::Lost;
