//! What an update changes on a host.

mod database;
mod text;

pub(crate) use database::DatabaseChange;

use super::{Amount, units};
use crate::settings::changes::SettingsChanges;
use landfall_manifests::{Digest, Release};
use landfall_systemd::UnitName;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long systemd lets a runtime finish requests and stop: `TimeoutStopSec` of `landfall.service`.
const STOP: Duration = Duration::from_secs(30);
/// How long systemd lets a runtime start, its migration included: `TimeoutStartSec` of `landfall.service`.
const START: Duration = Duration::from_secs(90);

/// The facts and earlier decisions that the plan of an update depends on.
#[derive(Debug, Clone)]
pub(crate) struct UpdateFacts<'a> {
    /// Blobs in the staging folder under their digest, by size in bytes. Each is hashed before it is relied on.
    pub(crate) staged: &'a BTreeMap<Digest, u64>,
    /// The size of the database with its log in bytes, if there is one.
    pub(crate) database: Option<u64>,
    /// What becomes of the settings.
    pub(crate) settings: &'a SettingsChanges,
    /// How long the next release has to become healthy; `None` where no service is started.
    pub(crate) patience: Option<Duration>,
    /// What no kept release and no tenant will need afterwards.
    pub(crate) collects: Collectable,
}

/// What a commit removes at its end, as retention decides it for the releases that will be kept then.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Collectable {
    /// Releases, `<version>-<serial>`.
    pub(crate) releases: Vec<String>,
    /// Blobs of the store.
    pub(crate) blobs: Amount,
    /// Tags in the engine.
    pub(crate) images: Vec<String>,
    /// Snapshots of the database.
    pub(crate) snapshots: Vec<String>,
}

/// What becomes different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Changes {
    /// The release that is replaced, `<version>-<serial>`.
    pub(crate) from: String,
    /// Names of images.
    pub(crate) images: Difference,
    /// Files of the release's folder, but for its units.
    pub(crate) files: Difference,
    /// Names of units.
    pub(crate) units: Difference,
    pub(crate) settings: SettingsChanges,
    /// Absent where the database stays as it is.
    pub(crate) database: Option<DatabaseChange>,
    /// Absent where no service is started.
    pub(crate) restart: Option<Restart>,
    pub(crate) collects: Collectable,
}

/// Names, each in one list, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Difference {
    pub(crate) added: Vec<String>,
    pub(crate) changed: Vec<String>,
    pub(crate) kept: Vec<String>,
    pub(crate) removed: Vec<String>,
}

/// What is interrupted, and for how long. Tenants are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Restart {
    pub(crate) unit: String,
    /// After at most so many seconds one of the two releases serves again, however broken the next one is; usually after well under one.
    pub(crate) at_most_seconds: u64,
    /// How many of the tenants' containers are stopped: none.
    pub(crate) tenants: u32,
}

impl Changes {
    /// Compares two releases.
    pub(crate) fn between(old: &Release, new: &Release, facts: &UpdateFacts<'_>) -> Self {
        Self {
            from: old.id().to_string(),
            images: Difference::between(&images(old), &images(new)),
            files: Difference::between(&files(old, false), &files(new, false)),
            units: Difference::between(&files(old, true), &files(new, true)),
            settings: facts.settings.clone(),
            database: DatabaseChange::between(old.database, new.database, facts.database),
            restart: facts.patience.map(Restart::new),
            collects: facts.collects.clone(),
        }
    }
}

impl Restart {
    /// Starting the next release, waiting for it, and starting the last one again.
    fn new(patience: Duration) -> Self {
        // Twice: the next release is started, and where it does not become healthy, the last one again.
        let at_most = (STOP + START) * 2 + patience;
        Self { unit: UnitName::LANDFALL.to_string(), at_most_seconds: at_most.as_secs(), tenants: 0 }
    }
}

impl Difference {
    /// Compares two sets of named things; what stays has an equal value in both.
    fn between<T: PartialEq>(old: &BTreeMap<&str, T>, new: &BTreeMap<&str, T>) -> Self {
        let mut difference = Self::default();
        for (name, value) in new {
            let list = match old.get(name) {
                None => &mut difference.added,
                Some(before) if before == value => &mut difference.kept,
                Some(_) => &mut difference.changed,
            };
            list.push((*name).to_owned());
        }
        let removed = old.keys().filter(|name| !new.contains_key(*name));
        difference.removed = removed.map(|name| (*name).to_owned()).collect();
        difference
    }
}

/// An image is what its configuration's digest says (OCI image specification, "Image Configuration").
fn images(release: &Release) -> BTreeMap<&str, Digest> {
    release.images.iter().map(|image| (image.name.as_str(), image.config)).collect()
}

/// The units of a release by their names, or its other files by their paths.
fn files(release: &Release, of_units: bool) -> BTreeMap<&str, (Digest, u32)> {
    let units = units(release);
    let named = release.files.iter().map(|file| {
        let name =
            file.path.as_str().strip_prefix("units/").filter(|name| units.iter().any(|unit| unit.as_str() == *name));
        // With the mode: a file that only becomes executable has changed too.
        (name.is_some(), name.unwrap_or(file.path.as_str()), (file.digest, file.mode.bits()))
    });
    named.filter(|(is_unit, ..)| *is_unit == of_units).map(|(_, name, value)| (name, value)).collect()
}

#[cfg(test)]
mod tests;
