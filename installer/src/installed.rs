//! What is installed: `installed.json`; and beside it the serial floor and the product, which outlive an uninstallation.

use crate::durable::{self, PathError};
use crate::engine::EngineAddress;
use crate::layout::Layout;
use crate::record::{RecordError, read_json};
use crate::retention;
use crate::tries::Tries;
use landfall_keys::TrustRoot;
use landfall_manifests::{Database, Digest, Product, Release, ReleaseId, Serial, Version};
use serde::{Deserialize, Serialize};

/// A serial has at most 16 digits.
const FLOOR_BYTES: u64 = 32;
/// More than any product's name has.
const PRODUCT_BYTES: u64 = 256;

/// The record of an installed host, `installed.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Installed {
    /// The record's form, 1.
    pub(crate) schema: u32,
    /// The release that `current` points at.
    pub(crate) current: InstalledRelease,
    /// The other releases on the host, the one that was current last first.
    #[serde(default)]
    pub(crate) kept: Vec<InstalledRelease>,
    /// What the host was like.
    pub(crate) host: Surroundings,
    /// Folders that were not there before, relative to the root, outermost first.
    pub(crate) created: Vec<String>,
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
    /// What its program does to the database, if it has one: which schema it writes, and how far back it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<Database>,
    /// When it was installed (RFC 3339), by the host's clock: nothing is decided by it.
    pub(crate) installed: String,
    /// Its unit files, relative to the root.
    pub(crate) units: Vec<String>,
    /// The tags that its images have in the engine.
    pub(crate) tags: Vec<String>,
    /// The trust root by which it was accepted, and is verified ever after: what is revoked later does not take the way back
    /// away. Absent in records from before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trust: Option<TrustRoot>,
    /// Whether it had proven itself when another took its place, or nobody had it counted: somebody chose it, and was there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) proven: bool,
}

/// With what an operation works, so that recovery works with the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Surroundings {
    /// The container engine.
    pub(crate) engine: EngineAddress,
    /// Whether systemd is talked to.
    pub(crate) systemd: bool,
}

impl InstalledRelease {
    pub(crate) fn new(
        release: &Release,
        manifest: Digest,
        trust: TrustRoot,
        units: Vec<String>,
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
            trust: Some(trust),
            proven: false,
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

    /// The release that was current last of those with a lower serial: the one to go back to.
    pub(crate) fn earlier(&self) -> Option<&InstalledRelease> {
        self.kept.iter().find(|kept| kept.serial < self.current.serial)
    }

    /// The record once `next` is the current release. `tries` is the counter of the one that is current until then.
    pub(crate) fn followed_by(&self, next: InstalledRelease, keep: usize, tries: Option<&Tries>) -> Self {
        let mut before = self.clone();
        before.current.proven |= tries.is_none();
        Self { kept: retention::retained(&before, &next, keep), current: next, ..before }
    }
}

/// The serial below which bundles are refused.
pub(crate) fn read_floor(layout: &Layout) -> Result<Option<Serial>, RecordError> {
    let path = layout.serial_floor();
    let Some(bytes) = durable::read(&path, FLOOR_BYTES)? else { return Ok(None) };
    let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse::<u64>().ok());
    let serial = number.and_then(|number| Serial::try_from(number).ok());
    serial.map(Some).ok_or(RecordError::Text { path, expected: "serial" })
}

/// Raises the floor to `serial`; never lowers it.
pub(crate) fn raise_floor(layout: &Layout, serial: Serial) -> Result<(), RecordError> {
    if read_floor(layout)?.is_some_and(|floor| floor >= serial) {
        return Ok(());
    }
    Ok(durable::write(&layout.serial_floor(), format!("{serial}\n").as_bytes(), 0o600)?)
}

/// The product that this host has had: no other one comes onto it before a purge.
pub(crate) fn read_product(layout: &Layout) -> Result<Option<Product>, RecordError> {
    let path = layout.product();
    let Some(bytes) = durable::read(&path, PRODUCT_BYTES)? else { return Ok(None) };
    let product = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse().ok());
    product.map(Some).ok_or(RecordError::Text { path, expected: "product" })
}

/// Records the product.
pub(crate) fn write_product(layout: &Layout, product: &Product) -> Result<(), PathError> {
    durable::write(&layout.product(), format!("{product}\n").as_bytes(), 0o600)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_floor_only_rises() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        std::fs::create_dir_all(layout.state()).unwrap();
        assert_eq!(read_floor(&layout).unwrap(), None);
        for (raise, floor) in [(3, 3), (2, 3), (7, 7)] {
            raise_floor(&layout, Serial::try_from(raise).unwrap()).unwrap();
            assert_eq!(read_floor(&layout).unwrap(), Some(Serial::try_from(floor).unwrap()));
        }
        std::fs::write(layout.serial_floor(), "x").unwrap();
        assert!(matches!(read_floor(&layout), Err(RecordError::Text { .. })));
    }
}
