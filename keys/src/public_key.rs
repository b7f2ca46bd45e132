//! Public keys: the `RW…` line and the two-line file.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::ed25519::{POINT_BYTES, Point};
use crate::key_id::KeyId;
use crate::text::{self, Fields, TextError, UNTRUSTED_COMMENT};

/// `Ed`: Ed25519, in public and in secret keys.
pub(crate) const KEY_ALGORITHM: [u8; 2] = *b"Ed";

/// Bytes under the base64 of a public key: algorithm, key id, point.
const KEY_BYTES: usize = 2 + 8 + POINT_BYTES;

/// An Ed25519 public key and the id by which signatures refer to it.
///
/// Two keys are equal when both agree. Whether two are the *same signer* is decided by the point
/// alone: see [`PublicKey::same_signer`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey {
    id: KeyId,
    point: Point,
}

/// Why a text is not a public key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PublicKeyError {
    /// The text is not framed as a public key.
    #[error("not a minisign public key")]
    Text(#[from] TextError),
    /// The text is framed as one, but says that it is something else.
    #[error("not an Ed25519 public key: its algorithm is {:?}, not \"Ed\"", String::from_utf8_lossy(.found))]
    Algorithm {
        /// The two bytes that are there.
        found: [u8; 2],
    },
    /// The key is not a point that signatures can be checked with.
    #[error("the public key {id} is not a valid Ed25519 point: the key is damaged or was made to deceive")]
    Point {
        /// The id that came with it.
        id: KeyId,
    },
}

impl PublicKey {
    pub(crate) fn new(id: KeyId, point: Point) -> Self {
        Self { id, point }
    }

    /// Reads a public-key file: an untrusted comment, which is dropped, and the key's line.
    ///
    /// For the line alone, as it is handed about and given to `minisign -P`, use [`str::parse`].
    pub fn parse_file(text: &str) -> Result<Self, PublicKeyError> {
        let [comment, key] = text::lines(text)?;
        text::comment(comment, 1, UNTRUSTED_COMMENT)?;
        key.parse()
    }

    /// The line of 56 characters that begins with `RW`.
    pub fn to_line(&self) -> String {
        let id = self.id.to_bytes();
        text::encode(&[KEY_ALGORITHM.as_slice(), &id, self.point.as_bytes()].concat())
    }

    /// The two-line file, as `minisign -G` writes it.
    pub fn to_file(&self) -> String {
        format!("{UNTRUSTED_COMMENT}minisign public key {}\n{}\n", self.id, self.to_line())
    }

    /// The id by which signatures refer to this key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The 32 bytes of the point.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.point.as_bytes()
    }

    /// Whether both keys have the same secret key, whatever their ids.
    pub fn same_signer(&self, other: &Self) -> bool {
        self.point == other.point
    }

    pub(crate) fn point(&self) -> &Point {
        &self.point
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    /// Reads the key's line, without surrounding space.
    fn from_str(line: &str) -> Result<Self, PublicKeyError> {
        let bytes = text::decode(line, KEY_BYTES)?;
        let mut fields = Fields::new(&bytes);
        let found = *fields.take()?;
        if found != KEY_ALGORITHM {
            return Err(PublicKeyError::Algorithm { found });
        }
        let id = KeyId::from_bytes(*fields.take()?);
        // Checked when it is read and not when it is used: a weak key never becomes a value of this type.
        let point = Point::from_bytes(fields.take()?).ok_or(PublicKeyError::Point { id })?;
        Ok(Self { id, point })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_line())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {self})", self.id)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = String::deserialize(deserializer)?;
        line.parse().map_err(|error| match error {
            // serde keeps the message alone, so the cause is written into it.
            PublicKeyError::Text(why) => D::Error::custom(format!("not a minisign public key: {why}")),
            other => D::Error::custom(other),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SecretKey;

    /// Made by minisign 0.11.
    const FILE: &str = "untrusted comment: minisign public key 569FAEB9264D2878\n\
                        RWR4KE0mua6fVrnJjkcc3fswNv4WVzRuFSOeRfZho+3KHtQk8gtcnEsc\n";

    fn line_of(algorithm: &[u8], point: &[u8; POINT_BYTES]) -> String {
        text::encode(&[algorithm, &[1; 8], point].concat())
    }

    #[test]
    fn reads_and_writes_the_file_that_minisign_writes() {
        let key = PublicKey::parse_file(FILE).unwrap();
        assert_eq!(key.id().to_string(), "569FAEB9264D2878");
        assert_eq!(key.to_file(), FILE);
        assert_eq!(PublicKey::parse_file(&FILE.replace('\n', "\r\n")), Ok(key));
        assert_eq!(key.to_string(), FILE.lines().nth(1).unwrap());
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn refuses_lines_that_are_not_public_keys() {
        let good = *PublicKey::parse_file(FILE).unwrap().as_bytes();
        let id = KeyId::from_bytes([1; 8]);
        let length = |found| PublicKeyError::Text(TextError::Base64Length { expected: 56, found });
        let line = line_of(b"Ed", &good);
        let table = [
            (String::new(), length(0)),
            (FILE.to_owned(), length(113)),
            (format!("{line}\n"), length(57)),
            (format!(" {line}"), length(57)),
            (line.replace("RW", "R="), PublicKeyError::Text(TextError::NotBase64)),
            (line_of(b"ED", &good), PublicKeyError::Algorithm { found: *b"ED" }),
            (line_of(&[0xff, 0], &good), PublicKeyError::Algorithm { found: [0xff, 0] }),
            (line_of(b"Ed", &[0; POINT_BYTES]), PublicKeyError::Point { id }),
            (line_of(b"Ed", &[2; POINT_BYTES]), PublicKeyError::Point { id }),
        ];
        for (line, expected) in table {
            assert_eq!(line.parse::<PublicKey>(), Err(expected), "{line:?}");
        }
    }

    #[test]
    fn refuses_files_that_are_not_framed_as_public_keys() {
        let line = FILE.lines().nth(1).unwrap();
        let table = [
            (line.to_owned(), TextError::MissingLine { line: 2, lines: 2 }),
            (format!("{FILE}{line}\n"), TextError::TrailingText { lines: 2 }),
            (FILE.replace("untrusted", "trusted"), TextError::NoPrefix { line: 1, prefix: UNTRUSTED_COMMENT }),
            (FILE.replace("minisign", "\u{7}"), TextError::ControlCharacter { line: 1 }),
        ];
        for (file, expected) in table {
            assert_eq!(PublicKey::parse_file(&file), Err(expected.into()), "{file:?}");
        }
    }

    #[test]
    fn names_what_is_wrong_with_a_key_in_json() {
        let error = serde_json::from_str::<PublicKey>("\"RW\"").unwrap_err().to_string();
        assert!(
            error.starts_with("not a minisign public key: the base64 text is 2 characters long, not 56"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn round_trips_in_every_form(id: [u8; 8], seed: [u8; 32]) {
            let key = SecretKey::from_seed(KeyId::from_bytes(id), &seed).public_key();
            prop_assert_eq!(key.to_line().parse(), Ok(key));
            prop_assert_eq!(PublicKey::parse_file(&key.to_file()), Ok(key));
            prop_assert_eq!(serde_json::from_str::<PublicKey>(&serde_json::to_string(&key).unwrap()).unwrap(), key);
        }

        #[test]
        fn never_panics_on_any_text(text: String) {
            let _ = PublicKey::parse_file(&text);
            let _ = text.parse::<PublicKey>();
        }
    }
}
