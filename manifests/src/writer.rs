use crate::bundle::CHUNK;
use crate::{Blob, Digest, Hasher, Signed, archive};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};

/// Writes a bundle or a patch: head and image layout at once, then the blobs in the manifest's order.
pub struct Writer<W> {
    out: W,
    expected: std::vec::IntoIter<Blob>,
}

/// A bundle could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The output failed.
    #[error("the bundle cannot be written")]
    Output(#[from] io::Error),
    /// A blob could not be read.
    #[error("blob {digest} cannot be read")]
    Blob {
        /// The blob.
        digest: Digest,
        /// Why.
        source: io::Error,
    },
    /// A blob is not what the manifest says.
    #[error("blob {0} differs from the manifest: it changed while it was packed")]
    Changed(Digest),
    /// More blobs than the manifest lists, or another one than the next.
    #[error("blob {0} is not the next one of the manifest")]
    Order(Digest),
    /// A patch is to hold a blob that its manifest does not list.
    #[error("blob {0} is not in the manifest")]
    Unlisted(Digest),
    /// Fewer blobs than the manifest lists.
    #[error("blob {0} of the manifest was not written")]
    Missing(Digest),
}

impl<W: Write> Writer<W> {
    /// Writes everything before the blobs.
    pub fn begin(out: W, signed: &Signed) -> Result<Self, WriteError> {
        Self::begin_with(out, signed, signed.release().archived())
    }

    /// Writes everything before the blobs of a patch ([`crate::patch`]), which then takes those in `held` alone, in the
    /// archive's order.
    pub fn begin_patch(out: W, signed: &Signed, held: &BTreeSet<Digest>) -> Result<Self, WriteError> {
        let blobs: Vec<Blob> =
            signed.release().archived().into_iter().filter(|blob| held.contains(&blob.digest)).collect();
        if blobs.len() != held.len() {
            let listed: BTreeSet<Digest> = blobs.iter().map(|blob| blob.digest).collect();
            if let Some(stranger) = held.difference(&listed).next() {
                return Err(WriteError::Unlisted(*stranger));
            }
        }
        Self::begin_with(out, signed, blobs)
    }

    fn begin_with(mut out: W, signed: &Signed, blobs: Vec<Blob>) -> Result<Self, WriteError> {
        signed.write_head(&mut out)?;
        Ok(Self { out, expected: blobs.into_iter() })
    }

    /// Writes the next blob, which must be `digest`, and checks its content against the manifest.
    pub fn blob(&mut self, digest: Digest, content: &mut impl Read) -> Result<(), WriteError> {
        let blob = self.begin_blob(digest)?;
        let mut hasher = Hasher::default();
        let mut written = 0;
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = content.read(&mut buffer).map_err(|source| WriteError::Blob { digest, source })?;
            if read == 0 {
                break;
            }
            written += read as u64;
            // Stopped at once: the file may be growing faster than it is read.
            if written > blob.size {
                return Err(WriteError::Changed(digest));
            }
            hasher.update(&buffer[..read]);
            self.out.write_all(&buffer[..read])?;
        }
        if written != blob.size || hasher.finish() != digest {
            return Err(WriteError::Changed(digest));
        }
        Ok(archive::write_zeros(&mut self.out, archive::padding(blob.size))?)
    }

    /// Writes the next blob, which must be `digest`, with `copy`, which is given its size, writes its bytes and
    /// returns their number. What it writes is *not* checked against the digest: for a caller that has hashed the blob itself,
    /// and copies it faster than through memory.
    pub fn blob_unchecked(
        &mut self,
        digest: Digest,
        copy: impl FnOnce(&mut W, u64) -> io::Result<u64>,
    ) -> Result<(), WriteError> {
        let blob = self.begin_blob(digest)?;
        if copy(&mut self.out, blob.size)? != blob.size {
            return Err(WriteError::Changed(digest));
        }
        Ok(archive::write_zeros(&mut self.out, archive::padding(blob.size))?)
    }

    fn begin_blob(&mut self, digest: Digest) -> Result<Blob, WriteError> {
        // Offsets follow from the manifest's order: a blob in another place would be read as damage.
        let next = self.expected.next().filter(|blob| blob.digest == digest);
        let blob = next.ok_or(WriteError::Order(digest))?;
        self.out.write_all(&archive::header(&archive::blob_name(&digest), blob.size))?;
        Ok(blob)
    }

    /// Ends the archive and gives the output back.
    pub fn finish(mut self) -> Result<W, WriteError> {
        if let Some(blob) = self.expected.next() {
            return Err(WriteError::Missing(blob.digest));
        }
        archive::write_zeros(&mut self.out, archive::END_BYTES)?;
        // A buffered writer that is dropped loses its last error.
        self.out.flush()?;
        Ok(self.out)
    }
}
