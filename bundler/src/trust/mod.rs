//! A publisher's folder of trust roots: every version as `N.root.json`, and beside it the signatures over it. What is in
//! it, and what may be changed, is decided in [`Chain`], which knows no files.

mod chain;
mod claimed;
mod error;
mod folder;
mod given;
mod report;
mod side;

pub(crate) use chain::Chain;
pub(crate) use claimed::ClaimedRoot;
pub(crate) use error::TrustFolderError;
pub(crate) use folder::TrustFolder;
pub(crate) use given::{Given, lead, read_root};
pub(crate) use report::{Report, Versions, digest};
pub(crate) use side::Side;
