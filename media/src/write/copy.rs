//! Copies blobs out of a bundle, into a bundle or a patch with the same manifest. The manifest need not be verified, but every
//! blob is compared with it, so that no damage is copied.

use crate::errors::bundle_error::BundleError;
use crate::unverified::UnverifiedBundle;
use landfall_console::Progress;
use landfall_manifests::{Digest, ReadError, Release, Signed, WriteError, Writer, archive};
use std::collections::BTreeSet;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

/// A bundle cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It is damaged.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The copy cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The path of the copy, or of the bundle where the copy's is not known ([`CopyError::to`]).
        path: PathBuf,
        /// Why.
        source: WriteError,
    },
}

impl CopyError {
    /// The same of a copy that goes to `path`.
    #[must_use]
    pub fn to(self, path: &Path) -> Self {
        match self {
            Self::Write { source, .. } => Self::Write { path: path.to_owned(), source },
            bundle @ Self::Bundle(_) => bundle,
        }
    }
}

impl UnverifiedBundle {
    /// Writes the bundle to `out` with the head of `signed`, which has the same manifest. Returns `out`.
    ///
    /// # Errors
    /// The bundle is damaged or does not end where it should, or `out` cannot be written.
    pub fn copy_to<W: Write>(&self, signed: &Signed, out: W, progress: &Progress) -> Result<W, CopyError> {
        // Before the first byte is written: a bundle that lacks its last
        // part would otherwise be found out after minutes of copying.
        self.check_size(signed.release())?;
        let writer = Writer::begin(out, signed).map_err(|source| self.cannot_write(source))?;
        let written = self.copy_blobs(signed.release(), writer, |_| true, progress)?;
        written.finish().map_err(|source| self.cannot_write(source))
    }

    /// Writes the patch that holds the blobs `wanted` to `out`, with the head of `signed`. Returns `out`.
    ///
    /// # Errors
    /// One of these blobs is damaged, or `out` cannot be written.
    pub fn copy_patch_to<W: Write>(
        &self,
        signed: &Signed,
        wanted: &BTreeSet<Digest>,
        out: W,
        progress: &Progress,
    ) -> Result<W, CopyError> {
        let writer = Writer::begin_patch(out, signed, wanted).map_err(|source| self.cannot_write(source))?;
        let written = self.copy_blobs(signed.release(), writer, |blob| wanted.contains(blob), progress)?;
        written.finish().map_err(|source| self.cannot_write(source))
    }

    /// Hands the bundle's blobs that are wanted to `writer`, which expects these next. `release` is what the bundle's own manifest says.
    /// Returns the writer.
    ///
    /// # Errors
    /// One of these blobs is damaged, or the writer does not take it.
    pub fn copy_blobs<W: Write>(
        &self,
        release: &Release,
        mut writer: Writer<W>,
        is_wanted: impl Fn(&Digest) -> bool,
        progress: &Progress,
    ) -> Result<Writer<W>, CopyError> {
        for (blob, offset) in self.blobs(release).filter(|(blob, _)| is_wanted(&blob.digest)) {
            // The header is not copied but written anew: it follows from name and size.
            let content_offset = offset.saturating_add(archive::BLOCK);
            let content = self.at(content_offset).take(blob.size);
            match writer.blob(blob.digest, &mut progress.reader(content)) {
                // The reader failed, not the writer: it is damage of the bundle, with its place.
                Err(WriteError::Blob { source, .. }) => {
                    let entry = archive::blob_name(&blob.digest);
                    return Err(self.located(ReadError::of(source, &entry, content_offset)).into());
                }
                Err(WriteError::Changed(_)) => return Err(self.damaged(&blob, content_offset).into()),
                other => other.map_err(|source| self.cannot_write(source))?,
            }
        }
        Ok(writer)
    }

    fn cannot_write(&self, source: WriteError) -> CopyError {
        CopyError::Write { path: self.path().to_owned(), source }
    }
}
