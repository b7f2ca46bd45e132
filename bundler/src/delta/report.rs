use landfall_console::{Count, Size};
use landfall_manifests::{Base, Release};
use serde::Serialize;

/// What a delta leaves out, for people and programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BaseReport {
    /// The versions of the releases that it was made against.
    versions: Vec<String>,
    /// How many blobs are not in the bundle.
    omitted: usize,
    /// How many bytes these have.
    omitted_bytes: u64,
}

impl BaseReport {
    pub(crate) fn of(base: &Base, release: &Release) -> Self {
        Self {
            versions: base.releases().map(|base| base.version.to_string()).collect(),
            omitted: base.omitted.len(),
            omitted_bytes: release.omitted().iter().map(|blob| blob.size).fold(0, u64::saturating_add),
        }
    }

    /// One line.
    pub(crate) fn text(&self) -> String {
        let blobs = Count(self.omitted, "blob");
        format!("{}, without {blobs} of it, {}", self.versions.join(" or "), Size(self.omitted_bytes))
    }
}
