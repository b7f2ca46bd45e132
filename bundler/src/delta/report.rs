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
    /// How many contents are made from earlier ones.
    made: usize,
    /// How many bytes the blobs of these have.
    made_bytes: u64,
}

impl BaseReport {
    pub(crate) fn of(base: &Base, release: &Release) -> Self {
        Self {
            versions: base.releases().map(|base| base.version.to_string()).collect(),
            made: base.differences.len(),
            made_bytes: {
                let sizes = release.blob_sizes();
                let blobs = base.differences.iter().filter_map(|difference| sizes.get(&difference.blob));
                blobs.copied().fold(0, u64::saturating_add)
            },
            omitted: base.omitted.len(),
            omitted_bytes: release.omitted().iter().map(|blob| blob.size).fold(0, u64::saturating_add),
        }
    }

    /// One line.
    pub(crate) fn text(&self) -> String {
        let blobs = Count(self.omitted, "blob");
        let made = match self.made {
            0 => String::new(),
            made => format!("; {} as differences, {}", Count(made, "blob"), Size(self.made_bytes)),
        };
        format!("{}, without {blobs} of it, {}{made}", self.versions.join(" or "), Size(self.omitted_bytes))
    }
}
