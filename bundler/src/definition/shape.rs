//! A definition as it is written: DESIGN section 7's keys and no others.

use crate::database::DatabaseShape;
use landfall_keys::PublicKey;
use landfall_manifests::{Arch, BundlePath, ImageName, Product, Serial, Tenant, Version};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shape {
    pub(super) release: ReleaseShape,
    #[serde(default)]
    pub(super) runtime: RuntimeShape,
    #[serde(default)]
    pub(super) image: Vec<ImageShape>,
    #[serde(default)]
    pub(super) file: Vec<FileShape>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseShape {
    pub(super) product: Product,
    pub(super) version: Version,
    pub(super) serial: Serial,
    pub(super) arch: Option<Arch>,
    pub(super) min_upgrade_from: Option<Version>,
    pub(super) created: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) keys: Vec<PublicKey>,
    pub(super) trust: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuntimeShape {
    pub(super) binary: Option<Spanned<String>>,
    pub(super) installer: Option<Spanned<String>>,
    pub(super) config: Option<Spanned<String>>,
    pub(super) database: Option<Spanned<DatabaseShape>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageShape {
    pub(super) name: Spanned<ImageName>,
    pub(super) source: Spanned<String>,
    pub(super) tenant: Option<Spanned<Tenant>>,
    pub(super) entrypoint: Option<Spanned<Vec<String>>>,
    pub(super) cmd: Option<Spanned<Vec<String>>>,
    pub(super) env: Option<Spanned<BTreeMap<String, String>>>,
    pub(super) user: Option<Spanned<String>>,
    pub(super) workdir: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileShape {
    pub(super) source: Spanned<String>,
    pub(super) path: Spanned<BundlePath>,
}
