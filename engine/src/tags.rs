//! The tags under which the installer loads a release's images: an image without a tag is removed by a prune.
//!
//! `landfall.local` is no registry. Nothing pulls these tags, and nothing runs an image by its tag.

use crate::installation_id::InstallationId;
use landfall_manifests::{ImageName, Product, ReleaseId};

/// The tag of an image of a release, `landfall.local/<installation>/<product>/<image>:<version>-<serial>`. With the installation in it: where two
/// have the same image in one engine, each removes its own tag, and the engine keeps the image until the last one is gone.
pub fn of_image(installation: &InstallationId, product: &Product, image: &ImageName, release: &ReleaseId) -> String {
    format!("{}{image}:{release}", prefix(installation, product))
}

/// What the tags of an installation's images begin with.
pub fn prefix(installation: &InstallationId, product: &Product) -> String {
    format!("landfall.local/{}/{product}/", installation.short())
}

/// The pattern that the tags of all installations match, in the form of the API's `reference` filter.
pub(crate) const PATTERN: &str = "landfall.local/*/*/*";
