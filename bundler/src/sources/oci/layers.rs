//! The layers of a layout: compressed ones are read several at a time, since to inflate them takes most of the time; what comes of it
//! does not depend on which of them is done first.
//!
//! Memory is bounded whatever the layers are. Those in gzip, whose window is 32 KiB, are read side by side, in some 2 MiB each. A frame
//! of zstd says itself how large its window is, up to `limits::ZSTD_WINDOW_LOG`, and a layer may be many frames, so that its first one
//! bounds nothing: those layers are read one after another, all by the calling thread. The allocator keeps freed memory
//! for each thread apart, so that windows would add up if several threads had them, even in turn. In all that is one window
//! and `MOST_AT_A_TIME + 1` times 2 MiB.

use super::layout::{self, Layout};
use crate::blob_store::{BlobStore, BlobWriter, CheckedLayer, check_compressed_layer};
use crate::sources::content_kind::{ContentKind, first_block};
use crate::sources::image::check_digest;
use crate::sources::{PackContext, SourceError};
use landfall_console::Progress;
use landfall_manifests::oci::{self, Descriptor};
use landfall_manifests::{Digest, Encoding, Layer, archive};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Cursor, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Layers in gzip that are read at a time, beside one in zstd.
const MOST_AT_A_TIME: usize = 4;

/// Compressed layers that were read, or why one cannot be.
pub(super) type ReadAhead = BTreeMap<Digest, Result<CheckedLayer, SourceError>>;

/// A compressed layer that is to be read.
struct Task<'d> {
    /// Its number among the layers that are requested.
    at: usize,
    described: &'d Descriptor,
    encoding: Encoding,
    place: BlobWriter,
}

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
    pub(super) fn ahead<'d>(&self, layers: impl Iterator<Item = &'d Descriptor>, store: &mut BlobStore) -> ReadAhead {
        let mut read = ReadAhead::new();
        let (mut in_gzip, mut in_zstd) = (VecDeque::new(), VecDeque::new());
        let mut seen = BTreeSet::new();
        for (at, described) in layers.enumerate() {
            // Images of one layout share their base layers, and a source before may have had them.
            if store.layer_in_blob(&described.digest).is_some() || !seen.insert(described.digest) {
                continue;
            }
            // What is compressed is as large as it is said to be, so that all places are known before the first layer is read.
            let mut task = |encoding| Task { at, described, encoding, place: store.reserve(described.size) };
            match self.content(described).map(|(kind, _)| kind) {
                Ok(ContentKind::Compressed(Encoding::Gzip)) => in_gzip.push_back(task(Encoding::Gzip)),
                Ok(ContentKind::Compressed(Encoding::Zstd)) => in_zstd.push_back(task(Encoding::Zstd)),
                Ok(_) => {}
                Err(error) => {
                    read.insert(described.digest, Err(error));
                    break;
                }
            }
        }
        let at_a_time = thread::available_parallelism().map_or(1, usize::from).min(MOST_AT_A_TIME).min(in_gzip.len());
        // The first one that failed, so far.
        let failed = AtomicUsize::new(usize::MAX);
        let read_all = |tasks: &Mutex<VecDeque<Task<'d>>>| {
            let mut read = Vec::new();
            let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            while let Some(task) = next().filter(|task| task.at < failed.load(Ordering::Relaxed)) {
                let (at, digest) = (task.at, task.described.digest);
                let checked = self.compressed(task);
                if checked.is_err() {
                    failed.fetch_min(at, Ordering::Relaxed);
                }
                read.push((digest, checked));
            }
            read
        };
        let (in_gzip, in_zstd) = (Mutex::new(in_gzip), Mutex::new(in_zstd));
        thread::scope(|scope| {
            let threads: Vec<_> = (0..at_a_time).map(|_| scope.spawn(|| read_all(&in_gzip))).collect();
            read.extend(read_all(&in_zstd));
            for thread in threads {
                read.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
        });
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
    fn compressed(&self, task: Task<'_>) -> Result<CheckedLayer, SourceError> {
        let Task { described, encoding, place, .. } = task;
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
