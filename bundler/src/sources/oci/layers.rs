//! The layers of a layout: compressed ones are read several at a time, since to inflate them takes most of the time; what comes of it
//! does not depend on which of them is done first.

use super::layout::{self, Layout};
use crate::blob_store::{BlobStore, CheckedLayer};
use crate::sources::content_kind::{ContentKind, first_block};
use crate::sources::image::check_digest;
use crate::sources::{PackContext, SourceError};
use landfall_console::Progress;
use landfall_manifests::oci::{self, Descriptor};
use landfall_manifests::{Digest, Layer, archive};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Layers that are read at a time. Each takes some 2 MiB of memory, or what its zstd window is.
const MOST_AT_A_TIME: usize = 4;

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

impl<L: Layout + Sync> LayerReader<'_, L> {
    /// Reads the compressed ones of `layers`, each once. After a failure no further ones are begun, and none is missing before it.
    pub(super) fn ahead<'d>(&self, layers: impl Iterator<Item = &'d Descriptor>, store: &BlobStore) -> ReadAhead {
        let mut wanted: Vec<&Descriptor> = Vec::new();
        for layer in layers {
            // Images of one layout share their base layers, and a source before may have had them.
            if store.layer_in_blob(&layer.digest).is_none() && wanted.iter().all(|known| known.digest != layer.digest) {
                wanted.push(layer);
            }
        }
        let at_a_time = thread::available_parallelism().map_or(1, usize::from).min(MOST_AT_A_TIME).min(wanted.len());
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let read_some = || {
            let mut read = Vec::new();
            while !failed.load(Ordering::Relaxed)
                && let Some(described) = wanted.get(next.fetch_add(1, Ordering::Relaxed))
            {
                if let Some(checked) = self.compressed(described, store).transpose() {
                    failed.fetch_or(checked.is_err(), Ordering::Relaxed);
                    read.push((described.digest, checked));
                }
            }
            read
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..at_a_time).map(|_| scope.spawn(read_some)).collect();
            let read = threads.into_iter().map(thread::ScopedJoinHandle::join);
            read.flat_map(|read| read.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        })
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

    /// Reads a layer byte for byte; nothing where it is not compressed.
    fn compressed(&self, described: &Descriptor, store: &BlobStore) -> Result<Option<CheckedLayer>, SourceError> {
        let (ContentKind::Compressed(encoding), content) = self.content(described)? else { return Ok(None) };
        let name = || described.digest.to_string();
        let checked = store.check_compressed_layer(content, encoding);
        let checked = checked.map_err(|error| SourceError::Layer(name(), error))?;
        layout::check_size(&format!("layer {}", name()), described.size, checked.stored())?;
        check_digest("the layer", &described.digest, &checked.blob())?;
        Ok(Some(checked))
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
