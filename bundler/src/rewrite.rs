//! Blobs out of a bundle that exists, into a bundle or a patch with the same manifest.

use crate::bundle_file::{BundleError, BundleFile};
use landfall_console::Progress;
use landfall_manifests::{Digest, ReadError, Signed, WriteError, Writer, archive};
use std::collections::BTreeSet;
use std::io::{Read as _, Write};
use std::path::PathBuf;

/// A bundle cannot be written anew.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RewriteError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
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
    bundle.check_size(signed.release())?;
    let writer = Writer::begin(out, signed).map_err(|source| failed(bundle, source))?;
    copy(bundle, signed, writer, |_| true, progress)
}

/// Writes the patch that holds `wanted` of the blobs of `bundle`, whose head is `signed`. Every blob is held against the
/// manifest.
pub(crate) fn extract<W: Write>(
    bundle: &BundleFile,
    signed: &Signed,
    wanted: &BTreeSet<Digest>,
    out: W,
    progress: &Progress,
) -> Result<W, RewriteError> {
    let writer = Writer::begin_patch(out, signed, wanted).map_err(|source| failed(bundle, source))?;
    copy(bundle, signed, writer, |blob| wanted.contains(blob), progress)
}

fn copy<W: Write>(
    bundle: &BundleFile,
    signed: &Signed,
    mut writer: Writer<W>,
    is_wanted: impl Fn(&Digest) -> bool,
    progress: &Progress,
) -> Result<W, RewriteError> {
    for (blob, offset) in bundle.blobs(signed.release()).filter(|(blob, _)| is_wanted(&blob.digest)) {
        let content_offset = offset.saturating_add(archive::BLOCK);
        let content = bundle.reader(content_offset).take(blob.size);
        let entry = archive::blob_name(&blob.digest);
        match writer.blob(blob.digest, &mut progress.reader(content)) {
            Err(WriteError::Blob { source, .. }) => {
                return Err(bundle.refused(ReadError::of(source, &entry, content_offset)).into());
            }
            Err(WriteError::Changed(_)) => return Err(bundle.damaged(blob, content_offset).into()),
            other => other.map_err(|source| failed(bundle, source))?,
        }
    }
    writer.finish().map_err(|source| failed(bundle, source))
}

fn failed(bundle: &BundleFile, source: WriteError) -> RewriteError {
    RewriteError::Write { path: bundle.path.clone(), source }
}
