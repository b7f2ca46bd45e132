//! What an installation or an update will do, decided from the releases and from what was observed, before anything is done.

mod base;
mod changes;
mod images;
pub(crate) mod policy;
pub(crate) mod preflight;
mod space;
mod text;
mod trust;

pub(crate) use base::PlannedBase;
pub(crate) use changes::Collectable;
pub(crate) use changes::{Changes, DatabaseChange, UpdateFacts};
pub(crate) use images::{Action, PlannedImage, plan as images};
pub(crate) use space::Need;
pub(crate) use trust::TrustChange;

use crate::engine::{EngineNetwork, InstallationId, LocalImage};
use crate::layout;
use crate::packages::Needed;
use crate::settings::Ports;
use landfall_host::RelativePath;
use landfall_manifests::{Blob, Bundle, Digest, Release};
use landfall_systemd::UnitName;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What the plan depends on about the host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    /// Blobs in the store by size in bytes. Each is hashed before it is relied on.
    pub(crate) stored: BTreeMap<Digest, u64>,
    /// Folders of [`layout::FOLDERS`] that are not there.
    pub(crate) missing_folders: Vec<RelativePath>,
    /// Files of [`SETTINGS`] that are not there.
    pub(crate) missing_settings: Vec<RelativePath>,
    /// The engine, if there is to be one.
    pub(crate) engine: Option<ObservedEngine>,
    /// The packages that bring it, where it is not there yet.
    pub(crate) packages: Needed,
    /// The ports to be free; `None` where no service is started.
    pub(crate) ports: Option<Ports>,
}

/// What the engine is like.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObservedEngine {
    pub(crate) images: Vec<LocalImage>,
    pub(crate) networks: Vec<EngineNetwork>,
    pub(crate) takes_partial_archives: bool,
    pub(crate) data_root: Option<PathBuf>,
}

/// The files that belong to the host rather than to a release: written once, then kept.
pub(crate) const SETTINGS: [&str; 4] =
    ["etc/landfall/config.toml", "etc/landfall/trust.json", "etc/landfall/admin.token", layout::INSTALLATION_ID];

/// What an installation or an update will do. Sizes are in bytes; paths are relative to the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    pub(crate) product: String,
    /// `<version>-<serial>`
    pub(crate) release: String,
    /// The digest of `landfall.json`.
    pub(crate) manifest: Digest,
    /// What is read of the bundle, once: all but the content of blobs that are on the host already.
    pub(crate) read: u64,
    /// What a delta bundle leaves out; absent for a full one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base: Option<PlannedBase>,
    /// Blobs of the bundle that are on the host already.
    pub(crate) reuse: Reuse,
    /// Blobs that are copied into the store.
    pub(crate) stage: Amount,
    /// Files that are unfolded into the release's folder.
    pub(crate) unfold: Amount,
    /// Packages that are installed, in this order, to bring an engine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) packages: Needed,
    pub(crate) images: Vec<PlannedImage>,
    /// The blobs that the store does not have by name: undoing demotes them.
    #[serde(skip)]
    pub(crate) new_blobs: Vec<Digest>,
    /// Folders that are made.
    pub(crate) folders: Vec<RelativePath>,
    /// Settings, trust root, token and the installation's id that are written.
    pub(crate) settings: Vec<RelativePath>,
    pub(crate) units: Vec<RelativePath>,
    /// How the pinned trust root changes with the commit; absent if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trust: Option<TrustChange>,
    /// TCP ports that must be free.
    pub(crate) ports: Vec<u16>,
    pub(crate) space: Vec<Need>,
    /// What becomes different from the release that runs; absent for a first installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) changes: Option<Changes>,
}

/// Blobs of the release that are not read from the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Reuse {
    /// From releases that are kept.
    pub(crate) stored: Amount,
    /// From a run that was interrupted.
    pub(crate) staged: Amount,
}

/// How many, and how many bytes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Amount {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

impl FromIterator<u64> for Amount {
    fn from_iter<I: IntoIterator<Item = u64>>(sizes: I) -> Self {
        sizes.into_iter().fold(Self::default(), |sum, size| Self { count: sum.count + 1, bytes: sum.bytes + size })
    }
}

impl Plan {
    /// Plans the installation of a bundle whose manifest is verified.
    pub(crate) fn new(bundle: &Bundle, installation: &InstallationId, observed: &Observed) -> Self {
        Self::for_bundle(bundle, installation, observed, &BTreeMap::new())
    }

    /// Plans to replace the `old` release, which stays on the host, by that of a bundle whose manifest is verified.
    pub(crate) fn update(
        bundle: &Bundle,
        installation: &InstallationId,
        observed: &Observed,
        old: &Release,
        facts: &UpdateFacts<'_>,
    ) -> Self {
        let plan = Self::for_bundle(bundle, installation, observed, facts.staged);
        let changes = Changes::between(old, bundle.release(), facts);
        // A migration works on a copy, and keeps the old file as a snapshot.
        let copies = changes.database.as_ref().and_then(DatabaseChange::need);
        Self { space: plan.space.into_iter().chain(copies).collect(), changes: Some(changes), ..plan }
    }

