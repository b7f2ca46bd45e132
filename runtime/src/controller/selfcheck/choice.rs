//! Which image the self-check tries the release with. Pure.

use crate::store::ImageRecord;
use landfall_host::settings::CanaryChoice;
use std::time::Duration;

/// What the canary is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Canary {
    /// This image.
    Image(ImageRecord),
    /// This image of the release's choice, since the release does not have the one that the operator named.
    Instead {
        /// The image.
        image: ImageRecord,
        /// What the operator named.
        named: String,
    },
    /// Nothing, for this reason.
    Skipped(&'static str),
}

impl Canary {
    /// What the operator chose, among the tenant images of the release. A release from before the choice was made need not have that
    /// image, and must not fail for it.
    pub(super) fn choose(choice: &CanaryChoice, images: &[ImageRecord]) -> Self {
        let own = images.iter().find(|image| image.tenant.canary).or(images.first());
        match (choice, own) {
            (CanaryChoice::None, _) => Self::Skipped("[update] canary is none"),
            (_, None) => Self::Skipped("the release has no tenant image"),
            (CanaryChoice::Release, Some(own)) => Self::Image(own.clone()),
            (CanaryChoice::Image(name), Some(own)) => match images.iter().find(|image| image.name == name.as_str()) {
                Some(named) => Self::Image(named.clone()),
                None => Self::Instead { image: own.clone(), named: name.to_string() },
            },
        }
    }

    /// How long it may take to become healthy.
    pub(super) fn start_period(&self) -> Duration {
        match self {
            Self::Image(image) | Self::Instead { image, .. } => image.tenant.start_period.duration(),
            Self::Skipped(_) => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use landfall_manifests::{HealthCheck, Tenant};

    fn image(name: &str, canary: bool) -> ImageRecord {
        let tenant = Tenant { canary, ..Tenant::new("c", 1, HealthCheck::Tcp) };
        ImageRecord { name: name.to_owned(), config: String::new(), diff_ids: vec![], tenant }
    }

    #[test]
    fn the_operators_image_goes_before_the_releases_and_that_before_the_first() {
        let marked = [image("a", false), image("b", true), image("c", false)];
        let named = |name: &str| CanaryChoice::Image(name.parse().unwrap());
        for (choice, images, expected) in [
            (CanaryChoice::Release, &marked[..], Canary::Image(marked[1].clone())),
            (CanaryChoice::Release, &marked[2..], Canary::Image(marked[2].clone())),
            (named("c"), &marked, Canary::Image(marked[2].clone())),
            (named("d"), &marked, Canary::Instead { image: marked[1].clone(), named: "d".to_owned() }),
            (CanaryChoice::None, &marked, Canary::Skipped("[update] canary is none")),
            (CanaryChoice::Release, &[], Canary::Skipped("the release has no tenant image")),
            (named("a"), &[], Canary::Skipped("the release has no tenant image")),
        ] {
            assert_eq!(Canary::choose(&choice, images), expected, "{choice:?}");
        }
    }
}
