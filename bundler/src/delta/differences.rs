//! Makes the differences of a delta, in temporary files beside it.

use super::pairs::candidates;
use super::unpack::decoder;
use super::{Bases, DeltaError};
use crate::difference;
use landfall_console::Progress;
use landfall_manifests::difference::apply;
use landfall_manifests::{Base, Blob, Content, Difference, Digest, Release, archive};
use landfall_media::UnverifiedBundle;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Smaller blobs are in the delta as they are: an entry of the archive takes a kilobyte, and the manifest's line half of one.
const SMALLEST: u64 = 16 << 10;
/// The settings are read before anything is made.
const SETTINGS: &str = crate::plan::CONFIG_PATH;
const CHUNK: usize = 256 << 10;

/// The differences of a delta, and their content.
pub(super) struct Made {
    pub(super) differences: Vec<Difference>,
    pub(super) contents: Vec<File>,
}

/// Makes a difference of each blob in `full` that is not left out, if it is smaller than the blob by a fifth at least. The temporary files are
/// in `folder`.
pub(super) fn make(
    full: &UnverifiedBundle,
    release: &Release,
    bases: &Bases,
    base: &Base,
    folder: &Path,
    progress: &Progress,
) -> Result<Made, DeltaError> {
    let mut made = Made { differences: Vec::new(), contents: Vec::new() };
    let contents = release.single_contents();
    let mut deltas = BTreeSet::new();
    for (blob, offset) in full.blobs(release) {
        progress.add(blob.size);
        let is_settings = release.files.iter().any(|file| file.path.as_str() == SETTINGS && file.blob == blob.digest);
        let content = contents.get(&blob.digest).filter(|_| blob.size >= SMALLEST && !is_settings);
        let Some(content) = content.filter(|_| !base.omitted.contains(&blob.digest)) else { continue };
        let mut best: Option<(Content, Digest, u64, File)> = None;
        for from in bases.releases().flat_map(|old| candidates(&blob.digest, release, old)) {
            let Some(unpacked) = bases.unpacked(&from, folder)? else { continue };
            let (digest, size, file) = one(full, &blob, offset, content, &unpacked, from.size, folder)?;
            // Four fifths, without an overflow.
            let is_worth_it = size < blob.size / 5 * 4;
            if is_worth_it && best.as_ref().is_none_or(|(_, _, least, _)| size < *least) {
                best = Some((from, digest, size, file));
            }
        }
        if let Some((from, delta, size, file)) = best
            && deltas.insert(delta)
        {
            made.differences.push(Difference { blob: blob.digest, from, delta, size });
            made.contents.push(file);
        }
    }
    Ok(made)
}

/// The difference that makes `content`, whose blob is at `offset` of the bundle, from `base`. It is tried at once.
fn one(
    full: &UnverifiedBundle,
    blob: &Blob,
    offset: u64,
    content: &Content,
    base: &File,
    base_size: u64,
    folder: &Path,
) -> Result<(Digest, u64, File), DeltaError> {
    let failed = |source| DeltaError::Make { blob: blob.digest, source };
    let stored = full.at(offset.saturating_add(archive::BLOCK)).take(blob.size);
    let mut content_reader = decoder(stored, content.encoding).map_err(failed)?;
    let mut file = tempfile::tempfile_in(folder).map_err(failed)?;
    let mut out = BufWriter::with_capacity(CHUNK, &file);
    difference::write(base, base_size, &mut content_reader, content.size, &mut out).map_err(failed)?;
    out.flush().map_err(failed)?;
    drop(out);
    file.rewind().map_err(failed)?;
    let (digest, size) = Digest::of_reader(&file).map_err(failed)?;
    file.rewind().map_err(failed)?;
    // Also holds what was read against the manifest: the blob itself is not copied.
    let base_at = |offset, buffer: &mut [u8]| base.read_exact_at(buffer, offset);
    let mut reader = BufReader::with_capacity(CHUNK, &file);
    apply(&mut reader, base_size, base_at, content.digest, content.size, &mut io::sink())
        .map_err(|error| failed(io::Error::other(error)))?;
    drop(reader);
    file.rewind().map_err(failed)?;
    Ok((digest, size, file))
}
