//! `oci:` and `oci-archive:`: OCI image layouts (OCI image specification, "Image Layout"). What is read is checked
//! against the size and the digest by which it is referred to. Compressed layers are stored unchanged, so that the manifest, and
//! with it the digest that the image has in a registry, can be kept.

mod index;
mod layers;
mod layout;
mod manifest;

use super::image::{ImageOutline, PackedImages, check_layers, parse_config};
use super::{ImageError, PackContext, PackedImage, SourceError};
use crate::plan::RequestedImage;
use landfall_manifests::oci::{self, Descriptor, ImageConfig, ImageManifest, Platform};
use landfall_manifests::{Layer, limits};
use layers::LayerReader;
use layout::{ArchiveLayout, FolderLayout, Layout};
use std::path::Path;

/// Takes images from a layout in a folder.
pub(super) fn pack_folder(
    folder: &Path,
    requested: &[RequestedImage],
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    pack(&FolderLayout::new(folder), folder, requested, packing)
}

/// Takes images from a layout in a tar archive.
pub(super) fn pack_archive(
    file: &Path,
    requested: &[RequestedImage],
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    let layout = ArchiveLayout::open(file).map_err(|error| requested[0].error(error))?;
    pack(&layout, file, requested, packing)
}

/// Looks for the images in a folder.
pub(super) fn find_in_folder(
    folder: &Path,
    requested: &[RequestedImage],
    platform: &Platform,
) -> Result<Vec<ImageOutline>, ImageError> {
    find(&FolderLayout::new(folder), requested, platform)
}

/// Looks for the images in a tar archive.
pub(super) fn find_in_archive(
    file: &Path,
    requested: &[RequestedImage],
    platform: &Platform,
) -> Result<Vec<ImageOutline>, ImageError> {
    let layout = ArchiveLayout::open(file).map_err(|error| requested[0].error(error))?;
    find(&layout, requested, platform)
}

fn find(
    layout: &impl Layout,
    requested: &[RequestedImage],
    platform: &Platform,
) -> Result<Vec<ImageOutline>, ImageError> {
    let outline = |requested: &RequestedImage| -> Result<ImageOutline, SourceError> {
        let found = Documents::read(layout, requested, platform)?;
        let kept = layers::find_compressed(layout, &found.manifest.layers)?;
        let (name, layers) = (requested.image.clone(), found.manifest.layers.len());
        Ok(ImageOutline { name, layers, config: Some(found.config_bytes), kept })
    };
    requested.iter().map(|requested| outline(requested).map_err(|error| requested.error(error))).collect()
}

/// The documents of an image.
struct Documents {
    found: Descriptor,
    manifest_bytes: Vec<u8>,
    manifest: ImageManifest,
    config_bytes: Vec<u8>,
    config: ImageConfig,
}

impl Documents {
    fn read(layout: &impl Layout, requested: &RequestedImage, platform: &Platform) -> Result<Self, SourceError> {
        let found = index::find(layout, requested.reference.as_deref(), platform)?;
        let manifest_bytes = layout::document(layout, "the image's manifest", &found)?;
        let manifest = manifest::parse(&manifest_bytes)?;
        if manifest.layers.len() > limits::LAYERS {
            return Err(SourceError::TooManyLayers(manifest.layers.len()));
        }
        let config_bytes = layout::document(layout, "the image's configuration", &manifest.config)?;
        let config = parse_config(&config_bytes, platform)?;
        Ok(Self { found, manifest_bytes, manifest, config_bytes, config })
    }
}

fn pack(
    layout: &(impl Layout + Sync),
    path: &Path,
    requested: &[RequestedImage],
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let progress = packing.console.progress(format!("Reading {name}"), None);
    let read = |requested: &RequestedImage| {
        Documents::read(layout, requested, &packing.platform).map_err(|error| requested.error(error))
    };
    let documents: Vec<Documents> = requested.iter().map(read).collect::<Result<_, _>>()?;
    let reader = LayerReader { layout, progress: &progress };
    let mut ahead = reader.ahead(documents.iter().flat_map(|image| &image.manifest.layers), packing.store);
    let images = requested.iter().zip(documents).map(|(requested, documents)| {
        let layers = documents.manifest.layers.iter().map(|layer| reader.layer(layer, &mut ahead, packing));
        let image = layers.collect::<Result<_, _>>().and_then(|layers| image(requested, documents, layers, packing));
        image.map_err(|error| requested.error(error))
    });
    let images = images.collect::<Result<_, _>>()?;
    progress.finish();
    Ok(images)
}

fn image(
    requested: &RequestedImage,
    documents: Documents,
    layers: Vec<Layer>,
    packing: &mut PackContext<'_>,
) -> Result<PackedImage, SourceError> {
    let Documents { found, manifest_bytes, manifest, config_bytes, config } = documents;
    // The layers that were read against the diffIDs of the configuration:
    // the host would refuse an image in which they differ.
    check_layers(&config, &layers)?;
    if layers.iter().zip(&manifest.layers).any(|(stored, described)| stored.blob != described.digest) {
        // A layer that was uncompressed is compressed now, so the image needs a new manifest.
        return packing.make_image(requested, &config_bytes, layers);
    }
    Ok(PackedImage {
        name: requested.image.clone(),
        media_type: media_type(&found, &manifest)?,
        manifest: packing.store.add_bytes(&manifest_bytes)?,
        config: packing.store.add_bytes(&config_bytes)?,
        layers,
    })
}

/// The media type of the manifest. Where both the descriptor and the manifest have one, they must agree.
fn media_type(found: &Descriptor, manifest: &ImageManifest) -> Result<String, SourceError> {
    let claims = [found.media_type.as_str(), manifest.media_type.as_str()];
    let claim = claims.into_iter().find(|claim| !claim.is_empty()).unwrap_or(oci::MANIFEST);
    let agree = claims.into_iter().all(|other| other.is_empty() || other == claim);
    if agree && [oci::MANIFEST, oci::DOCKER_MANIFEST].contains(&claim) {
        return Ok(claim.to_owned());
    }
    Err(SourceError::MediaType { what: "the manifest".to_owned(), found: claims.join(", ") })
}
