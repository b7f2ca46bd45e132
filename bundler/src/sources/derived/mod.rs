//! Images that are built on a base: its layers as they are, one more, and its configuration with some changes.

mod base_tree;
mod error;
mod layer;

pub(crate) use error::AddError;

use super::config_document::derived;
use super::image::{ImageOutline, parse_config};
use super::layer_writer::LayerWriter;
use super::{ImageError, PackContext, PackedImage, SourceError};
use crate::plan::DerivedImage;
use base_tree::BaseTree;
use landfall_manifests::oci::Platform;
use landfall_manifests::{Digest, Layer, limits};

/// Looks for what is added, and turns the outlines of bases into those of the images that are built on them.
pub(super) fn find(
    images: &[DerivedImage],
    outlines: &mut [ImageOutline],
    platform: &Platform,
) -> Result<(), ImageError> {
    for image in images {
        let outline = outlines.iter_mut().find(|outline| outline.name == image.base.image);
        let turned = outline.map_or(Ok(()), |outline| turn(image, outline, platform));
        turned.map_err(|error| image.base.error(error))?;
    }
    Ok(())
}

fn turn(image: &DerivedImage, outline: &mut ImageOutline, platform: &Platform) -> Result<(), SourceError> {
    image.additions.iter().try_for_each(|addition| layer::look(addition).map(drop))?;
    let added = vec![Digest::of(&[]); usize::from(!image.additions.is_empty())];
    if let Some(config) = &mut outline.config {
        *config = derived(config, &image.process, None, &added)?;
        parse_config(config, platform)?;
    }
    // Some sources only say how many layers there are at most, which is as many as an image may have.
    outline.layers = outline.layers.saturating_add(added.len()).min(limits::LAYERS);
    Ok(())
}

/// Makes the image on `base`, which is packed.
pub(super) fn pack(
    image: &DerivedImage,
    base: &PackedImage,
    packing: &mut PackContext<'_>,
) -> Result<PackedImage, SourceError> {
    let added = match image.additions.as_slice() {
        [] => None,
        _ => Some(add(image, base, packing)?),
    };
    let diff_ids: Vec<Digest> = added.iter().map(|layer| layer.diff_id).collect();
    let config = packing.store.read(&base.config)?;
    let config = derived(&config, &image.process, packing.created.as_deref(), &diff_ids)?;
    packing.make_image(&image.base, &config, base.layers.iter().cloned().chain(added).collect())
}

/// Takes the layer that is put onto `base` into the store.
fn add(image: &DerivedImage, base: &PackedImage, packing: &mut PackContext<'_>) -> Result<Layer, SourceError> {
    let facts = base.layers.iter().filter_map(|layer| packing.store.shared_facts_of(&layer.blob));
    let tree = BaseTree::new(facts.collect())?;
    let progress = packing.console.progress(format!("Adding to {}", image.base.image), None);
    let writer = LayerWriter::new(packing.store.layer_compressor(None)?, packing.mtime, &progress);
    let layer = layer::write(&image.additions, tree, writer)?.keep_layer();
    progress.finish();
    layer.map_err(|error| SourceError::Layer("that is added".to_owned(), error))
}
