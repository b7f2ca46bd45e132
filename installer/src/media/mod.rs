//! The bundle on its media, as the installer's command line names it.

mod args;
mod prompt;
mod verdict;

pub(crate) use args::MediaArgs;
pub(crate) use landfall_media::{BundleError, Damage, Media, MediaError, is_head_damaged, verify};
pub(crate) use verdict::{of_bundle, of_media, of_read};
