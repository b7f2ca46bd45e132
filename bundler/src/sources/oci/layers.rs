//! The layers of a layout: compressed ones are read ahead, several at a time.

use super::layout::{self, Layout};
use crate::blob_store::{BlobStore, CheckedLayer, check_compressed_layer};
use crate::sources::content_kind::{ContentKind, first_block};
use crate::sources::image::check_digest;
use crate::sources::read_ahead::{Task, read_ahead};
use crate::sources::{PackContext, SourceError};
use landfall_console::Progress;
use landfall_manifests::oci::{self, Descriptor};
use landfall_manifests::{Blob, Digest, Layer, archive};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};

/// Compressed layers that were read, or why one cannot be.
pub(super) type ReadAhead = BTreeMap<Digest, Result<CheckedLayer, SourceError>>;

pub(super) struct LayerReader<'a, L> {
    pub(super) layout: &'a L,
    pub(super) progress: &'a Progress,
}

/// Opens a layer.
pub(super) fn open(layout: &impl Layout, described: &Descriptor) -> Result<Box<dyn Read>, SourceError> {
    layout.open(&archive::blob_name(&described.digest)).map_err(|error| match error {
        SourceError::NoEntry(_) if oci::is_foreign(&described.media_type) => {
            SourceError::Foreign(described.digest.to_string())
        }
        SourceError::NoEntry(_) => SourceError::NoLayer { digest: described.digest, name: None },
        other => other,
    })
}

/// Looks for all of `layers`. Those that are compressed, which are stored as they are.
pub(super) fn find_compressed(layout: &impl Layout, layers: &[Descriptor]) -> Result<Vec<Blob>, SourceError> {
    let mut compressed = Vec::new();
    for described in layers {
        let start = first_block(&mut open(layout, described)?).map_err(SourceError::reading)?;
        if matches!(ContentKind::of(&start), ContentKind::Compressed(_)) {
            compressed.push(Blob { digest: described.digest, size: described.size });
        }
    }
    Ok(compressed)
}

impl<L: Layout + Sync> LayerReader<'_, L> {
    /// Reads the compressed ones of `layers`, each once. After one that fails no further ones are begun, and none is missing before it.
    pub(super) fn ahead<'d>(&self, layers: impl Iterator<Item = &'d Descriptor>, store: &mut BlobStore) -> ReadAhead {
        let mut read = ReadAhead::new();
        let mut tasks = Vec::new();
        let mut seen = BTreeSet::new();
        for described in layers {
            // Images of one layout share their base layers, and a source before may have had them.
            if store.layer_in_blob(&described.digest).is_some() || !seen.insert(described.digest) {
                continue;
            }
            match self.content(described).map(|(kind, _)| kind) {
                // What is compressed is as large as it is said to be, so that all places are known before the first layer is read.
                Ok(ContentKind::Compressed(encoding)) => {
                    let (size, place) = (described.size, store.reserve(described.size));
                    tasks.push(Task { layer: described, size, encoding, place });
                }
                Ok(_) => {}
                Err(error) => {
                    read.insert(described.digest, Err(error));
                    break;
                }
            }
        }
        let done = read_ahead(tasks, |task| self.compressed(task));
        read.extend(done.into_iter().map(|(described, checked)| (described.digest, checked)));
        read
    }

    /// Takes a layer into the store.
    pub(super) fn layer(
        &self,
        described: &Descriptor,
        ahead: &mut ReadAhead,
        packing: &mut PackContext<'_>,
    ) -> Result<Layer, SourceError> {
        if let Some(checked) = ahead.remove(&described.digest) {
            let kept = packing.store.keep_checked(checked?);
            return kept.map_err(|error| SourceError::Layer(described.digest.to_string(), error));
        }
        match packing.store.layer_in_blob(&described.digest) {
            Some(known) => Ok(known.clone()),
            None => self.uncompressed(described, packing),
        }
    }

    /// The content of a layer, and what it is.
    fn content(&self, described: &Descriptor) -> Result<(ContentKind, impl Read + use<L>), SourceError> {
        // One byte more than is announced shows that the layer is too long.
        let content = self.progress.reader(open(self.layout, described)?);
        let mut content = content.take(described.size.saturating_add(1));
        let start = first_block(&mut content).map_err(SourceError::reading)?;
        Ok((ContentKind::of(&start), Cursor::new(start).chain(content)))
    }

    /// Reads a layer byte for byte.
    fn compressed(&self, task: Task<&Descriptor>) -> Result<CheckedLayer, SourceError> {
        let Task { layer: described, encoding, place, .. } = task;
        let (_, content) = self.content(described)?;
        let name = || described.digest.to_string();
        let checked = check_compressed_layer(content, encoding, place);
        let checked = checked.map_err(|error| SourceError::Layer(name(), error))?;
        layout::check_size(&format!("layer {}", name()), described.size, checked.stored())?;
        check_digest("the layer", &described.digest, &checked.blob())?;
        Ok(checked)
    }

    fn uncompressed(&self, described: &Descriptor, packing: &mut PackContext<'_>) -> Result<Layer, SourceError> {
        let name = described.digest.to_string();
        let (kind, content) = self.content(described)?;
        if kind != ContentKind::Tar {
            return Err(SourceError::LayerKind(name));
        }
        let kept = packing.store.add_uncompressed_layer(content, Some(described.size));
        let layer = kept.map_err(|error| SourceError::Layer(name.clone(), error))?;
        // The descriptor is of the bytes in the layout, which are the content itself.
        layout::check_size(&format!("layer {name}"), described.size, layer.size)?;
        check_digest("the layer", &described.digest, &layer.diff_id)?;
        Ok(layer)
    }
}

#[cfg(test)]
mod tests;
