//! `rootfs:`: an image of one layer, made from a folder, the same bytes each time.

mod config;
mod layer;

use super::image::PackedImages;
use super::{ImageError, PackContext, PackedImage, SourceError};
use crate::definition::Process;
use crate::plan::RequestedImage;
use std::path::Path;

/// Makes the images that are wanted, each of which has the folder's content.
pub(super) fn pack(
    folder: &Path,
    process: &Process,
    wanted: &[RequestedImage],
    work: &mut PackContext<'_>,
) -> Result<PackedImages, ImageError> {
    let images = wanted.iter().map(|wanted| image(folder, process, wanted, work).map_err(|error| wanted.failed(error)));
    images.collect()
}

fn image(
    folder: &Path,
    process: &Process,
    wanted: &RequestedImage,
    work: &mut PackContext<'_>,
) -> Result<PackedImage, SourceError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let progress = work.console.progress(format!("Reading {name}/"), None);
    let packer = work.store.compressor(None)?;
    let packer = layer::write(folder, work.mtime, packer, &progress)?;
    let kept = work.store.add_layer(packer);
    let layer = kept.map_err(|error| SourceError::Layer(folder.display().to_string(), error))?;
    let config = config::config(process, &work.platform, work.created.as_deref(), layer.diff_id);
    let image = work.make_image(wanted, &config, vec![layer])?;
    progress.finish();
    Ok(image)
}
