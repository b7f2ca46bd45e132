//! Receipts: what was done to this host, each signed by the host and chained to the one before it.
//!
//! Every install, update, rollback and automatic way back that counts leaves one in `state/receipts`: `0000000001.json`, and
//! beside it `0000000001.json.minisig`, which the real `minisign` checks with `state/host.pub`. What a receipt says is decided
//! before the first step, and lies in the journal ([`Draft`]); it is signed and written when the transition counts, so that
//! the host never signs two receipts with one counter.
//!
//! Receipts never stop an update: a folder or a key that cannot be used gives way, and the next receipt says so (`gap`). Only a
//! disk that takes nothing at all has the whole commit repeated.
//!
//! | module | holds |
//! | --- | --- |
//! | `body` | what a receipt says |
//! | `counter` | which one it is, and how its files are called |
//! | `chain` | whether receipts belong together, and who signed them; pure |
//! | `verdict` | what there is to say of them |
//! | `folder` | receipts as files |
//! | `host_key` | the key that signs them |
//! | `last` | the counter of the last one, beside the folder |
//! | `draft` | what is decided before the first step |
//! | `record` | what is done about it in the last one |
//! | `who` | who asked for it |

mod body;
mod chain;
mod counter;
mod draft;
mod folder;
pub(crate) mod host_key;
pub(crate) mod last;
mod record;
mod verdict;
mod who;

pub(crate) use body::{Act, Receipt};
pub(crate) use chain::{Chain, Found, Tail};
pub(crate) use counter::Counter;
pub(crate) use draft::{Draft, Happening};
pub(crate) use folder::Folder;
pub(crate) use record::{record, sweep};
pub(crate) use verdict::{Finding, Findings, Verdict};

#[cfg(test)]
mod tests;