    fn for_bundle(
        bundle: &Bundle,
        installation: &InstallationId,
        observed: &Observed,
        incoming: &BTreeMap<Digest, u64>,
    ) -> Self {
        let release = bundle.release();
        let images = images(release, installation, observed.engine.as_ref());
        let archived = release.archived();
        let (stored, missing) = split(&archived, &observed.stored);
        // The store first: a blob that is in both folders, as after a power cut, is counted once.
        let (staged, missing) = split(missing, incoming);
        let amount = |blobs: &[&Blob]| blobs.iter().map(|blob| blob.size).collect::<Amount>();
        let reuse = Reuse { stored: amount(&stored), staged: amount(&staged) };
        // By name, whatever the size: a damaged blob is replaced by a right one, which other releases may need, and an undo
        // leaves it.
        let base = release.base.as_ref().map(|base| PlannedBase::of(base, release));
        let made = base::made(release, &observed.stored);
        let deltas: BTreeSet<Digest> = release.differences().iter().map(|difference| difference.delta).collect();
        let kept = archived.iter().filter(|blob| !deltas.contains(&blob.digest));
        let new_blobs =
            kept.chain(&made.contents).map(|blob| blob.digest).filter(|blob| !observed.stored.contains_key(blob));
        Self {
            product: release.product.to_string(),
            release: release.id().to_string(),
            manifest: Digest::of(bundle.manifest()),
            read: bundle.size() - reuse.stored.bytes - reuse.staged.bytes,
            base,
            reuse,
            stage: amount(&missing),
            unfold: release.files.iter().map(|file| file.size).collect(),
            packages: observed.packages.clone(),
            new_blobs: new_blobs.collect(),
            folders: observed.missing_folders.clone(),
            settings: observed.missing_settings.clone(),
            units: units(release).iter().map(unit_file).collect(),
            trust: None,
            ports: observed.ports.map_or_else(Vec::new, |ports| vec![ports.api, ports.first_tenant]),
            space: space::needs(bundle, &missing, &made, &images, observed),
            images,
            changes: None,
        }
    }

    /// The tags that the engine does not have yet.
    pub(crate) fn new_tags(&self) -> Vec<String> {
        let new = self.images.iter().filter(|image| image.action != Action::Keep);
        new.map(|image| image.tag.clone()).collect()
    }

    /// The tags of all images of the release.
    pub(crate) fn tags(&self) -> Vec<String> {
        self.images.iter().map(|image| image.tag.clone()).collect()
    }
}

/// Splits blobs into those that are in `there` with their size, and the others.
fn split<'a>(
    blobs: impl IntoIterator<Item = &'a Blob>,
    there: &BTreeMap<Digest, u64>,
) -> (Vec<&'a Blob>, Vec<&'a Blob>) {
    blobs.into_iter().partition(|blob| there.get(&blob.digest) == Some(&blob.size))
}

/// Where a unit lies on a host.
fn unit_file(unit: &UnitName) -> RelativePath {
    RelativePath::known(&format!("{}/{unit}", layout::UNITS_FOLDER))
}

/// The units that a release brings, sorted by name.
pub(crate) fn units(release: &Release) -> Vec<UnitName> {
    let names = release.files.iter().filter_map(|file| file.path.as_str().strip_prefix("units/"));
    // A release may write no unit of somebody else, whatever its manifest lists.
    names.filter(|name| name.starts_with("landfall")).filter_map(|name| UnitName::new(name).ok()).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    use crate::fixture::{bundle, installation, release_with};

    #[test]
    fn counts_to_the_byte_and_leaves_out_what_the_store_has() {
        let bundle = bundle(release_with(&[("a", &["base", "a1"])]));
        let empty = Plan::new(&bundle, &installation(), &Observed::default());
        assert_eq!(empty.read, bundle.size());
        assert_eq!(empty.stage, Amount { count: 5, bytes: 1 + 13 + 4 + 2 + 4 });
        assert_eq!(empty.unfold, Amount { count: 1, bytes: 4 });
        assert_eq!(empty.units, ["etc/systemd/system/landfall.service"]);
        assert!(empty.images.is_empty(), "no engine, no images");

        let stored = BTreeMap::from([(Digest::of(b"base"), 4), (Digest::of(b"a1"), 3)]);
        let plan = Plan::new(&bundle, &installation(), &Observed { stored, ..Observed::default() });
        assert_eq!(plan.stage, Amount { count: 4, bytes: 1 + 13 + 2 + 4 }, "a blob of the wrong size does not count");
        assert_eq!(plan.reuse.stored, Amount { count: 1, bytes: 4 });
        assert_eq!(plan.read, bundle.size() - 4);
    }

    #[test]
    fn folders_take_room_and_inodes_too() {
        let deep = |path: &str| {
            let mut release = release_with(&[]);
            release.files[0].path = path.parse().unwrap();
            let plan = Plan::new(&bundle(release), &installation(), &Observed::default());
            plan.space.into_iter().find(|need| need.what == "the release").unwrap()
        };
        let (flat, deep) = (deep("a"), deep("docs/a/b/c"));
        assert_eq!((deep.inodes, deep.bytes), (flat.inodes + 3, flat.bytes + 3 * 4096));
    }

    #[test]
    fn the_engine_needs_room_for_the_layers_and_the_largest_archive() {
        let bundle = bundle(release_with(&[("a", &["base", "a1"]), ("b", &["base", "b1"])]));
        let data_root = Some("/var/lib/docker".into());
        let engine = ObservedEngine { takes_partial_archives: true, data_root, ..ObservedEngine::default() };
        let plan = Plan::new(&bundle, &installation(), &Observed { engine: Some(engine), ..Observed::default() });
        let need = plan.space.iter().find(|need| need.folder.is_absolute()).unwrap();
        assert_eq!(need.bytes, 3 * 700 + 2 * 700 + 2 * (1 << 20));
        assert_eq!(plan.new_tags(), plan.tags());
    }
}
