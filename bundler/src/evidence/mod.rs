//! What tells what is in a release and where it came from: bills of materials of the images and of the release, and a statement of
//! provenance. They are files of the release, which its manifest lists, so that they are signed with it.
//!
//! All of it is a function of what was packed and of the definition: the same inputs give the same bytes.

mod bundle_bom;
mod components;
mod image_bom;
mod image_packages;
mod licences;
mod provenance;

pub(crate) use bundle_bom::bundle_bom;
pub(crate) use image_bom::image_bom;
pub(crate) use image_packages::ImagePackages;
pub(crate) use provenance::{Inputs, provenance};
