//! Receipts: the signed, chained record of what was done to this host.
//!
//! Every committed install, update, rollback and automatic revert issues a receipt in `state/receipts`: `0000000001.json`, and its
//! signature `0000000001.json.minisig`, which the real `minisign` verifies with `state/host.pub`. So does an update or a rollback
//! that is taken back after it was more than prepared, an import of a trust root, and an uninstallation that keeps receipts at all.
//! Its text is decided before the first step and lies in the journal ([`Draft`]); it is signed and written when the outcome is
//! certain, so that the host never signs two receipts with one counter.
//!
//! Receipts never stop an update: a folder or a key that cannot be used is renamed and begun anew, and the next receipt states the
//! `gap`. Only a disk that takes no writes at all makes the commit fail.
//!
//! | module | holds |
//! | --- | --- |
//! | `receipt` | the form of a receipt |
//! | `counter` | its number, and the names of its files |
//! | `actor` | who ran the operation |
//! | `draft` | the receipt as the journal holds it, decided before the first step |
//! | `issue` | signing and writing it |
//! | `folder` | receipts as files |
//! | `host_key` | the key that signs them |
//! | `last_counter` | the counter of the last one, beside the folder |
//! | `chain` | the check of a chain; pure |
//! | `fault`, `report` | what such a check finds |

mod actor;
mod chain;
mod counter;
mod draft;
mod fault;
mod folder;
pub(crate) mod host_key;
mod issue;
pub(crate) mod last_counter;
mod receipt;
mod report;

pub(crate) use chain::{Chain, ExpectedEnd, UnverifiedReceipt};
pub(crate) use counter::Counter;
pub(crate) use draft::{Draft, OperationFacts};
pub(crate) use folder::Folder;
pub(crate) use issue::{IssueError, issue_or_warn, may_be_counted, remove_partial};
pub(crate) use receipt::{Operation, Outcome, Receipt, ReleaseRef};
pub(crate) use report::{ChainReport, Finding, Findings};

#[cfg(test)]
pub(crate) mod tests;
