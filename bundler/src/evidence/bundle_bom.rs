use super::components::{document, of_packages};
use super::image_bom::subject;
use super::image_packages::ImagePackages;
use crate::plan::Plan;
use crate::sources::{PackedFiles, PackedImage};
use landfall_manifests::sbom::{Bom, Component, ExternalReference, Hash, image_path};
use landfall_manifests::{BundlePath, File};
use std::collections::BTreeMap;

/// The bill of materials of a release: its programs and other files, what is known to be in these, and its images, each with its own.
/// `serials` are the numbers of the images' documents, which are among the files.
pub(crate) fn bundle_bom(
    plan: &Plan,
    packed: &PackedFiles,
    images: &[PackedImage],
    serials: &BTreeMap<BundlePath, String>,
) -> Bom {
    let release = &plan.release;
    let product = Component {
        kind: "application".to_owned(),
        bom_ref: Some("release".to_owned()),
        name: release.product.to_string(),
        version: Some(release.version.to_string()),
        ..Component::default()
    };
    let mut files: Vec<&File> = packed.files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut images: Vec<&PackedImage> = images.iter().collect();
    images.sort_by(|a, b| a.name.cmp(&b.name));
    let mut components: Vec<Component> = images
        .iter()
        .map(|image| {
            let path = image_path(&image.name);
            let hashes = files.iter().filter(|file| file.path == path).map(|file| Hash::of(&file.digest)).collect();
            let link = serials.get(&path).map(|serial| ExternalReference {
                kind: "bom".to_owned(),
                // A BOM-Link (ECMA-424): the document's own number, and its version.
                url: format!("urn:cdx:{}/1", serial.trim_start_matches("urn:uuid:")),
                hashes,
                comment: Some(path.to_string()),
            });
            Component { external_references: link.into_iter().collect(), ..subject(release, image) }
        })
        .collect();
    components.extend(files.iter().map(|file| of_file(plan, file)));
    let packages = packed.packages.iter();
    let found = ImagePackages::of_files(packages.map(|(path, packages)| (path.as_str(), packages.as_slice())));
    components.extend(of_packages(&found));
    document(release.created.as_deref(), product, components, "unknown", Vec::new())
}

fn of_file(plan: &Plan, file: &File) -> Component {
    let is_program = file.path.is_within("bin");
    let version = plan.is_own_program(&file.path).then(|| env!("CARGO_PKG_VERSION").to_owned());
    Component {
        version,
        kind: if is_program { "application" } else { "file" }.to_owned(),
        bom_ref: Some(format!("file:{}", file.path)),
        name: file.path.to_string(),
        hashes: vec![Hash::of(&file.digest)],
        ..Component::default()
    }
}
