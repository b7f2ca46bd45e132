use landfall_manifests::Digest;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What `landfall migrate --json` prints: what was done to the database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MigrateReport {
    /// The database.
    pub database: PathBuf,
    /// The schema before; 0 where there was no database.
    pub from: u32,
    /// The schema now, or in a rehearsal the one that was reached.
    pub to: u32,
    /// The database as it was, in a file of its own.
    pub snapshot: Option<PathBuf>,
    /// The database that was replaced by a snapshot, or by one that had been set aside before it, in a file of its own.
    pub aside: Option<PathBuf>,
}

impl MigrateReport {
    /// The schema that the database had, if there was one.
    pub fn schema_before(&self) -> Option<u32> {
        Some(self.from).filter(|schema| *schema > 0)
    }
}

/// What `landfall images --json` prints. The runtime prints digests as its database holds them, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagesReport<D = Digest> {
    /// The images that the tenants are made from, by the digests of their configurations, sorted.
    pub images: Vec<D>,
}
