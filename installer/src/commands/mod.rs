//! The commands, a file each: what was typed, and what is done about it.

pub(crate) mod config;
pub(crate) mod install;
pub(crate) mod inventory;
pub(crate) mod plan;
pub(crate) mod receipts;
pub(crate) mod recover;
pub(crate) mod rollback;
pub(crate) mod sbom;
pub(crate) mod status;
pub(crate) mod trust;
pub(crate) mod uninstall;
pub(crate) mod update;
pub(crate) mod verify;
