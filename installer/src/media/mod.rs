//! The bundle on its media, as the installer's command line names it.

mod args;
mod prompt;

pub(crate) use args::MediaArgs;
pub(crate) use landfall_media::{BundleError, Damage, Media, MediaError, is_head_damaged, verify};
