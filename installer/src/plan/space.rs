//! How much room an installation takes, and where.

use super::base::MadeContents;
use super::{Action, Observed, PlannedImage};
use crate::layout;
use landfall_manifests::{Blob, Bundle};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What file systems hand out, in bytes: a file takes whole ones.
const BLOCK: u64 = 4096;
/// Records, units, settings, links and folders, in bytes, generously.
const RECORDS: u64 = 1 << 20;

/// Room that something takes below a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Need {
    /// What takes it, for people.
    pub(crate) what: &'static str,
    /// The folder, relative to the root; absolute for the engine's own.
    pub(crate) folder: PathBuf,
    /// Bytes, in whole blocks of the file system.
    pub(crate) bytes: u64,
    /// Files and folders.
    pub(crate) inodes: u64,
}

pub(super) fn needs(
    bundle: &Bundle,
    staged: &[&Blob],
    made: &MadeContents,
    images: &[PlannedImage],
    observed: &Observed,
) -> Vec<Need> {
    let contents = made.contents.iter().map(|content| content.size).chain([made.unpacked]).filter(|size| *size > 0);
    let mut needs = vec![
        need("the store", layout::STORE_FOLDER, staged.iter().map(|blob| blob.size).chain(contents)),
        need("the release", layout::PROGRAM_FOLDER, release_files(bundle).chain(release_folders(bundle))),
        need("the database and the records", layout::DATA_FOLDER, std::iter::once(RECORDS)),
        need("the settings", layout::SETTINGS_FOLDER, std::iter::once(RECORDS)),
        need("the units", layout::UNITS_FOLDER, std::iter::once(RECORDS)),
    ];
    if !observed.packages.is_empty() {
        let installed = observed.packages.iter().map(|package| package.installed);
        needs.push(need("the engine", "usr", installed));
        needs.push(need(
            "the packages' files",
            layout::STORE_FOLDER,
            observed.packages.iter().map(|package| package.size),
        ));
    }
    let root = observed.engine.as_ref().and_then(|engine| engine.data_root.clone());
    needs.extend(root.and_then(|root| engine_need(root, images)));
    needs.retain(|need| need.bytes > 0);
    needs
}

/// The files of the release's folder, the manifest and signatures beside them, and the installer a second time.
fn release_files(bundle: &Bundle) -> impl Iterator<Item = u64> {
    let files = &bundle.release().files;
    let installer = files.iter().filter(|file| file.path.as_str() == crate::plan::policy::INSTALLER);
    let signatures = bundle.signatures().iter().map(|signature| signature.to_file().len() as u64);
    let sizes = files.iter().chain(installer).map(|file| file.size);
    sizes.chain(signatures).chain(std::iter::once(bundle.manifest().len() as u64))
}

/// The folders of the release, a block each.
fn release_folders(bundle: &Bundle) -> impl Iterator<Item = u64> {
    let folders: BTreeSet<&str> = bundle.release().files.iter().flat_map(|file| file.path.folders()).collect();
    folders.into_iter().map(|_| BLOCK)
}

/// An engine first writes an archive to its disk and then unpacks the layers: all layers, and the largest archive once more.
fn engine_need(root: PathBuf, images: &[PlannedImage]) -> Option<Need> {
    let largest = images.iter().map(|image| image.bytes).max()?;
    let loads = images.iter().filter(|image| matches!(image.action, Action::Load(_))).count() as u64;
    let layers: u64 = images.iter().map(|image| image.bytes).sum();
    Some(Need { what: "the engine's images", folder: root, bytes: layers + largest + loads * RECORDS, inodes: 0 })
}

fn need(what: &'static str, folder: &str, sizes: impl Iterator<Item = u64>) -> Need {
    let need = Need { what, folder: folder.into(), bytes: 0, inodes: 0 };
    sizes.fold(need, |need, size| Need {
        bytes: need.bytes + size.next_multiple_of(BLOCK),
        inodes: need.inodes + 1,
        ..need
    })
}
