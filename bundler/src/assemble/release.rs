//! The release manifest, as a pure function of the plan and of what was packed.

use super::volumes::{VolumeError, with_volumes};
use crate::blob_store::{BlobStore, StoreError};
use crate::image_config::{ConfigError, Execution};
use crate::plan::{Plan, PlannedImage};
use crate::sources::PackedImage;
use landfall_keys::RootLink;
use landfall_manifests::{Blob, Digest, File as ReleaseFile, Image, ImageName, Os, Package, Release, Tenant};
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

/// What a release is made of, with its blobs in the store.
pub(crate) struct Packed<I> {
    pub(crate) files: Vec<ReleaseFile>,
    pub(crate) images: Vec<I>,
    pub(crate) packages: Vec<Package>,
}

/// The release that files, images and packages make, as a function of them.
pub(crate) fn release(
    plan: &Plan,
    trust: Vec<RootLink>,
    store: &BlobStore,
    packed: Packed<PackedImage>,
) -> Result<Release, PackedReleaseError> {
    let Packed { files, images, packages } = packed;
    let images = images.into_iter().map(|image| described(plan, store, image));
    let images = images.collect::<Result<Vec<Image>, _>>()?;
    let of_image = |image: &Image| -> Vec<Digest> {
        let layers = image.layers.iter().map(|layer| layer.blob);
        [image.config, image.manifest].into_iter().chain(layers).collect()
    };
    let of_files = files.iter().map(|file| file.blob).chain(packages.iter().map(|package| package.blob));
    let used: BTreeSet<Digest> = of_files.chain(images.iter().flat_map(of_image)).collect();
    // In the order in which they lie in the bundle. Some sources bring layers that no image needs.
    let blobs = store.blobs().into_iter().filter(|blob| used.contains(&blob.digest)).collect();
    Ok(whole(plan, trust, blobs, Packed { files, images, packages }))
}

/// The release of these blobs, files, images and packages.
pub(super) fn whole(plan: &Plan, trust: Vec<RootLink>, blobs: Vec<Blob>, packed: Packed<Image>) -> Release {
    let Packed { mut files, mut images, packages } = packed;
    let head = plan.release.clone();
    // The order of the definition must not show in the signed bytes: the same inputs give the same manifest.
    files.sort_by(|a, b| a.path.cmp(&b.path));
    images.sort_by(|a, b| a.name.cmp(&b.name));
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
        trust,
        layout: Vec::new(),
        blobs,
        files,
        images,
        packages,
    };
    // Last, since the index names the images and the sizes of their manifests.
    release.layout = release.computed_layout();
    release
}

fn described(plan: &Plan, store: &BlobStore, image: PackedImage) -> Result<Image, PackedReleaseError> {
    let planned = planned(plan, &image.name);
    let tenant = match planned.and_then(|planned| planned.tenant.as_ref()) {
        Some(tenant) => Some(tenant_of(&image.name, tenant, &store.read(&image.config)?)?),
        None => None,
    };
    Ok(Image {
        platform: platform(plan),
        media_type: image.media_type,
        manifest: image.manifest,
        config: image.config,
        layers: image.layers,
        source: planned.map(|planned| planned.source_text.clone()).unwrap_or_default(),
        tenant,
        name: image.name,
    })
}

pub(super) fn planned<'a>(plan: &'a Plan, name: &ImageName) -> Option<&'a PlannedImage> {
    plan.images.iter().find(|planned| planned.name == *name)
}

pub(super) fn platform(plan: &Plan) -> String {
    plan.release.platform()
}

/// The tenant image with what its configuration adds to the definition.
pub(crate) fn tenant_of(name: &ImageName, tenant: &Tenant, config: &[u8]) -> Result<Tenant, PackedReleaseError> {
    let execution =
        Execution::of(config).map_err(|source| PackedReleaseError::Config { image: name.clone(), source })?;
    with_volumes(tenant, &execution).map_err(|source| PackedReleaseError::Volume { image: name.clone(), source })
}
