use crate::{Digest, ReleaseError, archive};
use landfall_keys::TrustError;
use std::io;
use std::ops::Range;

/// A bundle is refused, or could not be read. Offsets are bytes from the start of the bundle. The messages name no place: whoever knows the
/// files that the bundle is in tells it by [`range`](ReadError::range) and [`entry`](ReadError::entry).
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The first entry is not a manifest.
    #[error("this is not a Landfall bundle: it does not begin with a landfall.json of at most 16 MiB")]
    NotABundle,
    /// A signature's entry is not one.
    #[error("{entry} is not a signature that a bundle may hold: {reason}")]
    Signature {
        /// The entry's name.
        entry: String,
        /// Where its header begins.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Not enough trusted keys signed the manifest.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// The manifest is signed, but is not whole.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// A header is not the one that follows from the manifest.
    #[error("the header differs from what the manifest says")]
    Header {
        /// The entry's name.
        entry: String,
        /// The first byte that differs.
        offset: u64,
    },
    /// A header in a patch is that of no entry which the manifest lists further on.
    #[error("the header is not that of a blob that the manifest lists there")]
    NotInManifest {
        /// Where the header begins.
        offset: u64,
    },
    /// A patch was given in place of a bundle.
    #[error(
        "this is a patch that holds {held} of {blobs} blobs: give it with --patch, together with the damaged bundle"
    )]
    Patch {
        /// The blobs in it.
        held: usize,
        /// The blobs of the release.
        blobs: usize,
    },
    /// An entry's content is not what the manifest says.
    #[error("the content is damaged: its {size} bytes have the digest {found}")]
    Digest {
        /// The entry's name.
        entry: String,
        /// Where its content begins.
        offset: u64,
        /// Its size in bytes.
        size: u64,
        /// The digest of what is there.
        found: Digest,
    },
    /// The bytes that fill an entry's last block are not zero.
    #[error("the padding after the content is not zero")]
    Padding {
        /// The entry's name.
        entry: String,
        /// The first byte that is not zero.
        offset: u64,
    },
    /// The bundle ends too early.
    #[error("the bundle is cut off there")]
    Truncated {
        /// The name of the entry that it ends in, where it is in one.
        entry: Option<String>,
        /// Where reading stopped.
        offset: u64,
    },
    /// There are bytes behind the last entry.
    #[error("the bundle goes on after its last entry")]
    Trailing {
        /// The first byte that must not be there.
        offset: u64,
    },
    /// A medium cannot be read.
    #[error("the bundle cannot be read there")]
    Source {
        /// The entry's name.
        entry: String,
        /// The first byte that could not be read.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// What was read cannot be written to its destination.
    #[error("{entry} cannot be written")]
    Sink {
        /// The entry's name.
        entry: String,
        /// Why.
        source: io::Error,
    },
}

impl ReadError {
    /// A read of `entry` at `offset` that failed: an early end is damage, anything else a failure of the medium.
    pub fn of(error: io::Error, entry: &str, offset: u64) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated { entry: Some(entry.to_owned()), offset },
            _ => Self::Source { entry: entry.to_owned(), offset, source: error },
        }
    }

    /// The bytes of the bundle that are wrong or cannot be read, where they are known: one byte, or the whole content of an entry,
    /// in which the damaged byte is not known.
    pub fn range(&self) -> Option<Range<u64>> {
        let (offset, size) = match self {
            Self::Digest { offset, size, .. } => (*offset, *size),
            Self::Signature { offset, .. }
            | Self::Header { offset, .. }
            | Self::NotInManifest { offset }
            | Self::Padding { offset, .. }
            | Self::Truncated { offset, .. }
            | Self::Trailing { offset }
            | Self::Source { offset, .. } => (*offset, 1),
            Self::NotABundle | Self::Untrusted(_) | Self::Release(_) | Self::Patch { .. } | Self::Sink { .. } => {
                return None;
            }
        };
        // At least one byte, so that the range lies in a part even where the entry is empty.
        Some(offset..offset.saturating_add(size.max(1)))
    }

    /// The entry in which something is wrong, unless the message names it.
    pub fn entry(&self) -> Option<&str> {
        match self {
            Self::Header { entry, .. }
            | Self::Digest { entry, .. }
            | Self::Padding { entry, .. }
            | Self::Source { entry, .. } => Some(entry),
            Self::Truncated { entry, .. } => entry.as_deref(),
            _ => None,
        }
    }

    /// The blob in which something is wrong, if it is in one.
    pub fn blob(&self) -> Option<Digest> {
        self.entry().and_then(archive::blob_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_medium_is_distinguished_from_a_short_one_and_the_offset_is_named() {
        let failing = ReadError::of(io::Error::other("EIO"), "blobs/sha256/ab", 1536);
        assert!(matches!(failing, ReadError::Source { offset: 1536, .. }), "{failing}");
        let short = ReadError::of(io::ErrorKind::UnexpectedEof.into(), "blobs/sha256/ab", 1536);
        assert!(matches!(short, ReadError::Truncated { offset: 1536, .. }), "{short}");
    }

    #[test]
    fn knows_which_bytes_and_which_blob_are_wrong() {
        let found = Digest::of(b"found");
        let blob = Digest::of(b"blob");
        let damaged = ReadError::Digest { entry: archive::blob_name(&blob), offset: 1024, size: 700, found };
        assert_eq!((damaged.range(), damaged.blob()), (Some(1024..1724), Some(blob)));
        let padding = ReadError::Padding { entry: "index.json".to_owned(), offset: 7 };
        assert_eq!((padding.range(), padding.blob()), (Some(7..8), None));
        assert_eq!(ReadError::NotABundle.range(), None);
    }
}
