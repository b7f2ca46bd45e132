//! The layers of a layout: compressed ones are read several at a time, since to inflate them takes most of the time; what comes of it
//! does not depend on which of them is done first.
//!
//! Memory is bounded whatever the layers are. Those in gzip, whose window is 32 KiB, are read side by side, in some 2 MiB each. A frame
//! of zstd says itself how large its window is, up to `limits::ZSTD_WINDOW_LOG`, and a layer may be many frames, so that its first one
//! bounds nothing: those layers are read one after another, all by the calling thread. The allocator keeps freed memory
//! for each thread apart, so that windows would add up if several threads had them, even in turn. In all that is one window
//! and `MOST_AT_A_TIME + 1` times 2 MiB.

use super::layout::{self, Layout};
use crate::blob_store::{BlobStore, CheckedLayer};
use crate::sources::content_kind::{ContentKind, first_block};
use crate::sources::image::check_digest;
use crate::sources::{PackContext, SourceError};
use landfall_console::Progress;
use landfall_manifests::oci::{self, Descriptor};
use landfall_manifests::{Digest, Encoding, Layer, archive};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Layers in gzip that are read at a time, beside one in zstd.
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
    /// Reads the compressed ones of `layers`, each once. After one that fails no further ones are begun, and none is missing before it.
    pub(super) fn ahead<'d>(&self, layers: impl Iterator<Item = &'d Descriptor>, store: &BlobStore) -> ReadAhead {
        let mut wanted: Vec<&Descriptor> = Vec::new();
        for layer in layers {
            // Images of one layout share their base layers, and a source before may have had them.
            if store.layer_in_blob(&layer.digest).is_none() && wanted.iter().all(|known| known.digest != layer.digest) {
                wanted.push(layer);
            }
        }
        let at_a_time = thread::available_parallelism().map_or(1, usize::from).min(MOST_AT_A_TIME).min(wanted.len());
        // The first one that failed, so far. Either encoding goes through all the layers by itself, and passes over the other's.
        let failed = AtomicUsize::new(usize::MAX);
        let read_some = |encoding: Encoding, next: &AtomicUsize| {
            let mut read = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(described) = wanted.get(at).filter(|_| at < failed.load(Ordering::Relaxed)) else { break };
                if let Some(checked) = self.compressed(described, encoding, store).transpose() {
                    if checked.is_err() {
                        failed.fetch_min(at, Ordering::Relaxed);
                    }
                    read.push((described.digest, checked));
                }
            }
            read
        };
        let next_in_gzip = AtomicUsize::new(0);
        thread::scope(|scope| {
            let in_gzip = || read_some(Encoding::Gzip, &next_in_gzip);
            let threads: Vec<_> = (0..at_a_time).map(|_| scope.spawn(in_gzip)).collect();
            let in_zstd = read_some(Encoding::Zstd, &AtomicUsize::new(0));
            let read = threads.into_iter().map(thread::ScopedJoinHandle::join);
            let in_gzip = read.flat_map(|read| read.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            in_gzip.chain(in_zstd).collect()
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

    /// Reads a layer byte for byte; nothing where it is not compressed by `encoding`.
    fn compressed(
        &self,
        described: &Descriptor,
        encoding: Encoding,
        store: &BlobStore,
    ) -> Result<Option<CheckedLayer>, SourceError> {
        let (kind, content) = self.content(described)?;
        if kind != ContentKind::Compressed(encoding) {
            return Ok(None);
        }
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

#[cfg(test)]
mod tests;
