//! `oci:` and `oci-archive:`: OCI image layouts (OCI image specification, "Image Layout"); and `dir:`. What is read is checked
//! against the size and the digest by which it is referred to. Compressed layers are stored unchanged, so that the manifest, and
//! with it the digest that the image has in a registry, can be kept.

mod directory;
mod index;
mod layers;
mod layout;
mod manifest;

pub(super) use layout::Layout;

use super::archives::TarFile;
use super::image::{ImageOutline, PackedImages, check_layers, parse_config, unknown};
use super::{ImageError, PackContext, PackedImage, SourceError};
use crate::definition::ArchivePath;
use crate::plan::RequestedImage;
use directory::Directory;
use landfall_manifests::oci::{ImageConfig, ImageManifest, Platform};
use landfall_manifests::{Digest, Layer, limits};
use layers::LayerReader;
use layout::{ArchiveLayout, FolderLayout};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// An image that is asked for, and where it is.
pub(super) struct Wanted<'a, L> {
    pub(super) layout: &'a L,
    pub(super) requested: &'a RequestedImage,
}

/// Images that are all in one layout.
fn all_in<'a, L>(layout: &'a L, requested: &'a [RequestedImage]) -> Vec<Wanted<'a, L>> {
    requested.iter().map(|requested| Wanted { layout, requested }).collect()
}

/// Takes images from a layout in a folder.
pub(super) fn pack_folder(
    folder: &Path,
    requested: &[RequestedImage],
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    pack(&all_in(&FolderLayout::new(folder), requested), &reading(folder), packing)
}

/// Takes images from a layout in a tar archive.
pub(super) fn pack_archive(
    path: &ArchivePath,
    requested: &[RequestedImage],
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    let archive = packing.archives.open(path, Some(&*packing.store)).map_err(|error| requested[0].error(error))?;
    let Some(archive) = archive else { return Ok(Vec::new()) };
    let layout = ArchiveLayout::of(archive).map_err(|error| requested[0].error(error))?;
    pack(&all_in(&layout, requested), &format!("Reading {}", path.name()), packing)
}

/// Takes an image from a folder of skopeo's.
pub(super) fn pack_directory(
    folder: &Path,
    requested: &[RequestedImage],
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    let layout = Directory::open(folder).map_err(|error| requested[0].error(error))?;
    pack(&all_in(&layout, requested), &reading(folder), packing)
}

fn reading(folder: &Path) -> String {
    format!("Reading {}", folder.file_name().unwrap_or_default().to_string_lossy())
}

/// Looks for the images in a folder.
pub(super) fn find_in_folder(
    folder: &Path,
    requested: &[RequestedImage],
    platform: &Platform,
) -> Result<Vec<ImageOutline>, ImageError> {
    find(&all_in(&FolderLayout::new(folder), requested), platform)
}

/// Looks for the images in a tar archive.
pub(super) fn find_in_archive(
    archive: Result<Option<TarFile>, SourceError>,
    requested: &[RequestedImage],
    platform: &Platform,
) -> Result<Vec<ImageOutline>, ImageError> {
    let Some(archive) = archive.map_err(|error| requested[0].error(error))? else { return Ok(unknown(requested)) };
    let layout = ArchiveLayout::of(archive).map_err(|error| requested[0].error(error))?;
    find(&all_in(&layout, requested), platform)
}

/// Looks for the image in a folder of skopeo's.
pub(super) fn find_in_directory(
    folder: &Path,
    requested: &[RequestedImage],
    platform: &Platform,
) -> Result<Vec<ImageOutline>, ImageError> {
    let layout = Directory::open(folder).map_err(|error| requested[0].error(error))?;
    find(&all_in(&layout, requested), platform)
}

