//! `rootfs:`: an image of one layer, made from a folder, the same bytes each time.

use super::config_document;
use super::image::{ImageOutline, PackedImages};
use super::layer_writer::{Found, LayerWriter};
use super::{ImageError, PackContext, PackedImage, SourceError};
use crate::definition::{FileOwner, Process};
use crate::plan::RequestedImage;
use landfall_manifests::oci::Platform;
use std::io;
use std::path::Path;
use walkdir::WalkDir;

/// Makes the images that are requested, each of which has the folder's content.
pub(super) fn pack(
    folder: &Path,
    process: &Process,
    owner: FileOwner,
    requested: &[RequestedImage],
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    let images = requested
        .iter()
        .map(|requested| image(folder, process, owner, requested, packing).map_err(|error| requested.error(error)));
    images.collect()
}

/// Looks for the folder.
pub(super) fn find(
    folder: &Path,
    process: &Process,
    requested: &[RequestedImage],
    platform: &Platform,
) -> Result<Vec<ImageOutline>, ImageError> {
    let found = || {
        check_is_folder(folder)?;
        config_document::made(process, platform, None, &[])
    };
    let config = found().map_err(|error| requested[0].error(error))?;
    let outline = |requested: &RequestedImage| ImageOutline {
        name: requested.image.clone(),
        layers: 1,
        config: Some(config.clone()),
        kept: Vec::new(),
    };
    Ok(requested.iter().map(outline).collect())
}

fn check_is_folder(folder: &Path) -> Result<(), SourceError> {
    if folder.metadata().map_err(SourceError::read(folder))?.is_dir() {
        return Ok(());
    }
    Err(SourceError::Read { path: folder.to_owned(), source: io::ErrorKind::NotADirectory.into() })
}

fn image(
    folder: &Path,
    process: &Process,
    owner: FileOwner,
    requested: &RequestedImage,
    packing: &mut PackContext<'_>,
) -> Result<PackedImage, SourceError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let progress = packing.console.progress(format!("Reading {name}/"), None);
    check_is_folder(folder)?;
    let mut layer = LayerWriter::new(packing.store.layer_compressor(None)?, packing.mtime, &progress);
    // Sorted, since readdir(3) gives names in no order: the same folder gives the same layer.
    for entry in WalkDir::new(folder).min_depth(1).follow_root_links(true).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_owned();
            SourceError::Read { path, source: error.into() }
        })?;
        // Of the entry itself: a link is packed as a link, wherever it leads on this machine.
        let metadata = entry.path().symlink_metadata().map_err(SourceError::read(entry.path()))?;
        let below = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        layer.add(below, &Found { root: folder, below, metadata, owner })?;
    }
    let layer = layer.finish()?.keep_layer();
    let layer = layer.map_err(|error| SourceError::Layer(folder.display().to_string(), error))?;
    let config = config_document::made(process, &packing.platform, packing.created.as_deref(), &[layer.diff_id])?;
    let image = packing.make_image(requested, &config, vec![layer])?;
    progress.finish();
    Ok(image)
}
