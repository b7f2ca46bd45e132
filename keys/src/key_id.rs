//! The name of a key.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The 8 bytes by which minisign names a key, shown as 16 upper-case hex digits of the little-endian
/// number, as minisign prints it (0.11 and older leave out leading zeros). A hint for finding the key, which
/// identifies nothing by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u64);

/// A text that is not 16 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a key id: give its 16 hex digits, leading zeros included")]
pub struct KeyIdError {
    text: String,
}

impl KeyId {
    /// The id from its bytes, as keys and signatures hold it.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }

    /// The id's bytes, as keys and signatures hold it.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

/// The ids for a message to a person: `nobody` if there are none.
pub fn list_ids(ids: &[KeyId]) -> String {
    if ids.is_empty() { "nobody".to_owned() } else { ids.iter().map(KeyId::to_string).collect::<Vec<_>>().join(", ") }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    /// Reads 16 hex digits of either case.
    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        // `from_str_radix` also takes a sign and fewer digits, which would be second names of one key.
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u64::from_str_radix(text, 16) {
            Ok(id) if digits => Ok(Self(id)),
            _ => Err(KeyIdError { text: text.chars().take(32).collect() }),
        }
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn is_shown_as_minisign_prints_it() {
        let id = KeyId::from_bytes([0x78, 0x28, 0x4d, 0x26, 0xb9, 0xae, 0x9f, 0x06]);
        assert_eq!(id.to_string(), "069FAEB9264D2878");
        assert_eq!(format!("{id:?}"), "KeyId(069FAEB9264D2878)");
    }

    #[test]
    fn reads_back_what_it_shows_and_lower_case() {
        let id = KeyId::from_bytes([1, 2, 3, 4, 5, 6, 7, 0xf8]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_lowercase().parse(), Ok(id));
        assert_eq!(KeyId::from_bytes(id.to_bytes()), id);
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"F807060504030201\"");
        assert_eq!(serde_json::from_str::<KeyId>("\"F807060504030201\"").unwrap(), id);
    }

    #[test]
    fn refuses_anything_but_sixteen_hex_digits() {
        let wrong =
            ["", "F80706050403020", "F8070605040302010", "+807060504030201", "0xF8070605040302", "G807060504030201"];
        for text in wrong.into_iter().chain([" 807060504030201", "８070605040302", "F80706050403020\n"]) {
            text.parse::<KeyId>().unwrap_err();
        }
    }
}