/// Looks for images.
pub(super) fn find<L: Layout>(images: &[Wanted<'_, L>], platform: &Platform) -> Result<Vec<ImageOutline>, ImageError> {
    let outline = |Wanted { layout, requested }: &Wanted<'_, L>| -> Result<ImageOutline, SourceError> {
        let found = Documents::read(*layout, requested, platform)?;
        let kept = layers::find_compressed(*layout, &found.manifest.layers)?;
        let (name, layers) = (requested.image.clone(), found.manifest.layers.len());
        Ok(ImageOutline { name, layers, config: Some(found.config_bytes), kept })
    };
    images.iter().map(|wanted| outline(wanted).map_err(|error| wanted.requested.error(error))).collect()
}

/// The documents of an image.
struct Documents {
    media_type: String,
    manifest_bytes: Vec<u8>,
    manifest: ImageManifest,
    config_bytes: Vec<u8>,
    config: ImageConfig,
}

impl Documents {
    fn read(layout: &impl Layout, requested: &RequestedImage, platform: &Platform) -> Result<Self, SourceError> {
        let found = index::find(layout, requested.reference.as_deref(), platform)?;
        let manifest_bytes = layout::document(layout, "the image's manifest", &found)?;
        let (manifest, media_type) = manifest::parse(&manifest_bytes, &found.media_type)?;
        if manifest.layers.len() > limits::LAYERS {
            return Err(SourceError::TooManyLayers(manifest.layers.len()));
        }
        let config_bytes = layout::document(layout, "the image's configuration", &manifest.config)?;
        let config = parse_config(&config_bytes, platform)?;
        Ok(Self { media_type, manifest_bytes, manifest, config_bytes, config })
    }
}

/// Takes images, and shows the progress of it under a `title`.
pub(super) fn pack<L: Layout + Sync>(
    images: &[Wanted<'_, L>],
    title: &str,
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    let read = |Wanted { layout, requested }: &Wanted<'_, L>| {
        Documents::read(*layout, requested, &packing.platform).map_err(|error| requested.error(error))
    };
    let documents: Vec<Documents> = images.iter().map(read).collect::<Result<_, _>>()?;
    let layers = documents.iter().flat_map(|image| &image.manifest.layers);
    let sizes: BTreeMap<Digest, u64> = layers.map(|layer| (layer.digest, layer.size)).collect();
    let progress = packing.console.progress(title, Some(sizes.values().fold(0, |sum, size| sum.saturating_add(*size))));
    let cache = Arc::clone(packing.store.cache());
    let reader = LayerReader { progress: &progress, cache: &cache };
    let layers = images.iter().zip(&documents);
    let layers = layers.flat_map(|(wanted, image)| image.manifest.layers.iter().map(|layer| (wanted.layout, layer)));
    let mut ahead = reader.ahead(layers, packing.store);
    let packed = images.iter().zip(documents).map(|(Wanted { layout, requested }, documents)| {
        let layers = documents.manifest.layers.iter().map(|layer| reader.layer(*layout, layer, &mut ahead, packing));
        let image = layers.collect::<Result<_, _>>().and_then(|layers| image(requested, documents, layers, packing));
        image.map_err(|error| requested.error(error))
    });
    let packed = packed.collect::<Result<_, _>>()?;
    progress.finish();
    Ok(packed)
}

fn image(
    requested: &RequestedImage,
    documents: Documents,
    layers: Vec<Layer>,
    packing: &mut PackContext<'_>,
) -> Result<PackedImage, SourceError> {
    let Documents { media_type, manifest_bytes, manifest, config_bytes, config } = documents;
    // The layers that were read against the diffIDs of the configuration:
    // the host would refuse an image in which they differ.
    check_layers(&config, &layers)?;
    if layers.iter().zip(&manifest.layers).any(|(stored, described)| stored.blob != described.digest) {
        // A layer that was uncompressed is compressed now, so the image needs a new manifest.
        return packing.make_image(requested, &config_bytes, layers);
    }
    Ok(PackedImage {
        name: requested.image.clone(),
        media_type,
        manifest: packing.store.add_bytes(&manifest_bytes)?,
        config: packing.store.add_bytes(&config_bytes)?,
        layers,
    })
}
