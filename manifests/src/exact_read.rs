//! Reads an exact number of bytes of a bundle, and reports the offset at which that failed.

use crate::ReadError;
use std::io::{ErrorKind, Read};

/// Fills `buffer` from `source`, which is at `offset` of the bundle. The error names the byte that could not be read, not the
/// one where reading began: the two may be in different parts.
pub(crate) fn read_exact(source: &mut impl Read, buffer: &mut [u8], entry: &str, offset: u64) -> Result<(), ReadError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => return Err(ReadError::of(ErrorKind::UnexpectedEof.into(), entry, at(offset, filled))),
            Ok(read) => filled += read,
            // A signal came before any byte did (signal(7)): no fault of the medium.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(ReadError::of(error, entry, at(offset, filled))),
        }
    }
    Ok(())
}

/// Reads up to `limit` bytes, fewer only at the end. For unverified sizes: memory grows with the bytes that are read, and is not
/// reserved in advance.
pub(crate) fn read_up_to(source: &mut impl Read, limit: u64, entry: &str, offset: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    match source.by_ref().take(limit).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(ReadError::of(error, entry, at(offset, bytes.len()))),
    }
}

fn at(offset: u64, filled: usize) -> u64 {
    offset.saturating_add(filled as u64)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::io;

    /// Fails where it has nothing more.
    struct Failing<'a>(&'a [u8]);

    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("EIO")),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn the_byte_is_named_that_could_not_be_read() {
        let two = || b"12".chain(&b"345"[..]);
        let mut buffer = [0; 5];
        read_exact(&mut two(), &mut buffer, "blobs/x", 100).unwrap();
        assert_eq!(&buffer, b"12345");
        let short = read_exact(&mut two(), &mut [0; 9], "blobs/x", 100).unwrap_err();
        assert!(matches!(short, ReadError::Truncated { offset: 105, .. }), "{short}");
        let failing = read_exact(&mut Failing(b"1234"), &mut [0; 9], "blobs/x", 100).unwrap_err();
        assert!(matches!(failing, ReadError::Source { offset: 104, .. }), "{failing}");
        let failing = read_up_to(&mut Failing(b"1234"), 9, "blobs/x", 100).unwrap_err();
        assert!(matches!(failing, ReadError::Source { offset: 104, .. }), "{failing}");
        assert_eq!(read_up_to(&mut two(), 4, "blobs/x", 100).unwrap(), b"1234");
    }
}
