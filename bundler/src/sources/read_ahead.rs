//! Compressed layers that are read several at a time, since to inflate them takes most of the time; what comes of it does not depend on
//! which of them is done first.
//!
//! Memory is bounded whatever the layers are. Those in gzip, whose window is 32 KiB, are read side by side, in some 2 MiB each. A frame
//! of zstd says itself how large its window is, up to `limits::ZSTD_WINDOW_LOG`, and a layer may be many frames, so that its first one
//! bounds nothing: those layers are read one after another, all by the calling thread. The allocator keeps freed memory
//! for each thread apart, so that windows would add up if several threads had them, even in turn. In all that is one window
//! and 2 MiB for each that is read at a time.

use super::SourceError;
use crate::blob_store::BlobWriter;
use landfall_manifests::Encoding;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Layers in gzip that are read at a time, beside one in zstd, where they are on this machine.
pub(super) const MOST_AT_A_TIME: usize = 4;

/// A compressed layer that is to be read.
pub(super) struct Task<T> {
    /// The layer, in its source's own words.
    pub(super) layer: T,
    /// As it is stored, in bytes.
    pub(super) size: u64,
    pub(super) encoding: Encoding,
    pub(super) place: BlobWriter,
}

/// A task, and its number among those that are requested.
type Numbered<T> = (usize, Task<T>);

/// Reads the layers of `tasks`, of which `at_a_time` in gzip. After one that fails no further ones are begun, and none is missing before it.
pub(super) fn read_ahead<T: Copy + Send, C: Send>(
    tasks: impl IntoIterator<Item = Task<T>>,
    at_a_time: usize,
    read: impl Fn(Task<T>) -> Result<C, SourceError> + Sync,
) -> Vec<(T, Result<C, SourceError>)> {
    let tasks = tasks.into_iter().enumerate();
    let (mut in_gzip, in_zstd): (Vec<Numbered<T>>, Vec<_>) =
        tasks.partition(|(_, task)| task.encoding == Encoding::Gzip);
    // The largest first, so that none is left when the others are done. More than there are cores, too: each has begun when one ends.
    in_gzip.sort_by_key(|(_, task)| Reverse(task.size));
    let at_a_time = in_gzip.len().min(at_a_time);
    // The first one that failed, so far.
    let failed = AtomicUsize::new(usize::MAX);
    let read_all = |tasks: &Mutex<VecDeque<Numbered<T>>>| {
        let next = || {
            let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
            std::iter::from_fn(|| tasks.pop_front()).find(|(at, _)| *at < failed.load(Ordering::Relaxed))
        };
        let mut done = Vec::new();
        while let Some((at, task)) = next() {
            let layer = task.layer;
            let checked = read(task);
            if checked.is_err() {
                failed.fetch_min(at, Ordering::Relaxed);
            }
            done.push((layer, checked));
        }
        done
    };
    let [in_gzip, in_zstd] = [in_gzip, in_zstd].map(|tasks| Mutex::new(VecDeque::from(tasks)));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..at_a_time).map(|_| scope.spawn(|| read_all(&in_gzip))).collect();
        let mut done = read_all(&in_zstd);
        for thread in threads {
            done.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::blob_store::{BlobStore, CheckedLayer, check_compressed_layer};
    use flate2::{Compression, write::GzEncoder};
    use landfall_media::Destination;
    use std::sync::Condvar;
    use std::time::Duration;
    use tempfile::TempDir;

    fn store(folder: &TempDir) -> BlobStore {
        let out = Destination { path: &folder.path().join("bundle"), part_size: None };
        BlobStore::new(out, 1, Encoding::Zstd).unwrap()
    }

    /// Tasks of layers in gzip which are said to have these sizes.
    fn tasks(store: &mut BlobStore, sizes: &[u64]) -> Vec<Task<u64>> {
        let task =
            |size: &u64| Task { layer: *size, size: *size, encoding: Encoding::Gzip, place: store.reserve(*size) };
        sizes.iter().map(task).collect()
    }

    fn empty(task: Task<u64>) -> Result<CheckedLayer, SourceError> {
        let stored = GzEncoder::new(Vec::new(), Compression::fast()).finish().unwrap();
        check_compressed_layer(&*stored, task.encoding, task.place)
            .map_err(|error| SourceError::Layer(String::new(), error))
    }

    #[test]
    fn the_largest_in_gzip_are_begun_first_and_at_once_however_many_cores_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        let (begun, another) = (Mutex::new(Vec::new()), Condvar::new());
        let done = read_ahead(tasks(&mut store, &[3, 9, 1, 7, 8, 2]), MOST_AT_A_TIME, |task| {
            let mut begun = begun.lock().unwrap();
            begun.push(task.layer);
            another.notify_all();
            let (begun, waited) =
                another.wait_timeout_while(begun, Duration::from_mins(2), |begun| begun.len() < 4).unwrap();
            assert!(!waited.timed_out(), "{begun:?}");
            drop(begun);
            empty(task)
        });
        assert_eq!(done.len(), 6);
        let mut first = begun.into_inner().unwrap()[..4].to_vec();
        first.sort_unstable();
        assert_eq!(first, [3, 7, 8, 9]);
    }

    #[test]
    fn a_small_layer_before_one_that_fails_is_read_though_its_turn_comes_later() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        let done = read_ahead(tasks(&mut store, &[1, 9, 8, 7, 6, 5]), MOST_AT_A_TIME, |task| {
            if task.layer == 9 { Err(SourceError::NotTar) } else { empty(task) }
        });
        let of = |layer| done.iter().find(|(done, _)| *done == layer).map(|(_, checked)| checked.is_ok());
        assert_eq!((of(1), of(9)), (Some(true), Some(false)));
    }
}
