//! The layers of a layout: compressed ones are read ahead, several at a time.

use super::layout::{self, Layout, missing, open_layer};
use crate::blob_store::{BlobStore, BlobWriter, CheckedLayer, check_compressed_layer};
use crate::cache::Cache;
use crate::sources::content_kind::{ContentKind, first_block};
use crate::sources::image::check_digest;
use crate::sources::read_ahead::{Task, read_ahead};
use crate::sources::{PackContext, SourceError};
use landfall_console::Progress;
use landfall_manifests::oci::Descriptor;
use landfall_manifests::{Blob, Digest, Encoding, Layer};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};

/// Compressed layers that were read, or why one cannot be.
pub(super) type ReadAhead = BTreeMap<Digest, Result<CheckedLayer, SourceError>>;

pub(super) struct LayerReader<'a> {
    pub(super) progress: &'a Progress,
    pub(super) cache: &'a Cache,
}

/// Looks for all of `layers`. Those that are compressed, which are stored as they are.
pub(super) fn find_compressed(layout: &impl Layout, layers: &[Descriptor]) -> Result<Vec<Blob>, SourceError> {
    let mut compressed = Vec::new();
    for described in layers {
        if matches!(layout.kind(described)?, ContentKind::Compressed(_)) {
            compressed.push(Blob { digest: described.digest, size: described.size });
        }
    }
    Ok(compressed)
}

impl LayerReader<'_> {
    /// Reads the compressed ones of `layers`, each once. After one that fails no further ones are begun, and none is missing before it.
    pub(super) fn ahead<'d, L: Layout + Sync + 'd>(
        &self,
        layers: impl Iterator<Item = (&'d L, &'d Descriptor)>,
        store: &mut BlobStore,
    ) -> ReadAhead {
        let mut read = ReadAhead::new();
        let mut tasks = Vec::new();
        let mut seen = BTreeSet::new();
        let mut at_a_time = 0;
        for (layout, described) in layers {
            // Images of one layout share their base layers, and a source before may have had them.
            if store.layer_in_blob(&described.digest).is_some() || !seen.insert(described.digest) {
                continue;
            }
            at_a_time = layout.at_a_time();
            match known(layout, described, store) {
                Ok(false) => {}
                Ok(true) => {
                    self.progress.add(described.size);
                    continue;
                }
                Err(error) => {
                    read.insert(described.digest, Err(error));
                    break;
                }
            }
            match layout.kind(described) {
                // What is compressed is as large as it is said to be, so that all places are known before the first layer is read.
                Ok(ContentKind::Compressed(encoding)) => {
                    let (size, place) = (described.size, store.reserve(described.size));
                    tasks.push(Task { layer: (layout, described), size, encoding, place });
                }
                Ok(_) => {}
                Err(error) => {
                    read.insert(described.digest, Err(error));
                    break;
                }
            }
        }
        let done = read_ahead(tasks, at_a_time, |task| {
            let (layout, described) = task.layer;
            self.compressed(layout, described, task.encoding, &task.place)
        });
        // What is not compressed as it was thought to be is read later.
        let done = done.into_iter().map(|((_, described), checked)| Some((described.digest, checked.transpose()?)));
        read.extend(done.flatten());
        read
    }

    /// Takes a layer into the store.
    pub(super) fn layer(
        &self,
        layout: &impl Layout,
        described: &Descriptor,
        ahead: &mut ReadAhead,
        packing: &mut PackContext<'_>,
    ) -> Result<Layer, SourceError> {
        let kept = |store: &mut BlobStore, checked| {
            store.keep_checked(checked).map_err(|error| SourceError::Layer(described.digest.to_string(), error))
        };
        if let Some(checked) = ahead.remove(&described.digest) {
            return kept(packing.store, checked?);
        }
        if let Some(known) = packing.store.layer_in_blob(&described.digest) {
            return Ok(known.clone());
        }
        let (kind, content) = self.content(layout, described)?;
        match kind {
            ContentKind::Tar => uncompressed(content, described, packing),
            ContentKind::Compressed(encoding) => {
                let place = packing.store.reserve(described.size);
                kept(packing.store, compressed(content, described, encoding, place)?)
            }
            _ => Err(SourceError::LayerKind(described.digest.to_string())),
        }
    }

    /// The content of a layer, and what it is.
    fn content<'l, L: Layout>(
        &self,
        layout: &'l L,
        described: &Descriptor,
    ) -> Result<(ContentKind, impl Read + use<'l, L>), SourceError> {
        // One byte more than is announced shows that the layer is too long.
        let content = self.progress.reader(open_layer(layout, described)?);
        let mut content = content.take(described.size.saturating_add(1));
        let start = first_block(&mut content).map_err(|error| missing(described, SourceError::reading(error)))?;
        Ok((ContentKind::of(&start), Cursor::new(start).chain(content)))
    }

    /// Reads a layer byte for byte, if it is compressed in this way. What is damaged may be whole elsewhere.
    fn compressed(
        &self,
        layout: &impl Layout,
        described: &Descriptor,
        encoding: Encoding,
        place: &BlobWriter,
    ) -> Result<Option<CheckedLayer>, SourceError> {
        let mut times = 1;
        loop {
            let (kind, content) = self.content(layout, described)?;
            let checked = match kind {
                ContentKind::Compressed(found) if found == encoding => {
                    // What is on this machine anyway is not kept twice.
                    let copy = layout.blob_file(described).is_none().then(|| self.cache.copy()).flatten();
                    compressed(content, described, encoding, place.clone().with_copy(copy))
                }
                ContentKind::Compressed(_) | ContentKind::Tar => return Ok(None),
                _ => Err(SourceError::LayerKind(described.digest.to_string())),
            };
            match checked {
                Err(error) if error.is_damage() && layout.distrust(times) => times += 1,
                Err(error) => return Err(error),
                Ok(mut checked) => {
                    // Now, so that nothing is pulled again where a later layer fails.
                    checked.note(self.cache);
                    return Ok(Some(checked));
                }
            }
        }
    }
}

