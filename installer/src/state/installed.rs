//! The record of what is installed: `installed.json`.

use crate::engine::{EngineAddress, InstallationId};
use crate::layout::Layout;
use crate::record::{RecordError, Schema, read_json};
use landfall_host::RelativePath;
use landfall_keys::TrustRoot;
use landfall_manifests::{Database, Digest, Product, Release, ReleaseId, Serial, Version};
use serde::{Deserialize, Serialize};

/// The record of an installed host, `installed.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Installed {
    /// The number of the record's form.
    pub(crate) schema: Schema<2>,
    /// What its tenants' objects in the engine bear.
    pub(crate) installation: InstallationId,
    /// The release that `current` points at.
    pub(crate) current: InstalledRelease,
    /// The other releases on the host, the one that was current last first.
    #[serde(default)]
    pub(crate) kept: Vec<InstalledRelease>,
    /// The engine and the service manager that the host was installed with.
    pub(crate) host: HostEnvironment,
    /// The folders that were created, outermost first.
    pub(crate) created: Vec<RelativePath>,
}

/// One release on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct InstalledRelease {
    pub(crate) product: Product,
    pub(crate) version: Version,
    pub(crate) serial: Serial,
    /// The digest of its `landfall.json`.
    pub(crate) manifest: Digest,
    /// The schema that its program writes and the lowest that it migrates back to, if it has a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<Database>,
    /// When it was installed (RFC 3339), by the host's clock. No decision depends on it.
    pub(crate) installed: String,
    /// Its unit files.
    pub(crate) units: Vec<RelativePath>,
    /// The tags that its images have in the engine.
    pub(crate) tags: Vec<String>,
    /// The trust root by which it was accepted, and is verified ever after: a key that is revoked later does not prevent a
    /// rollback to it.
    pub(crate) trust: TrustRoot,
    /// Whether it was marked good when another release replaced it, or its starts were not counted: a person chose it, and was there.
    #[serde(rename = "proven", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) marked_good: bool,
}

/// The engine and the service manager that an operation works with, so that recovery works with the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HostEnvironment {
    /// The container engine.
    pub(crate) engine: EngineAddress,
    /// Whether systemd is used.
    pub(crate) systemd: bool,
}

impl InstalledRelease {
    pub(crate) fn new(
        release: &Release,
        manifest: Digest,
        trust: TrustRoot,
        units: Vec<RelativePath>,
        tags: Vec<String>,
    ) -> Self {
        Self {
            product: release.product.clone(),
            version: release.version.clone(),
            serial: release.serial,
            manifest,
            database: release.database,
            installed: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            units,
            tags,
            trust,
            marked_good: false,
        }
    }

    pub(crate) fn id(&self) -> ReleaseId {
        ReleaseId { version: self.version.clone(), serial: self.serial }
    }
}

impl Installed {
    pub(crate) fn read(layout: &Layout) -> Result<Option<Self>, RecordError> {
        read_json(&layout.installed())
    }

    /// Every release on the host, the current one first.
    pub(crate) fn releases(&self) -> impl Iterator<Item = &InstalledRelease> {
        std::iter::once(&self.current).chain(&self.kept)
    }

    /// The release to go back to: the one that was current last of those with a lower serial.
    pub(crate) fn earlier(&self) -> Option<&InstalledRelease> {
        // A revert only lowers the serial, so that reverting comes to an end.
        self.kept.iter().find(|kept| kept.serial < self.current.serial)
    }
}
