//! A definition as it is written: DESIGN section 7's keys and no others.

use super::database_table::DatabaseTable;
use landfall_keys::PublicKey;
use landfall_manifests::{Arch, BundlePath, ImageName, Product, Serial, Tenant, Version};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DefinitionTable {
    pub(super) release: ReleaseTable,
    #[serde(default)]
    pub(super) runtime: RuntimeTable,
    #[serde(default)]
    pub(super) image: Vec<ImageTable>,
    #[serde(default)]
    pub(super) file: Vec<FileTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseTable {
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
pub(super) struct RuntimeTable {
    pub(super) binary: Option<Spanned<String>>,
    pub(super) installer: Option<Spanned<String>>,
    pub(super) config: Option<Spanned<String>>,
    pub(super) database: Option<Spanned<DatabaseTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageTable {
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
pub(super) struct FileTable {
    pub(super) source: Spanned<String>,
    pub(super) path: Spanned<BundlePath>,
}
