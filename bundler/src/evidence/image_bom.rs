use super::components::{document, of_packages, property};
use super::image_packages::ImagePackages;
use crate::plan::ReleaseMetadata;
use crate::sources::PackedImage;
use landfall_manifests::sbom::{Bom, Component, Hash};

/// The bill of materials of an image.
pub(crate) fn image_bom(release: &ReleaseMetadata, image: &PackedImage, packages: &ImagePackages<'_>) -> Bom {
    let system = packages.distro.map(|distro| Component {
        kind: "operating-system".to_owned(),
        bom_ref: Some("os".to_owned()),
        name: distro.id.to_string(),
        version: distro.version.as_deref().map(str::to_owned),
        properties: distro.title.iter().map(|title| property("title", &**title)).collect(),
        ..Component::default()
    });
    let mut components: Vec<Component> = system.into_iter().collect();
    components.extend(of_packages(packages));
    let mut properties: Vec<_> = packages.unread.iter().map(|path| property("unread", *path)).collect();
    if packages.is_cut {
        properties.push(property("cut", "there are more packages than are listed"));
    }
    // Nobody can say that nothing else is there.
    let aggregate = if properties.is_empty() { "unknown" } else { "incomplete" };
    document(release.created.as_deref(), subject(release, image), components, aggregate, properties)
}

/// The image itself.
pub(super) fn subject(release: &ReleaseMetadata, image: &PackedImage) -> Component {
    let purl = format!("pkg:oci/{}@{}?arch={}", image.name, image.manifest, release.arch.name());
    Component {
        kind: "container".to_owned(),
        bom_ref: Some(format!("image:{}", image.name)),
        name: image.name.to_string(),
        version: Some(image.manifest.to_string()),
        hashes: vec![Hash::of(&image.manifest)],
        purl: Some(purl),
        properties: vec![property("config", image.config.to_string())],
        ..Component::default()
    }
}
