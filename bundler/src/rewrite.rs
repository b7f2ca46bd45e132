//! A bundle written anew under other signatures.

use crate::bundle_file::BundleFile;
use landfall_console::Progress;
use landfall_manifests::{ReadError, Signed, WriteError, Writer, archive};
use std::io::{Read as _, Write};
use std::path::PathBuf;

/// A bundle cannot be written anew.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RewriteError {
    #[error("{}", path.display())]
    Refused { path: PathBuf, source: ReadError },
    #[error("{}: {entry} is damaged, from offset {offset} on", path.display())]
    Damaged { path: PathBuf, entry: String, offset: u64 },
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: WriteError },
}

/// Copies the blobs of `bundle` behind the head of `signed`, which has the same manifest, to `out`. Every blob is held
/// against the manifest, and the bundle must end where it should.
pub(crate) fn rewrite<W: Write>(
    bundle: &BundleFile,
    signed: &Signed,
    out: W,
    progress: &Progress,
) -> Result<W, RewriteError> {
    let failed = |source| RewriteError::Write { path: bundle.path.clone(), source };
    let refused = |source| RewriteError::Refused { path: bundle.path.clone(), source };
    let release = signed.release();
    let layout: u64 = release.layout.iter().map(|file| archive::entry_bytes(file.size)).sum();
    let mut offset = bundle.first_content - archive::BLOCK + layout;
    let blobs: u64 = release.blobs.iter().map(|blob| archive::entry_bytes(blob.size)).sum();
    let end = offset + blobs + archive::END_BYTES;
    if bundle.size != end {
        let entry = "the end".to_owned();
        return Err(refused(if bundle.size < end {
            ReadError::Truncated { entry, offset: bundle.size }
        } else {
            ReadError::Trailing { offset: end }
        }));
    }
    let mut writer = Writer::begin(out, signed).map_err(failed)?;
    for blob in &release.blobs {
        let unreadable = |error| refused(ReadError::of(error, &archive::blob_name(&blob.digest), offset));
        let content = bundle.reader(offset + archive::BLOCK).map_err(unreadable)?;
        let content = content.take(blob.size);
        match writer.blob(blob.digest, &mut progress.reader(content)) {
            Err(WriteError::Changed(digest)) => {
                let (path, offset) = (bundle.path.clone(), offset + archive::BLOCK);
                return Err(RewriteError::Damaged { path, entry: archive::blob_name(&digest), offset });
            }
            other => other.map_err(failed)?,
        }
        offset += archive::entry_bytes(blob.size);
    }
    writer.finish().map_err(failed)
}
