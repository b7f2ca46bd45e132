//! `docker-archive:` and everything else that speaks `docker save`'s format: one pass over a stream, or the layers of a file where they lie.

mod contents;
mod layers;
mod select;

use super::archives::{self, Archives};
use super::decompressed::Compression;
use super::image::{ImageOutline, PackedImages, unknown};
use super::tar_reader::TarReader;
use super::{ImageError, PackContext, SourceError};
use crate::blob_store::{BlobStore, CHUNK};
use crate::definition::ArchivePath;
use crate::plan::RequestedImage;
use contents::{ArchiveContents, LayerEntry, SavedDocuments};
use landfall_manifests::{Layer, oci::Platform};
use layers::WantedLayers;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _};

/// An archive that can be read.
pub(super) enum OpenedArchive {
    /// Any part of it, at any time.
    Plain(File),
    /// From its beginning to its end.
    Compressed { file: File, compression: Compression },
    /// Only while it is packed.
    Unread,
}

/// Opens an archive.
pub(super) fn open(
    path: &ArchivePath,
    archives: &Archives,
    store: Option<&BlobStore>,
) -> Result<OpenedArchive, SourceError> {
    let Some(file) = path.file() else {
        return archives
            .open(path, store)
            .map(|tar| tar.map_or(OpenedArchive::Unread, |tar| OpenedArchive::Plain(tar.file)));
    };
    Ok(match archives::open(file)? {
        (file, None) => OpenedArchive::Plain(file),
        (file, Some(compression)) => OpenedArchive::Compressed { file, compression },
    })
}

/// Takes images from an archive, which may be compressed.
pub(super) fn pack_file(
    path: &ArchivePath,
    requested: &[RequestedImage],
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    let first = &requested[0];
    let name = path.name();
    let reading = |total| packing.console.progress(format!("Reading {name}"), Some(total));
    let file = match open(path, packing.archives, Some(&*packing.store)).map_err(|error| first.error(error))? {
        OpenedArchive::Plain(file) => file,
        OpenedArchive::Unread => return Ok(Vec::new()),
        OpenedArchive::Compressed { file, compression } => {
            let size = file.metadata().map_err(|error| first.error(SourceError::Archive(error)))?.len();
            let progress = reading(size);
            let stream = compression.unpack(progress.reader(file));
            let stream = stream.map_err(|error| first.error(SourceError::reading(error)))?;
            let packed = pack_stream(stream, requested, packing)?;
            progress.finish();
            return Ok(packed);
        }
    };
    let mut contents = look(&file, requested)?;
    let wanted = wanted_layers(&contents, requested, &packing.platform)?;
    let progress = reading(wanted.keys().filter_map(|name| contents.layer_file(name)).map(|layer| layer.size).sum());
    let taken = layers::take(&file, &mut contents, &wanted, packing.store, &progress);
    // Of the archive as a whole: an error in it is reported at the first image's line.
    taken.map_err(|error| first.error(error))?;
    progress.finish();
    images(&contents, requested, packing)
}

/// Looks for the images in an archive. Of one that is compressed only the beginning is read.
pub(super) fn find_in_file(
    archive: Result<OpenedArchive, SourceError>,
    requested: &[RequestedImage],
    platform: &Platform,
) -> Result<Vec<ImageOutline>, ImageError> {
    let name = |requested: &RequestedImage| requested.image.clone();
    let file = match archive.map_err(|error| requested[0].error(error))? {
        OpenedArchive::Plain(file) => file,
        OpenedArchive::Compressed { .. } | OpenedArchive::Unread => return Ok(unknown(requested)),
    };
    let contents = look(&file, requested)?;
    let outline = |requested: &RequestedImage| {
        let found = contents.documents_of(requested, platform).map_err(|error| requested.error(error))?;
        let config = Some(found.config_bytes.to_vec());
        // Other sources may have the same layers otherwise compressed, which would then be stored.
        Ok(ImageOutline { name: name(requested), layers: found.layers.len(), config, kept: Vec::new() })
    };
    requested.iter().map(outline).collect()
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
