//! The commands, a file each: what was typed, and what is done about it.

mod chosen;
pub(crate) mod install;
mod opened;
pub(crate) mod plan;
mod prepared;
pub(crate) mod receipts;
pub(crate) mod recover;
pub(crate) mod rollback;
pub(crate) mod status;
pub(crate) mod trust;
pub(crate) mod uninstall;
pub(crate) mod update;
pub(crate) mod verify;
