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
    #[error("not a minisign public key: {0}")]
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

    /// Whether whoever signs with one of the two keys can sign with the other, whatever the ids say.
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
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
