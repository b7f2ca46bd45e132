//! The names and numbers of organizations and tenants, as types that hold only valid ones.

use crate::engine::labels::{self, BRIDGE_PREFIX};
use landfall_manifests::{Digest, WritablePath};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::RangeInclusive;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name {name:?} is not valid: use 1 to {MAX_NAME} of the characters A-Z a-z 0-9 . _ - and space, \
     with a letter or digit first and last"
)]
pub struct InvalidName {
    name: String,
}

/// Longest name, in bytes: fits a DNS label and every listing.
pub const MAX_NAME: usize = 63;

/// The name of a tenant or an organization, for people. Not unique among tenants, and never part of a path or of an engine's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Checks a name.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b' ');
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = name.as_bytes();
        let valid =
            bytes.len() <= MAX_NAME && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().copied().all(inner);
        // Truncated, because the message repeats it.
        let refused = || InvalidName { name: name.chars().take(MAX_NAME + 1).collect() };
        valid.then(|| Self(name.to_owned())).ok_or_else(refused)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        Self::parse(&name)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrgId(pub i64);

impl OrgId {
    /// The organization of spawns that name none. It always exists.
    pub const DEFAULT: Self = Self(1);
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a tenant's environment. Never assigned twice on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvId(pub i64);

impl fmt::Display for EnvId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl EnvId {
    /// The number of the tenant that a self-check spawns and removes. Assigned numbers begin at 1, and no route accepts this one.
    pub const CANARY: Self = Self(labels::CANARY);

    /// Every number that a tenant can have: the last whose [bridge](Self::bridge) has a name that fits.
    pub const VALID: RangeInclusive<Self> = Self(1)..=Self(999_999_999_999);

    /// The tenant's container and network.
    pub fn container(self) -> String {
        format!("convergence-tenant-{self}")
    }

    /// The container, never started, by which the volumes get their owner.
    pub fn preparation(self) -> String {
        format!("convergence-tenant-{self}-prepare")
    }

    /// The volume at `/app/data/users`.
    pub fn files_volume(self) -> String {
        format!("convergence-tenant-{self}-files")
    }

    /// The volume at `/app/data/db`.
    pub fn history_volume(self) -> String {
        format!("convergence-tenant-{self}-history")
    }

    /// The volume at another path: the path in the characters that engines allow, for people, and its hash, so that no two paths of a
    /// tenant share a volume.
    pub fn volume_at(self, path: &WritablePath) -> String {
        let path = path.as_str();
        let readable = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
        let shown: String = path.chars().skip(1).take(MAX_SHOWN_PATH).map(readable).collect();
        let hash = Digest::of(path.as_bytes()).to_string();
        format!("convergence-tenant-{self}-{shown}-{}", &hash[hash.len() - 16..])
    }

    /// The bridge of the tenant's network: at most 15 bytes (IFNAMSIZ) up to a million million tenants.
    pub fn bridge(self) -> String {
        format!("{BRIDGE_PREFIX}{self}")
    }
}

/// How many characters of a path the name of a volume shows.
const MAX_SHOWN_PATH: usize = 48;

/// The name of the canary. No tenant can have it: it is not a [`Name`].
pub const CANARY_NAME: &str = "(canary)";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn accepts_ordinary_names() {
        for name in ["a", "7", "acme-corp-ai", "ACME Corp", "v1.2_x", &"x".repeat(MAX_NAME)] {
            assert_eq!(Name::parse(name).as_ref().map(Name::as_str), Ok(name));
        }
    }

    #[test]
    fn refuses_names_that_could_mislead() {
        let long = "x".repeat(MAX_NAME + 1);
        for name in ["", " a", "a ", "-a", "a-", "a/b", "a\nb", "a\0", "é", "../a", "a;b", "<a>", CANARY_NAME, &long] {
            assert!(Name::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn each_path_has_a_volume_of_its_own() {
        let volume = |path: &str| EnvId(7).volume_at(&path.parse().unwrap());
        assert_eq!(volume("/var/lib/redis"), "convergence-tenant-7-var-lib-redis-9ae8fab79ad19f62");
        let long = format!("/{}", "a".repeat(900));
        let paths = ["/a/b", "/a-b", "/a b", "/a/ü", "/a/ö", "/files", "/history", &long, &format!("{long}b")];
        let names: std::collections::BTreeSet<String> = paths.iter().map(|path| volume(path)).collect();
        assert_eq!(names.len(), paths.len(), "{names:?}");
        // What engines take as a volume's name, and file systems as a folder's.
        let allowed = |name: &String| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        assert!(names.iter().all(|name| allowed(name) && name.len() <= 255), "{names:?}");
    }

    #[test]
    fn bridges_fit_the_kernels_limit() {
        assert!(EnvId::VALID.end().bridge().len() <= 15);
    }
}