/// Takes a layer of which all is known from an earlier build.
fn known(layout: &impl Layout, described: &Descriptor, store: &mut BlobStore) -> Result<bool, SourceError> {
    let blob = Blob { digest: described.digest, size: described.size };
    let taken = store.take_known_layer(&blob, layout.blob_file(described));
    taken.map_err(|error| SourceError::of_layer(described.digest.to_string(), error))
}

fn compressed(
    content: impl Read,
    described: &Descriptor,
    encoding: Encoding,
    place: BlobWriter,
) -> Result<CheckedLayer, SourceError> {
    let name = described.digest.to_string();
    let checked = check_compressed_layer(content, encoding, place);
    let checked = checked.map_err(|error| SourceError::of_layer(name.clone(), error))?;
    layout::check_size(&format!("layer {name}"), described.size, checked.stored())?;
    check_digest("the layer", &described.digest, &checked.blob())?;
    Ok(checked)
}

fn uncompressed(
    content: impl Read,
    described: &Descriptor,
    packing: &mut PackContext<'_>,
) -> Result<Layer, SourceError> {
    let name = described.digest.to_string();
    let of_layer = |error| SourceError::of_layer(name.clone(), error);
    let content_blob = Blob { digest: described.digest, size: described.size };
    if let Some(known) = packing.store.take_known_content(&content_blob).map_err(of_layer)? {
        return Ok(known);
    }
    let kept = packing.store.add_uncompressed_layer(content, Some(described.size));
    let layer = kept.map_err(of_layer)?;
    // The descriptor is of the bytes in the layout, which are the content itself.
    layout::check_size(&format!("layer {name}"), described.size, layer.size)?;
    check_digest("the layer", &described.digest, &layer.diff_id)?;
    Ok(layer)
}

#[cfg(test)]
mod tests;
