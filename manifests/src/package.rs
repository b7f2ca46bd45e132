//! Packages of a host's own package manager, which bring it the container engine that it lacks.

use crate::names::checked_text;
use crate::{Digest, Encoding, limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A package (deb(5)) that a host may install with its own package manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The system that it is for.
    #[serde(rename = "for")]
    pub system: HostSystem,
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: PackageVersion,
    /// The processor that it runs on, by the distribution's name, or `all`.
    pub architecture: PackageName,
    /// The digest of the package's file.
    pub digest: Digest,
    /// The size of the package's file in bytes.
    pub size: u64,
    /// How much its files take once it is installed, in bytes, as the package estimates it.
    pub installed: u64,
    /// The blob that holds the package's file.
    pub blob: Digest,
    /// How the blob is compressed.
    pub encoding: Encoding,
}

/// The bytes that names of systems and versions of packages may have besides letters and digits.
const SYSTEM_MARKS: &[u8] = b"._-";
const VERSION_MARKS: &[u8] = b".+~:-";

checked_text!(
    /// An operating system as its os-release(5) says it: `ID` and `VERSION_ID`, such as `debian 12`.
    HostSystem,
    "system",
    "ID and VERSION_ID of os-release(5) with one blank between them, such as \"debian 12\"",
    |text| {
        let is_word = |word: &str| {
            let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || SYSTEM_MARKS.contains(&byte);
            !word.is_empty() && word.bytes().all(is_fit)
        };
        let is_pair = text.split_once(' ').is_some_and(|(id, version)| is_word(id) && is_word(version));
        is_pair && text.len() <= limits::SYSTEM_BYTES
    }
);

checked_text!(
    /// A package's name (Debian Policy, 5.6.1). It is a word of a command line and part of a file's name on hosts.
    PackageName,
    "package name",
    "lower-case letters, digits, + - and ., the first of them a letter or a digit",
    |text| {
        let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_fit = |byte: u8| is_plain(&byte) || b"+-.".contains(&byte);
        text.len() <= limits::PACKAGE_NAME_BYTES
            && text.as_bytes().first().is_some_and(is_plain)
            && text.bytes().all(is_fit)
    }
);

checked_text!(
    /// A package's version (Debian Policy, 5.6.12).
    PackageVersion,
    "package version",
    "letters, digits, . + ~ : and -, the first of them a digit",
    |text| {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || VERSION_MARKS.contains(&byte);
        text.len() <= limits::PACKAGE_VERSION_BYTES
            && text.as_bytes().first().is_some_and(u8::is_ascii_digit)
            && text.bytes().all(is_fit)
    }
);

impl HostSystem {
    /// The system whose os-release(5) is this text; none where it lacks one of the two fields, or says what no system is called.
    pub fn of_os_release(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let value = text.lines().rev().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='))?;
            // Values may be in either kind of quotes; none of those that are valid here has any to be escaped.
            let unquoted = ['"', '\''].iter().find_map(|mark| value.strip_prefix(*mark)?.strip_suffix(*mark));
            Some(unquoted.unwrap_or(value).to_owned())
        };
        format!("{} {}", field("ID")?, field("VERSION_ID")?).parse().ok()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_what_os_release_calls_it() {
        for (text, system) in [
            ("ID=debian\nVERSION_ID=\"12\"\n", Some("debian 12")),
            ("NAME=x\nVERSION_ID='3.20.1'\nID=alpine", Some("alpine 3.20.1")),
            // Of several assignments, a shell keeps the last.
            ("ID=a\nID=b\nVERSION_ID=1", Some("b 1")),
            ("ID=debian\n", None),
            ("ID=\"de bian\"\nVERSION_ID=12\n", None),
            ("", None),
        ] {
            assert_eq!(HostSystem::of_os_release(text).map(|system| system.to_string()).as_deref(), system, "{text:?}");
        }
    }

    #[test]
    fn what_a_host_would_take_for_something_else_is_no_name() {
        for name in ["docker.io", "libc6", "g++", "libdevmapper1.02.1", "0ad"] {
            assert_eq!(name.parse::<PackageName>().unwrap().as_str(), name);
        }
        for name in ["", "-x", "--purge", "a/b", "a b", "A", ".a", "a\n", "a:amd64", &"a".repeat(129)] {
            assert!(name.parse::<PackageName>().is_err(), "{name:?}");
        }
        for version in ["20.10.24+dfsg1-1+deb12u1+b6", "2:1.02.185-2", "1.1.5~rc1"] {
            assert_eq!(version.parse::<PackageVersion>().unwrap().as_str(), version);
        }
        for version in ["", "a1", "1 2", "1/2", "-1", "1\n"] {
            assert!(version.parse::<PackageVersion>().is_err(), "{version:?}");
        }
        for system in ["debian", "debian  12", "Debian 12", "debian 12 x", " 12", "../x 1 "] {
            assert!(system.parse::<HostSystem>().is_err(), "{system:?}");
        }
    }
}
