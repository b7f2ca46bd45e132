//! `rootfs:`: an image of one layer, made from a folder, the same bytes each time.

mod attributes;
mod config;
mod layer;

use super::image::{ImageOutline, PackedImages};
use super::{ImageError, PackContext, PackedImage, SourceError};
use crate::definition::{Owners, Process};
use crate::plan::RequestedImage;
use std::path::Path;

/// Makes the images that are requested, each of which has the folder's content.
pub(super) fn pack(
    folder: &Path,
    process: &Process,
    owners: Owners,
    requested: &[RequestedImage],
    packing: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    let images = requested
        .iter()
        .map(|requested| image(folder, process, owners, requested, packing).map_err(|error| requested.error(error)));
    images.collect()
}

/// Looks for the folder.
pub(super) fn find(folder: &Path, requested: &[RequestedImage]) -> Result<Vec<ImageOutline>, ImageError> {
    layer::check_is_folder(folder).map_err(|error| requested[0].error(error))?;
    // The configuration that is made for it has no volumes.
    let outline = |requested: &RequestedImage| ImageOutline {
        name: requested.image.clone(),
        layers: 1,
        config: Some(b"{}".to_vec()),
        kept: Vec::new(),
    };
    Ok(requested.iter().map(outline).collect())
}

fn image(
    folder: &Path,
    process: &Process,
    owners: Owners,
    requested: &RequestedImage,
    packing: &mut PackContext<'_>,
) -> Result<PackedImage, SourceError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let progress = packing.console.progress(format!("Reading {name}/"), None);
    let packer = packing.store.layer_compressor(None)?;
    let packer = layer::write(folder, packing.mtime, owners, packer, &progress)?;
    let layer = packer.keep_layer().map_err(|error| SourceError::Layer(folder.display().to_string(), error))?;
    let config = config::config(process, &packing.platform, packing.created.as_deref(), layer.diff_id);
    let image = packing.make_image(requested, &config, vec![layer])?;
    progress.finish();
    Ok(image)
}
