//! The content of stored blobs: decompressed, compared with the manifest, and why it did not arrive where it was copied to.

mod decode;

pub(crate) use decode::{DecodeError, Decoder, Expected};

use crate::interrupt::Interrupted;
use landfall_manifests::difference::DifferenceError;
use std::io;

/// A copy of a blob's content ended early.
///
/// [`Read`](io::Read) and [`Write`](io::Write) have one error type, so an interruption and a wrong content travel inside an
/// [`io::Error`] through everything that copies. They are taken out of it here, and nowhere else.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    /// A signal asked for the end of the operation.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// The blob does not decompress to what the manifest says: the bundle was made wrong.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The disk failed, or the other end of a pipe.
    #[error(transparent)]
    Io(io::Error),
}

impl From<DifferenceError> for ContentError {
    fn from(error: DifferenceError) -> Self {
        match error {
            DifferenceError::Read(error) | DifferenceError::Base(error) | DifferenceError::Write(error) => error.into(),
            made @ (DifferenceError::Malformed(_) | DifferenceError::Digest { .. }) => {
                Self::Decode(DecodeError::Difference(made))
            }
        }
    }
}

impl From<io::Error> for ContentError {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<DecodeError>() {
            Ok(decode) => return Self::Decode(decode),
            Err(error) => error,
        };
        error.downcast::<Interrupted>().map_or_else(Self::Io, Self::Interrupted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use landfall_manifests::Digest;

    #[test]
    fn an_error_that_travelled_through_a_reader_is_what_it_was() {
        let digest = DecodeError::Digest { expected: Digest::of(b""), found: Digest::of(b"x") };
        assert!(matches!(
            ContentError::from(io::Error::from(digest)),
            ContentError::Decode(DecodeError::Digest { .. })
        ));
        assert!(matches!(ContentError::from(io::Error::from(Interrupted)), ContentError::Interrupted(_)));
        let full = ContentError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, ContentError::Io(error) if error.kind() == io::ErrorKind::StorageFull));
    }
}
