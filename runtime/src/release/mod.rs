//! The installed release, as far as the runtime needs it: its version, and the images that tenants are created from.
//!
//! The manifest is verified at each start with the keys by which this host accepted the release, although the installer verified it
//! before: it decides what runs on this host.

mod load;

pub use load::Loaded;

use crate::engine::ImageIdentity;
use crate::store::ImageRecord;
use landfall_manifests::{HealthCheck, Release};
use serde::Serialize;

/// The version and the tenant images of the installed release.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Its semantic version.
    pub version: String,
    /// Its serial.
    pub serial: u64,
    /// The images that tenants can be created from.
    pub images: Vec<ImageRecord>,
}

/// What a client is told about an image that it can spawn a tenant from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// Its name in the release: `baseImage` of a spawn.
    pub name: String,
    /// Its language.
    pub language: String,
    /// Its framework.
    pub framework: Option<String>,
    /// The port that it listens on inside its container.
    pub port: u16,
    /// How it is found out whether it is healthy.
    pub health: HealthCheck,
}

/// How a spawn selects an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The image's name. The other fields are ignored then.
    pub base_image: Option<String>,
    /// A language, such as `node`.
    pub language: Option<String>,
    /// A framework, such as `express`.
    pub framework: Option<String>,
}

/// Why a choice selects no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// Neither a name nor a language was given.
    #[error("no image is selected: give language (and framework), or baseImage")]
    Nothing,
    /// The release has no matching image.
    #[error("release {release} has no image for {wanted}; it has: {available}")]
    Unknown {
        /// The release.
        release: String,
        /// The choice.
        wanted: String,
        /// All images of the release.
        available: String,
    },
    /// More than one image matches.
    #[error("several images of release {release} match {wanted}: name one of {available} as baseImage")]
    Ambiguous {
        /// The release.
        release: String,
        /// The choice.
        wanted: String,
        /// The matching images.
        available: String,
    },
}

impl Catalog {
    fn of(release: &Release) -> Self {
        let images = release.images.iter().filter_map(|image| {
            // A release may bring images that are not for tenants.
            let tenant = image.tenant.as_ref()?;
            Some(ImageRecord {
                name: image.name.to_string(),
                config: image.config.to_string(),
                diff_ids: image.layers.iter().map(|layer| layer.diff_id.to_string()).collect(),
                tenant: tenant.clone(),
            })
        });
        Self { version: release.version.to_string(), serial: release.serial.into(), images: images.collect() }
    }

    /// The release's folder name, `<version>-<serial>`.
    pub fn id(&self) -> String {
        format!("{}-{}", self.version, self.serial)
    }

    /// What tenants can be spawned from.
    pub fn offers(&self) -> Vec<Offer> {
        let offer = |image: &ImageRecord| Offer {
            name: image.name.clone(),
            language: image.tenant.language.clone(),
            framework: image.tenant.framework.clone(),
            port: image.tenant.port,
            health: image.tenant.health.clone(),
        };
        self.images.iter().map(offer).collect()
    }

    /// The image that a choice selects: by name, or by language and framework. Where no framework is given and several images match the
    /// language, the one without a framework.
    pub fn pick(&self, choice: &Choice) -> Result<&ImageRecord, ChoiceError> {
        let matching: Vec<_> = match (&choice.base_image, &choice.language) {
            (Some(name), _) => self.images.iter().filter(|image| image.name == *name).collect(),
            (None, Some(language)) => self.images.iter().filter(|i| matches(i, language, choice)).collect(),
            (None, None) => return Err(ChoiceError::Nothing),
        };
        let plain = || matching.iter().copied().find(|image| image.tenant.framework.is_none());
        match matching.as_slice() {
            [] => Err(ChoiceError::Unknown {
                release: self.id(),
                wanted: choice.to_string(),
                available: list(self.images.iter()),
            }),
            [one] => Ok(one),
            several => plain().ok_or_else(|| ChoiceError::Ambiguous {
                release: self.id(),
                wanted: choice.to_string(),
                available: list(several.iter().copied()),
            }),
        }
    }
}

impl From<&ImageRecord> for ImageIdentity {
    fn from(record: &ImageRecord) -> Self {
        Self { config: record.config.clone(), diff_ids: record.diff_ids.clone() }
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self { base_image: Some(name), .. } => write!(f, "baseImage {name:?}"),
            Self { language, framework: Some(framework), .. } => {
                write!(f, "language {:?} with framework {framework:?}", language.as_deref().unwrap_or_default())
            }
            Self { language, .. } => write!(f, "language {:?}", language.as_deref().unwrap_or_default()),
        }
    }
}

fn matches(image: &ImageRecord, language: &str, choice: &Choice) -> bool {
    let tenant = &image.tenant;
    tenant.language == language && (choice.framework.is_none() || choice.framework == tenant.framework)
}

fn list<'a>(images: impl Iterator<Item = &'a ImageRecord>) -> String {
    let describe = |image: &ImageRecord| {
        let tenant = &image.tenant;
        let framework = tenant.framework.as_ref().map(|framework| format!(" {framework}")).unwrap_or_default();
        format!("{} ({}{framework})", image.name, tenant.language)
    };
    let all: Vec<_> = images.map(describe).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use landfall_manifests::Tenant;

    fn image(name: &str, language: &str, framework: Option<&str>) -> ImageRecord {
        let tenant = Tenant::new(language, 80, "/".parse().unwrap());
        let tenant = Tenant { framework: framework.map(Into::into), ..tenant };
        ImageRecord { name: name.into(), config: String::new(), diff_ids: vec![], tenant }
    }

    fn picked(choice: (Option<&str>, Option<&str>, Option<&str>)) -> Result<String, ChoiceError> {
        let catalog = Catalog {
            version: "1.0.0".into(),
            serial: 3,
            images: vec![
                image("node", "node", None),
                image("node-express", "node", Some("express")),
                image("flask", "python", Some("flask")),
                image("django", "python", Some("django")),
            ],
        };
        let (base_image, language, framework) = choice;
        let own = |text: Option<&str>| text.map(str::to_owned);
        let choice = Choice { base_image: own(base_image), language: own(language), framework: own(framework) };
        catalog.pick(&choice).map(|image| image.name.clone())
    }

    #[test]
    fn selects_by_language_and_framework_or_by_name() {
        for (choice, name) in [
            ((None, Some("node"), Some("express")), "node-express"),
            ((None, Some("node"), None), "node"),
            ((None, Some("python"), Some("flask")), "flask"),
            ((Some("django"), None, None), "django"),
            ((Some("django"), Some("node"), None), "django"),
        ] {
            assert_eq!(picked(choice).unwrap(), name, "{choice:?}");
        }
    }

    #[test]
    fn lists_the_images_when_none_or_several_match() {
        let unknown = picked((None, Some("rust"), None)).unwrap_err().to_string();
        assert!(unknown.contains("\"rust\"") && unknown.contains("flask (python flask)"), "{unknown}");
        assert!(matches!(picked((Some("node:latest"), None, None)), Err(ChoiceError::Unknown { .. })));
        assert!(matches!(picked((None, Some("node"), Some("koa"))), Err(ChoiceError::Unknown { .. })));
        let several = picked((None, Some("python"), None)).unwrap_err().to_string();
        assert!(several.contains("flask (python flask), django (python django)"), "{several}");
        assert_eq!(picked((None, None, None)), Err(ChoiceError::Nothing));
    }
}
