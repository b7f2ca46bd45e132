#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::cache::Cache;
use flate2::{Compression, write::GzEncoder};
use landfall_manifests::oci::ImageIndex;
use landfall_manifests::{Hasher, archive};
use landfall_media::Destination;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How many layers in zstd are being read, and which threads have read one.
#[derive(Default)]
struct Reads {
    now: usize,
    most: usize,
    threads: Vec<thread::ThreadId>,
}

#[derive(Default)]
struct Watched {
    files: BTreeMap<String, Vec<u8>>,
    reads: Arc<Mutex<Reads>>,
}

impl Watched {
    /// Adds a layer, whose descriptor it gives.
    fn add(&mut self, stored: Vec<u8>) -> Descriptor {
        let described = Descriptor::new("", Digest::of(&stored), stored.len() as u64);
        self.files.insert(archive::blob_name(&described.digest), stored);
        described
    }

    fn ahead(&self, layers: &[Descriptor]) -> ReadAhead {
        let folder = tempfile::tempdir().unwrap();
        let out = Destination { path: &folder.path().join("bundle"), part_size: None };
        let mut store = BlobStore::new(out, 1, Encoding::Zstd).unwrap();
        let layers = layers.iter().map(|layer| (self, layer));
        LayerReader { progress: &Progress::hidden(), cache: &Cache::default() }.ahead(layers, &mut store)
    }
}

impl Layout for Watched {
    fn index(&self) -> Result<ImageIndex, SourceError> {
        Ok(ImageIndex::new(Vec::new()))
    }

    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + '_>, SourceError> {
        let name = archive::blob_name(&blob.digest);
        let stored = self.files.get(&name).cloned().ok_or(SourceError::NoEntry(name))?;
        Ok(Box::new(WatchedLayer { content: Cursor::new(stored), reads: Arc::clone(&self.reads), counted: false }))
    }
}

/// A layer that counts from its second block on: the first one only shows what it is.
struct WatchedLayer {
    content: Cursor<Vec<u8>>,
    reads: Arc<Mutex<Reads>>,
    counted: bool,
}

impl Read for WatchedLayer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let in_zstd = self.content.get_ref().starts_with(b"\x28\xb5\x2f\xfd");
        if in_zstd && !self.counted && self.content.position() >= archive::BLOCK {
            self.counted = true;
            let mut reads = self.reads.lock().unwrap();
            reads.now += 1;
            reads.most = reads.most.max(reads.now);
            reads.threads.push(thread::current().id());
            drop(reads);
            // Time for others to begin.
            thread::sleep(Duration::from_millis(50));
        }
        self.content.read(buffer)
    }
}

impl Drop for WatchedLayer {
    fn drop(&mut self) {
        self.reads.lock().unwrap().now -= usize::from(self.counted);
    }
}

/// Content of several blocks that no encoder makes smaller.
fn content(seed: u8) -> Vec<u8> {
    let digest = |number: u8| {
        let mut hasher = Hasher::default();
        hasher.update(&[seed, number]);
        hasher.finish().to_string().into_bytes()
    };
    (0..64).flat_map(digest).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn one_window_of_zstd_is_held_at_a_time_and_by_one_thread() {
    let mut layout = Watched::default();
    let mut layers = Vec::new();
    for seed in 0..6 {
        layers.push(layout.add(zstd::encode_all(&*content(seed), 1).unwrap()));
        layers.push(layout.add(gzip(&content(100 + seed))));
    }
    let ahead = layout.ahead(&layers);
    assert_eq!(ahead.len(), layers.len());
    for layer in &layers {
        assert_eq!(ahead[&layer.digest].as_ref().unwrap().blob(), layer.digest);
    }
    let reads = layout.reads.lock().unwrap();
    assert_eq!((reads.most, reads.threads.len()), (1, 6));
    assert!(reads.threads.iter().all(|thread| *thread == thread::current().id()), "{:?}", reads.threads);
}

#[test]
fn no_layer_is_missing_before_the_first_that_fails() {
    let mut layout = Watched::default();
    let mut in_zstd = |seed| layout.add(zstd::encode_all(&*content(seed), 1).unwrap());
    let mut layers = vec![in_zstd(0), in_zstd(1), in_zstd(2)];
    // Found long before those in zstd are done.
    layers.push(layout.add(gzip(&content(3))[..1000].to_vec()));
    let ahead = layout.ahead(&layers);
    assert!(layers[..3].iter().all(|layer| ahead[&layer.digest].is_ok()));
    assert!(ahead[&layers[3].digest].is_err());
}

#[test]
fn no_layer_is_begun_after_one_that_failed() {
    let mut layout = Watched::default();
    let stored = |seed| zstd::encode_all(&*content(seed), 1).unwrap();
    let layers = [layout.add(stored(0)), layout.add(stored(1)[..1000].to_vec()), layout.add(stored(2))];
    let ahead = layout.ahead(&layers);
    assert!(ahead[&layers[0].digest].is_ok());
    assert!(ahead[&layers[1].digest].is_err());
    assert!(!ahead.contains_key(&layers[2].digest));
}
