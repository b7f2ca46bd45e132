//! Which earlier content a new one is most likely made from.

use landfall_manifests::{Content, Digest, Image, Release};
use std::collections::BTreeSet;

/// How often a content is tried, with an earlier one each.
const TRIES: usize = 2;

/// The contents of `old` that the content of `blob` in `new` may be made from, the likeliest first: of the file at the same path, of the layer at
/// the same place in the image of the same name, or of the layer that is nearest in size.
pub(super) fn candidates(blob: &Digest, new: &Release, old: &Release) -> Vec<Content> {
    let files = new.files.iter().filter(|file| file.blob == *blob);
    let same_path = files.filter_map(|file| old.files.iter().find(|other| other.path == file.path));
    let mut found: Vec<Content> = same_path.map(landfall_manifests::File::content).collect();
    for image in &new.images {
        let Some(at) = image.layers.iter().position(|layer| layer.blob == *blob) else { continue };
        let namesake = old.images.iter().find(|other| other.name == image.name);
        found.extend(namesake.into_iter().flat_map(|other| same_places(at, image, other)));
        let size = image.layers[at].size;
        let layers = old.images.iter().flat_map(|image| &image.layers);
        let near = layers.filter(|layer| layer.size / 2 <= size && size / 2 <= layer.size);
        found.extend(near.min_by_key(|layer| layer.size.abs_diff(size)).map(landfall_manifests::Layer::content));
    }
    let mut seen = BTreeSet::new();
    found.retain(|content| seen.insert(content.digest));
    found.truncate(TRIES);
    found
}

/// The layers as high above the base of the other image, and as deep below its top.
fn same_places(at: usize, image: &Image, other: &Image) -> impl Iterator<Item = Content> {
    let below_top = other.layers.len().checked_sub(image.layers.len() - at);
    let layers = [Some(at), below_top].into_iter().flatten().filter_map(|at| other.layers.get(at));
    layers.map(landfall_manifests::Layer::content).collect::<Vec<_>>().into_iter()
}
