//! `docker-archive:` and everything else that speaks `docker save`'s format: one pass over a stream, or the layers of a file where they lie.

mod contents;
mod layers;
mod select;

use super::content_kind::{ContentKind, first_block};
use super::image::{ImageOutline, PackedImages};
use super::tar_reader::TarReader;
use super::{ImageError, PackContext, SourceError};
use crate::blob_store::CHUNK;
use crate::plan::RequestedImage;
use crate::regular;
use contents::{ArchiveContents, LayerEntry, SavedDocuments};
use flate2::read::MultiGzDecoder;
use landfall_manifests::{Encoding, Layer, limits, oci::Platform};
use layers::WantedLayers;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _};
use std::path::Path;

/// Takes images from an archive file, which may be compressed with gzip.
pub(super) fn pack_file(
    path: &Path,
    requested: &[RequestedImage],
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    let (file, size, gzip) = open(path).map_err(|error| requested[0].error(error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let reading = |total| packing.console.progress(format!("Reading {name}"), Some(total));
    if gzip {
        let progress = reading(size);
        let stream = MultiGzDecoder::new(BufReader::with_capacity(CHUNK, progress.reader(file)));
        let packed = pack_stream(stream, requested, packing)?;
        progress.finish();
        return Ok(packed);
    }
    let mut contents = look(&file, requested)?;
    let wanted = wanted_layers(&contents, requested, &packing.platform)?;
    let progress = reading(wanted.keys().filter_map(|name| contents.layer_file(name)).map(|layer| layer.size).sum());
    let taken = layers::take(&file, &mut contents, &wanted, packing.store, &progress);
    // Of the archive as a whole: an error in it is reported at the first image's line.
    taken.map_err(|error| requested[0].error(error))?;
    progress.finish();
    images(&contents, requested, packing)
}

/// Looks for the images in an archive file. Of one that is compressed only the beginning is read.
pub(super) fn find_in_file(
    path: &Path,
    requested: &[RequestedImage],
    platform: &Platform,
) -> Result<Vec<ImageOutline>, ImageError> {
    let (file, _, gzip) = open(path).map_err(|error| requested[0].error(error))?;
    let name = |requested: &RequestedImage| requested.image.clone();
    if gzip {
        let outline =
            |requested| ImageOutline { name: name(requested), layers: limits::LAYERS, config: None, kept: Vec::new() };
        return Ok(requested.iter().map(outline).collect());
    }
    let contents = look(&file, requested)?;
    let outline = |requested: &RequestedImage| {
        let found = contents.documents_of(requested, platform).map_err(|error| requested.error(error))?;
        let config = Some(found.config_bytes.to_vec());
        // Other sources may have the same layers otherwise compressed, which would then be stored.
        Ok(ImageOutline { name: name(requested), layers: found.layers.len(), config, kept: Vec::new() })
    };
    requested.iter().map(outline).collect()
}

/// An archive file, its size, and whether it is compressed.
fn open(path: &Path) -> Result<(File, u64, bool), SourceError> {
    let opened = || {
        let (mut file, metadata) = regular::open(path)?;
        let kind = ContentKind::of(&first_block(&mut file)?);
        file.rewind()?;
        Ok((file, metadata.len(), kind))
    };
    match opened().map_err(SourceError::read(path))? {
        (file, size, ContentKind::Compressed(Encoding::Gzip)) => Ok((file, size, true)),
        (file, size, kind) => kind.check_tar().map(|()| (file, size, false)),
    }
}

/// Takes images from a stream, and all layers that it brings: which of them are needed is known in the end.
pub(super) fn pack_stream(
    stream: impl Read,
    requested: &[RequestedImage],
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    let stream = BufReader::with_capacity(CHUNK, stream);
    let mut contents = ArchiveContents::default();
    let mut keep = |layer: LayerEntry<'_>| layer.keep(packing.store).map(Some);
    let read = TarReader::new(stream).read(|entry| contents.add(entry, &mut keep));
    // Of the stream as a whole: an error in it concerns every image, and is reported at the first one's line.
    contents.end(read.map_err(|error| requested[0].error(error))?);
    images(&contents, requested, packing)
}

fn images(
    contents: &ArchiveContents,
    requested: &[RequestedImage],
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    let image =
        |requested| image(contents, requested, packing).map_err(|error| RequestedImage::error(requested, error));
    requested.iter().map(image).collect()
}

/// Which layers are requested, and what they should be.
fn wanted_layers(
    contents: &ArchiveContents,
    requested: &[RequestedImage],
    platform: &Platform,
) -> Result<WantedLayers, ImageError> {
    let mut wanted = WantedLayers::new();
    for requested in requested {
        let documents = contents.documents_of(requested, platform).map_err(|error| requested.error(error))?;
        wanted.extend(documents.layers);
    }
    Ok(wanted)
}

/// Reads an archive's headers and documents only.
fn look(mut file: &File, requested: &[RequestedImage]) -> Result<ArchiveContents, ImageError> {
    let first = &requested[0];
    let mut contents = ArchiveContents::default();
    let read = TarReader::new(file).seek(|entry| contents.add(entry, &mut |_| Ok(None)));
    contents.end(read.map_err(|error| first.error(error))?);
    file.rewind().map_err(|error| first.error(SourceError::Archive(error)))?;
    Ok(contents)
}

fn image(
    contents: &ArchiveContents,
    requested: &RequestedImage,
    packing: &mut PackContext<'_>,
) -> Result<super::PackedImage, SourceError> {
    let SavedDocuments { config_bytes, layers } = contents.documents_of(requested, &packing.platform)?;
    let layers = layers.into_iter().map(|(name, diff_id)| {
        let layer = contents.layer(name, diff_id)?;
        // The first one stored wins, so that images share it however theirs is compressed.
        Ok(packing.store.layer_with_diff_id(&layer.diff_id).unwrap_or(layer).clone())
    });
    let layers: Vec<Layer> = layers.collect::<Result<_, SourceError>>()?;
    packing.make_image(requested, config_bytes, layers)
}
