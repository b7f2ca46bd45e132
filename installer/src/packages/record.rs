//! What the host remembers of the packages that came with Landfall: `packages.json`.

use crate::durable::{self, PathError};
use crate::layout::Layout;
use crate::record::{RecordError, Schema, read_json, write_json};
use landfall_manifests::{Digest, PackageName, PackageVersion};
use serde::{Deserialize, Serialize};

/// A package that this host did not have before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AddedPackage {
    pub(crate) name: PackageName,
    pub(crate) version: PackageVersion,
    /// Of its file.
    pub(crate) digest: Digest,
    /// Whether the host had its configuration from before: that stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) had_configuration: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    schema: Schema<1>,
    /// In the order in which they were installed.
    packages: Vec<AddedPackage>,
}

/// The packages that came with Landfall.
pub(crate) fn read(layout: &Layout) -> Result<Vec<AddedPackage>, RecordError> {
    Ok(read_json::<Record>(&layout.packages())?.map(|record| record.packages).unwrap_or_default())
}

/// Adds packages. Those that are there stay as they are.
pub(crate) fn note(layout: &Layout, added: &[AddedPackage]) -> Result<(), RecordError> {
    let mut packages = read(layout)?;
    packages.retain(|package| added.iter().all(|added| added.name != package.name));
    packages.extend_from_slice(added);
    Ok(write(layout, packages)?)
}

/// Takes packages out. With the last one, the record goes.
pub(crate) fn strike(layout: &Layout, gone: &[AddedPackage]) -> Result<(), RecordError> {
    let mut packages = read(layout)?;
    packages.retain(|package| gone.iter().all(|gone| gone.name != package.name));
    Ok(write(layout, packages)?)
}

fn write(layout: &Layout, packages: Vec<AddedPackage>) -> Result<(), PathError> {
    if packages.is_empty() {
        return durable::remove(&layout.packages());
    }
    write_json(&layout.packages(), &Record { schema: Schema, packages })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_noted_once_and_what_went_is_struck_out() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        std::fs::create_dir_all(layout.state()).unwrap();
        let package = |name: &str, version: &str| AddedPackage {
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
            digest: Digest::of(b""),
            had_configuration: false,
        };
        let (runc, docker) = (package("runc", "1"), package("docker.io", "20"));
        assert_eq!(read(&layout).unwrap(), []);
        for _ in 0..2 {
            note(&layout, &[runc.clone(), docker.clone()]).unwrap();
            assert_eq!(read(&layout).unwrap(), [runc.clone(), docker.clone()]);
        }
        strike(&layout, std::slice::from_ref(&runc)).unwrap();
        assert_eq!(read(&layout).unwrap(), std::slice::from_ref(&docker));
        strike(&layout, &[docker]).unwrap();
        assert!(!layout.packages().exists());
        strike(&layout, &[runc]).unwrap();
    }
}
