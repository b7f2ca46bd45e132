//! Verifies every byte of a bundle: on all cores, or from the first to the last where media have to be changed.

use crate::media::Media;
use landfall_console::Progress;
use landfall_manifests::{Bundle, Entry, ReadError};
use std::io::{self, Write};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most threads that read at once: more make no medium faster, and each has a buffer of 256 KiB.
const MAX_THREADS: usize = 8;

/// Reads the whole bundle and compares every byte with what it has to be. Returns what is damaged, first offset first.
pub fn verify(media: &Media, bundle: &Bundle, progress: &Progress) -> Vec<ReadError> {
    let mut queue: Vec<&Entry> = bundle.entries().iter().collect();
    // A medium that has to be changed is read once through: threads would ask for several at the same time.
    let threads = if media.is_complete() { threads(queue.len()) } else { 1 };
    if threads > 1 {
        // Large entries first, so that no thread is left with a large one at the end.
        queue.sort_by_key(|entry| std::cmp::Reverse(entry.size));
    }
    let (next, damage) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| check_entries(media, &queue, &next, &damage, progress));
        }
    });
    let mut damage = damage.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    // Threads find damage in any order; people and repair requests want the bundle's.
    damage.sort_by_key(|(offset, _)| *offset);
    let mut damage: Vec<ReadError> = damage.into_iter().map(|(_, error)| error).collect();
    // After the entries, whose errors come first in the archive as well.
    damage.extend(media.check_end(bundle).err());
    damage
}

fn threads(entries: usize) -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS).min(entries)
}

fn check_entries(
    media: &Media,
    queue: &[&Entry],
    next: &AtomicUsize,
    damage: &Mutex<Vec<(u64, ReadError)>>,
    progress: &Progress,
) {
    // Relaxed: each number is handed out once, and nothing else is passed on by it.
    while let Some(entry) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
        if let Err(error) = entry.read(&mut media.at(entry.offset), &mut Counter(progress)) {
            // A damaged entry does not end the pass: one repair request is to name all of them.
            let mut damage = damage.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            damage.push((entry.offset, error));
        }
    }
}

/// A sink that counts what is written to it.
struct Counter<'a>(&'a Progress);

impl Write for Counter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
