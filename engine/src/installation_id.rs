//! The id of an installation, by which its objects in an engine are told from those of others.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How many random bytes an id has: no two installations draw the same.
pub const RANDOM_BYTES: usize = 16;
/// How many of its digits the names of images bear: enough to tell the installations that share an engine, and short enough to read.
const SHORT: usize = 12;

/// The id of an installation: 32 hexadecimal digits, drawn when it is made, and the same as long as something of it is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstallationId(String);

/// The text is no id of an installation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id of an installation (32 hexadecimal digits)")]
pub struct InvalidInstallationId(String);

impl InstallationId {
    /// The id that these random bytes make.
    pub fn from_random(bytes: [u8; RANDOM_BYTES]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    /// Its first digits.
    pub fn short(&self) -> &str {
        &self.0[..SHORT]
    }
}

impl FromStr for InstallationId {
    type Err = InvalidInstallationId;

    fn from_str(text: &str) -> Result<Self, InvalidInstallationId> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_id = text.len() == 2 * RANDOM_BYTES && text.bytes().all(is_digit);
        is_id.then(|| Self(text.to_owned())).ok_or_else(|| InvalidInstallationId(text.to_owned()))
    }
}

impl TryFrom<String> for InstallationId {
    type Error = InvalidInstallationId;

    fn try_from(text: String) -> Result<Self, InvalidInstallationId> {
        text.parse()
    }
}

impl From<InstallationId> for String {
    fn from(id: InstallationId) -> Self {
        id.0
    }
}

impl fmt::Display for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_it_is_read() {
        let id = InstallationId::from_random([0xab; RANDOM_BYTES]);
        assert_eq!(id.to_string(), "ab".repeat(16));
        assert_eq!(id.to_string().parse::<InstallationId>().unwrap(), id);
        assert_eq!(id.short(), "abababababab");
        let short = "ab".repeat(15);
        let [upper, strange] = ["AB".repeat(16), "é".repeat(16)];
        for wrong in ["", &short, &upper, &strange, &format!("{id} ")] {
            assert!(wrong.parse::<InstallationId>().is_err(), "{wrong}");
        }
    }
}
