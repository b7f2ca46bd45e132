//! The bundle on its media, as the installer's command line names it.

mod args;
mod prompt;
mod repair_request;

pub(crate) use args::MediaArgs;
pub(crate) use landfall_media::{BundleError, Media, MediaError, is_head_damaged, verify};
pub(crate) use repair_request::{request_file, write_request};
