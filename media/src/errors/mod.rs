//! What can be wrong with the files of a bundle, and with what is written in them.

pub(crate) mod bundle_error;
pub(crate) mod media_error;
