//! Whether the bundle that would be written is there already.

use crate::blob_store::CHUNK;
use crate::regular;
use landfall_manifests::{Hasher, Signed, archive};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Blobs that are hashed at a time.
const AT_A_TIME: usize = 4;

/// Whether the file at `path` is the bundle of `signed`, byte for byte.
pub(super) fn is_there(signed: &Signed, path: &Path) -> bool {
    compare(signed, path).unwrap_or_default()
}

fn compare(signed: &Signed, path: &Path) -> io::Result<bool> {
    let (file, metadata) = regular::open_no_follow(path)?;
    if metadata.len() != signed.bundle_bytes() {
        return Ok(false);
    }
    let mut head = Vec::new();
    signed.write_head(&mut head)?;
    if !has(&file, 0, &head)? {
        return Ok(false);
    }
    let mut end = head.len() as u64;
    let mut entries = Vec::new();
    for blob in &signed.release().blobs {
        entries.push((end, blob));
        end = end.saturating_add(archive::entry_bytes(blob.size));
    }
    let next = AtomicUsize::new(0);
    let are_equal = || -> io::Result<bool> {
        while let Some((entry, blob)) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
            let content = entry + archive::BLOCK;
            let is_framed = has(&file, *entry, &archive::header(&archive::blob_name(&blob.digest), blob.size))?
                && has_zeros(&file, content + blob.size, archive::padding(blob.size))?;
            if !is_framed || hash(&file, content, blob.size)? != blob.digest {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let threads = entries.len().min(AT_A_TIME);
    let all = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(are_equal)).collect();
        threads.into_iter().try_fold(true, |all, thread| {
            let equal = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok::<_, io::Error>(all && equal)
        })
    })?;
    Ok(all && has_zeros(&file, end, archive::END_BYTES)?)
}

fn has(file: &File, offset: u64, expected: &[u8]) -> io::Result<bool> {
    let mut found = vec![0; expected.len()];
    file.read_exact_at(&mut found, offset)?;
    Ok(found == expected)
}

fn has_zeros(file: &File, offset: u64, count: u64) -> io::Result<bool> {
    has(file, offset, &vec![0; usize::try_from(count).unwrap_or_default()])
}

fn hash(file: &File, mut offset: u64, mut left: u64) -> io::Result<landfall_manifests::Digest> {
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; CHUNK];
    while left > 0 {
        let chunk = &mut buffer[..usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
        file.read_exact_at(chunk, offset)?;
        hasher.update(chunk);
        offset += chunk.len() as u64;
        left -= chunk.len() as u64;
    }
    Ok(hasher.finish())
}
