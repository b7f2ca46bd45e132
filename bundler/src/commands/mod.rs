//! The commands, one file each: what was typed (`Args`) and what it does (`run`).

pub(crate) mod build;
pub(crate) mod delta;
pub(crate) mod diff;
mod host_key_args;
pub(crate) mod index;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod key;
pub(crate) mod keygen;
pub(crate) mod lint;
pub(crate) mod media;
mod parts_args;
pub(crate) mod repair;
mod rewrite;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod sign;
pub(crate) mod split;
pub(crate) mod trust;
pub(crate) mod update;
mod variable_args;
pub(crate) mod verify;
