//! A publisher's folder of trust roots: every version as `N.root.json`, and beside it the signatures over it. What is in
//! it, and what may be changed, is decided in [`RootChain`], which knows no files.

mod cli_trust;
mod error;
mod key_standing;
mod root_chain;
mod root_report;
mod signature_status;
mod trust_folder;
mod unverified_root;

pub(crate) use cli_trust::{CliTrust, CliTrustError, SuccessorError, newest_successor, read_root};
pub(crate) use error::TrustFolderError;
pub(crate) use key_standing::KeyStanding;
pub(crate) use root_chain::RootChain;
pub(crate) use root_report::{RootReport, RootVersions, digest};
pub(crate) use signature_status::SignatureStatus;
pub(crate) use trust_folder::TrustFolder;
pub(crate) use unverified_root::UnverifiedRoot;
