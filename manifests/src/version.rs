use crate::limits;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A semantic version (semver.org 2.0.0) without build metadata, which has no precedence (its section 10) and would make two
/// names of one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(semver::Version);

/// The text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a semantic version such as 1.4.0 (at most 64 characters, no build metadata)")]
pub struct VersionError {
    text: String,
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let short = text.len() <= limits::VERSION_BYTES;
        let parsed = short.then(|| semver::Version::parse(text).ok()).flatten();
        let plain = parsed.filter(|version| version.build.is_empty());
        plain.map(Self).ok_or_else(|| VersionError { text: text.chars().take(80).collect() })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number by which the releases of a product are ordered, whatever their versions: 1 to 2^53 - 1. Each release has a higher
/// one than the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Serial(u64);

impl JsonSchema for Serial {
    fn schema_name() -> Cow<'static, str> {
        "Serial".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": limits::SERIAL})
    }
}

/// The number is not a serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a serial: 1 to 9,007,199,254,740,991")]
pub struct SerialError(u64);

impl TryFrom<u64> for Serial {
    type Error = SerialError;

    fn try_from(number: u64) -> Result<Self, SerialError> {
        if (1..=limits::SERIAL).contains(&number) { Ok(Self(number)) } else { Err(SerialError(number)) }
    }
}

impl From<Serial> for u64 {
    fn from(serial: Serial) -> Self {
        serial.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A release's identity on a host, written `<version>-<serial>`: the name of its folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReleaseId {
    /// The release's version.
    pub version: Version,
    /// The release's serial.
    pub serial: Serial,
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.version, self.serial)
    }
}

/// The text is not a release's identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a release such as 1.4.0-12 (version, -, serial)")]
pub struct ReleaseIdError(String);

impl FromStr for ReleaseId {
    type Err = ReleaseIdError;

    fn from_str(text: &str) -> Result<Self, ReleaseIdError> {
        let parse = || {
            // A version may have a dash itself (1.4.0-rc.1): the serial follows the last one.
            let (version, serial) = text.rsplit_once('-')?;
            let number: u64 = serial.parse().ok()?;
            let id = Self { version: version.parse().ok()?, serial: number.try_into().ok()? };
            // A serial such as `+12` or `012` parses too: one release would then have many folders.
            (id.to_string() == text).then_some(id)
        };
        parse().ok_or_else(|| ReleaseIdError(text.chars().take(120).collect()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn orders_versions_by_precedence() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("1.0.0-rc.1") < version("1.0.0"));
        assert!(version("1.9.0") < version("1.10.0"));
        for wrong in ["1", "1.0", "v1.0.0", "1.0.0+build", "01.0.0", "", "1.0.0 "] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_serial_is_a_positive_json_integer() {
        for (number, valid) in [(0, false), (1, true), (limits::SERIAL, true), (limits::SERIAL + 1, false)] {
            assert_eq!(Serial::try_from(number).is_ok(), valid, "{number}");
        }
    }

    #[test]
    fn a_release_has_one_name() {
        for right in ["1.4.0-12", "1.0.0-rc.1-3"] {
            assert_eq!(right.parse::<ReleaseId>().unwrap().to_string(), right);
        }
        for wrong in ["1.4.0", "1.4.0-", "1.4.0-012", "1.4.0-+1", "1.4.0-0", "../x-1", "1.4.0-12/"] {
            assert!(wrong.parse::<ReleaseId>().is_err(), "{wrong}");
        }
    }
}
