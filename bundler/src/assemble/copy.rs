use crate::blob_store::BlobStore;
use landfall_manifests::{Blob, WriteError, Writer};
use landfall_media::PartWriter;

/// From this size on, in bytes, the kernel copies a blob faster than it goes through memory here.
const LARGE: u64 = 1 << 20;

/// Copies a blob out of the store into the bundle. A small one is hashed once more on its way. A large one was hashed when
/// it was written to the store, whose folder no other user can enter, and hashing it twice would cost as much as copying it:
/// it is copied by `copy_file_range(2)`, and only its size is checked against the manifest.
pub(super) fn blob(writer: &mut Writer<PartWriter>, store: &BlobStore, blob: &Blob) -> Result<(), WriteError> {
    let digest = blob.digest;
    let unreadable = |source| WriteError::Blob { digest, source };
    let mut content = store.open(&digest).map_err(unreadable)?;
    if blob.size < LARGE {
        return writer.blob(digest, &mut content);
    }
    // A wrong size would shift every header behind it, and be found only by whoever verifies the bundle.
    if content.metadata().map_err(unreadable)?.len() != blob.size {
        return Err(WriteError::Changed(digest));
    }
    writer.blob_unchecked(digest, |out, size| out.copy_from(&content, size))
}
