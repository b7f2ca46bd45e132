//! Bills of materials that bundles bring. Nothing is verified but that a document is the one that the manifest lists.

use crate::blob_store::zstd_decoder;
use landfall_manifests::sbom::{self, Bom, BomError};
use landfall_manifests::{BundlePath, Digest, Encoding, Signed, archive};
use landfall_media::UnverifiedBundle;
use std::io::{self, Read as _};

/// A document of a bundle cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error("{path} in the bundle cannot be read")]
    Read { path: BundlePath, source: io::Error },
    #[error("{path} in the bundle is damaged: its digest is not the one that the manifest has")]
    Damaged { path: BundlePath },
    #[error("{path} in the bundle cannot be used")]
    Bom { path: BundlePath, source: BomError },
}

/// The documents of a bundle.
pub(crate) struct Documents<'a> {
    opened: &'a UnverifiedBundle,
    signed: &'a Signed,
}

impl<'a> Documents<'a> {
    /// Those of a bundle with this manifest.
    pub(crate) fn of(opened: &'a UnverifiedBundle, signed: &'a Signed) -> Self {
        Self { opened, signed }
    }

    /// The bill of materials at a path; none if the bundle has no such file, or one that is larger than any may be.
    pub(crate) fn bom(&self, path: &BundlePath) -> Result<Option<Bom>, DocumentError> {
        let release = self.signed.release();
        let Some(file) = release.files.iter().find(|file| file.path == *path) else { return Ok(None) };
        let Some((offset, size)) = self.place(&file.blob) else { return Ok(None) };
        if file.size.max(size) > sbom::BYTES {
            return Ok(None);
        }
        let stored = self.opened.at(offset).take(size);
        let failed = |source| DocumentError::Read { path: path.clone(), source };
        let mut content = Vec::new();
        // One byte more than it has shows that there is more.
        let read = match file.encoding {
            Encoding::Zstd => {
                let decoder = zstd_decoder(stored).map_err(failed)?;
                decoder.take(file.size + 1).read_to_end(&mut content)
            }
            Encoding::Gzip => flate2::read::MultiGzDecoder::new(stored).take(file.size + 1).read_to_end(&mut content),
        };
        read.map_err(failed)?;
        if Digest::of(&content) != file.digest {
            return Err(DocumentError::Damaged { path: path.clone() });
        }
        Bom::read(&*content).map(Some).map_err(|source| DocumentError::Bom { path: path.clone(), source })
    }

    /// Where a blob's content is in the bundle, and its size: blobs are its last entries. A delta bundle may be without it.
    fn place(&self, wanted: &Digest) -> Option<(u64, u64)> {
        let mut end = self.signed.bundle_bytes().checked_sub(archive::END_BYTES)?;
        for blob in self.signed.release().archived().into_iter().rev() {
            end = end.checked_sub(archive::entry_bytes(blob.size))?;
            if blob.digest == *wanted {
                return Some((end + archive::BLOCK, blob.size));
            }
        }
        None
    }
}
