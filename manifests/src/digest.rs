use sha2::{Digest as _, Sha256};
use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

/// How much of a source is hashed at once, in bytes.
const CHUNK: usize = 256 << 10;

/// A SHA-256 digest, written `sha256:` and 64 lower-case hex digits (OCI image specification, "Digests").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of all that `source` has, and its size in bytes.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of_reader(mut source: impl Read) -> io::Result<(Self, u64)> {
        let (mut hasher, mut size, mut buffer) = (Hasher::default(), 0, vec![0; CHUNK]);
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return Ok((hasher.finish(), size)),
                Ok(read) => {
                    hasher.update(&buffer[..read]);
                    size += read as u64;
                }
                // A signal came before any byte did (signal(7)).
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The digest of these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The 64 hex digits alone, as in file names.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

/// Hashes a stream.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken in.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// The text is not a SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not sha256: and 64 lower-case hex digits")]
pub struct DigestError(String);

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let error = || DigestError(text.chars().take(80).collect());
        let digits = text.strip_prefix("sha256:").ok_or_else(error)?;
        // `hex` reads both cases: one blob would then have many names.
        if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(error());
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| error())?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn hashes_as_everyone_does() {
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        assert_eq!(Hasher::default().finish(), Digest::of(b""));
        let large = vec![7; CHUNK + 1];
        assert!(
            matches!(Digest::of_reader(large.as_slice()), Ok(found) if found == (Digest::of(&large), CHUNK as u64 + 1))
        );
    }

    #[test]
    fn has_one_spelling() {
        assert_eq!(EMPTY.parse(), Ok(Digest::of(b"")));
        for wrong in [&EMPTY.to_uppercase(), &EMPTY[7..], &EMPTY[..70], &format!("{EMPTY}0"), "", "sha512:00"] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
        assert!(EMPTY.replace('e', "E").parse::<Digest>().is_err());
    }
}
