//! Whether packages are known to be vulnerable: bills of materials beside a folder of advisories in OSV's form, without any network.
//!
//! - `osv` reads an advisory (ossf.github.io/osv-schema), `severity` how bad it is.
//! - `versions` compares versions by the rules of each kind of package.
//! - `components` says how a package is called in advisories, `matching` which of these concern it.
//! - `database` walks the folder, one advisory at a time, so that memory does not grow with it.

mod components;
mod database;
mod matching;
mod osv;
mod severity;
mod versions;

pub(crate) use components::Components;
pub(crate) use database::{DatabaseError, parse, scan};
pub(crate) use matching::Finding;
pub(crate) use severity::Severity;
