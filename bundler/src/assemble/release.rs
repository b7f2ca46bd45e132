//! The release manifest, as a pure function of the plan and of what was packed.

use super::volumes::{VolumeError, with_volumes};
use crate::blob_store::{BlobStore, StoreError};
use crate::image_config::{ConfigError, Execution};
use crate::plan::{CONFIG_PATH, Plan};
use crate::sources::PackedImage;
use landfall_manifests::{Blob, Digest, File as ReleaseFile, Image, ImageName, Os, Release};
use std::collections::BTreeSet;

/// The images that were packed make no release.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackedReleaseError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An engine would read an image's configuration otherwise.
    #[error("image {image}: its configuration cannot be a tenant's")]
    Config {
        image: ImageName,
        #[source]
        source: ConfigError,
    },
    /// An image has a `VOLUME` that no tenant can have.
    #[error("image {image}: a VOLUME of it cannot be a tenant's")]
    Volume {
        image: ImageName,
        #[source]
        source: VolumeError,
    },
}

/// The release that files and images make, as a function of them.
pub(crate) fn release(
    plan: &Plan,
    store: &BlobStore,
    files: Vec<ReleaseFile>,
    packed: Vec<PackedImage>,
) -> Result<Release, PackedReleaseError> {
    let head = plan.release.clone();
    let platform = format!("{}/{}", Os::Linux.name(), head.arch.name());
    let images = packed.into_iter().map(|image| described(plan, store, &platform, image));
    let mut images = images.collect::<Result<Vec<Image>, _>>()?;
    // The order of the definition must not show in the signed bytes: the same inputs give the same manifest.
    images.sort_by(|a, b| a.name.cmp(&b.name));
    let blobs = blobs(&files, &images).into_iter();
    let blobs = blobs.map(|digest| Blob { digest, size: store.size(&digest).unwrap_or_default() }).collect();
    let mut release = Release {
        schema: 1,
        product: head.product,
        version: head.version,
        serial: head.serial,
        os: Os::Linux,
        arch: head.arch,
        created: head.created,
        min_upgrade_from: head.min_upgrade_from,
        database: head.database,
        base: None,
        keys: head.keys,
        // The command adds them: they come from the publisher's folder, and not from what was packed.
        trust: Vec::new(),
        layout: Vec::new(),
        blobs,
        files,
        images,
    };
    // Last, since the index names the images and the sizes of their manifests.
    release.layout = release.computed_layout();
    Ok(release)
}

fn described(plan: &Plan, store: &BlobStore, platform: &str, image: PackedImage) -> Result<Image, PackedReleaseError> {
    let planned = plan.images.iter().find(|planned| planned.name == image.name);
    let tenant = match planned.and_then(|planned| planned.tenant.as_ref()) {
        Some(tenant) => {
            let failed = |source| PackedReleaseError::Config { image: image.name.clone(), source };
            let execution = Execution::of(&store.read(&image.config)?).map_err(failed)?;
            let failed = |source| PackedReleaseError::Volume { image: image.name.clone(), source };
            Some(with_volumes(tenant, &execution).map_err(failed)?)
        }
        None => None,
    };
    Ok(Image {
        name: image.name,
        platform: platform.to_owned(),
        media_type: image.media_type,
        manifest: image.manifest,
        config: image.config,
        layers: image.layers,
        source: planned.map(|planned| planned.source_text.clone()).unwrap_or_default(),
        tenant,
    })
}

/// Each blob once, in the order in which hosts need them: small blobs that are read first come first. The settings are read before the
/// installation begins, and should be on the same disc as the manifest.
fn blobs(files: &[ReleaseFile], images: &[Image]) -> Vec<Digest> {
    let of_image = |image: &Image| -> Vec<Digest> {
        let layers = image.layers.iter().map(|layer| layer.blob);
        [image.config, image.manifest].into_iter().chain(layers).collect()
    };
    let (settings, others): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.path.as_str() == CONFIG_PATH);
    let all = settings.into_iter().chain(others).map(|file| file.blob).chain(images.iter().flat_map(of_image));
    // A set decides what was seen, the iterator the order: shared layers stay where they are needed first.
    let mut seen = BTreeSet::new();
    all.filter(|digest| seen.insert(*digest)).collect()
}
