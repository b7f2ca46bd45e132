//! How packages change with an update, by the bills of materials of both releases.

use super::verified_bundle::VerifiedBundle;
use crate::content::{Decoder, Expected};
use crate::layout::Layout;
use crate::retained_release;
use crate::state::installed::InstalledRelease;
use landfall_manifests::sbom::{self, Bom, PackageChanges};
use std::collections::BTreeMap;
use std::io::Cursor;

/// The changes of each image that both releases have, by name; none where one of the two says nothing of it.
///
/// The documents decide nothing: one that cannot be read is passed over here, and is found by whoever verifies all of the release.
pub(crate) fn package_changes(
    verified: &VerifiedBundle,
    layout: &Layout,
    installed: &InstalledRelease,
) -> BTreeMap<String, PackageChanges> {
    let Ok(old) = retained_release::manifest(layout, installed) else { return BTreeMap::new() };
    let images = verified.bundle.release().images.iter().filter_map(|image| {
        let path = sbom::image_path(&image.name).to_string();
        let before = retained_release::document(layout, &old, &path, sbom::BYTES).ok()??;
        let (before, after) = (Bom::read(&*before).ok()?, of_bundle(verified, &path)?);
        let changes = PackageChanges::between(&before, &after);
        (!changes.is_empty()).then(|| (image.name.to_string(), changes))
    });
    images.collect()
}

fn of_bundle(verified: &VerifiedBundle, path: &str) -> Option<Bom> {
    let file = verified.bundle.release().files.iter().find(|file| file.path.as_str() == path)?;
    let entry = verified.bundle.entries().iter().find(|entry| entry.is_blob && entry.digest == file.blob)?;
    if file.size.max(entry.size) > sbom::BYTES {
        return None;
    }
    let expected = Expected { encoding: Some(file.encoding), digest: file.digest, size: file.size };
    let mut content = Vec::new();
    let mut decoder = Decoder::new(Cursor::new(verified.entry(entry).ok()?), expected).ok()?;
    // Its end comes only if the content is what the manifest says.
    std::io::Read::read_to_end(&mut decoder, &mut content).ok()?;
    Bom::read(&*content).ok()
}
