//! The tags under which the installer loads a release's images: an image without a tag is removed by a prune.
//!
//! `landfall.local` is no registry. Nothing pulls these tags, and nothing runs an image by its tag.

use landfall_manifests::{ImageName, Product, ReleaseId};

/// The tag of an image of a release, `landfall.local/<product>/<image>:<version>-<serial>`.
pub fn of_image(product: &Product, image: &ImageName, release: &ReleaseId) -> String {
    format!("{}{image}:{release}", prefix(product))
}

/// What the tags of a product's images begin with.
pub fn prefix(product: &Product) -> String {
    format!("landfall.local/{product}/")
}

/// The pattern that the tags of all products match, in the form of the API's `reference` filter.
pub(crate) const PATTERN: &str = "landfall.local/*/*";
