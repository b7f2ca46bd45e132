use super::source_job::RequestedImage;
use crate::definition::{Addition, ImageSection, Process};

/// An image that is built on a base.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DerivedImage {
    /// The base, which is called as the image is.
    pub(crate) base: RequestedImage,
    pub(crate) additions: Vec<Addition>,
    /// What its configuration says otherwise than the base's.
    pub(crate) process: Process,
}

impl DerivedImage {
    /// The image of a section that names a base.
    pub(super) fn of(image: &ImageSection) -> Option<Self> {
        let additions = image.additions.clone()?;
        let base = RequestedImage { image: image.name.clone(), reference: None, line: image.line.clone() };
        Some(Self { base, additions, process: image.process.clone() })
    }
}
