//! The values of settings, each checked as it is parsed.

use super::numbers::{Number, Whole};
use landfall_manifests::{ImageName, NameError};
use serde::Deserialize;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A port. Not zero, which means "any" to the kernel: clients could not know the number.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Whole")]
pub(super) struct Port(pub(super) u16);

impl TryFrom<Whole> for Port {
    type Error = &'static str;

    fn try_from(Whole(number): Whole) -> Result<Self, Self::Error> {
        let port = u16::try_from(number).ok().filter(|port| *port > 0);
        port.map(Self).ok_or("a port lies between 1 and 65535")
    }
}

/// A number from `MIN` to `MAX`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Whole")]
pub(super) struct Bounded<const MIN: u32, const MAX: u32>(pub(super) u32);

impl<const MIN: u32, const MAX: u32> TryFrom<Whole> for Bounded<MIN, MAX> {
    type Error = String;

    fn try_from(Whole(number): Whole) -> Result<Self, String> {
        let inside = u32::try_from(number).ok().filter(|number| (MIN..=MAX).contains(number));
        inside.map(Self).ok_or_else(|| format!("{number} does not lie between {MIN} and {MAX}"))
    }
}

/// The smallest memory limit, in bytes: Docker refuses less than 6 MiB.
const MIN_MEMORY: i64 = 8 << 20;
/// The smallest limit of disk space, in bytes: with less, no application keeps anything.
const MIN_DISK: u64 = 1 << 20;

/// A number of bytes with its unit. All of them fit into an `i64`.
fn bytes(text: &str) -> Result<i64, String> {
    // `B` is the last: all the others end with it.
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("B", 0)];
    let parsed = units.into_iter().find_map(|(unit, shift)| {
        let number = text.strip_suffix(unit)?.trim_end();
        number.parse::<u32>().ok().and_then(|number| i64::from(number).checked_mul(1_i64 << shift))
    });
    parsed.ok_or_else(|| format!("{text:?} is not a size such as \"512MiB\" or \"4GiB\""))
}

/// An amount of memory, in bytes.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Memory(pub(super) i64);

impl TryFrom<String> for Memory {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match bytes(&text)? {
            bytes if bytes >= MIN_MEMORY => Ok(Self(bytes)),
            _ => Err(format!("{text:?} is less than 8MiB, with which no container starts")),
        }
    }
}

/// A limit of disk space, in bytes.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Disk(pub(super) u64);

impl TryFrom<String> for Disk {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match bytes(&text)?.unsigned_abs() {
            bytes if bytes >= MIN_DISK => Ok(Self(bytes)),
            _ => Err(format!("{text:?} is less than 1MiB, in which no application keeps anything")),
        }
    }
}

/// Disk space that is left free, in bytes; zero is allowed.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct DiskReserve(pub(super) u64);

impl TryFrom<String> for DiskReserve {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(Self(bytes(&text)?.unsigned_abs()))
    }
}

/// A number of cores, in billionths.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Number")]
pub(super) struct Cpus(pub(super) i64);

impl TryFrom<Number> for Cpus {
    type Error = &'static str;

    #[expect(clippy::cast_possible_truncation, reason = "at most 1024e9, which an i64 holds")]
    fn try_from(Number(cores): Number) -> Result<Self, Self::Error> {
        let valid = (0.01..=1024.0).contains(&cores);
        if valid { Ok(Self((cores * 1e9) as i64)) } else { Err("cpus lie between 0.01 and 1024") }
    }
}

/// A number of processes and threads.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Whole")]
pub(super) struct Pids(pub(super) i64);

impl TryFrom<Whole> for Pids {
    type Error = &'static str;

    fn try_from(Whole(pids): Whole) -> Result<Self, Self::Error> {
        match u32::try_from(pids) {
            Ok(pids) if pids >= 8 => Ok(Self(pids.into())),
            Ok(_) => Err("pids are at least 8, fewer start no server"),
            Err(_) => Err("pids lie between 8 and 4294967295"),
        }
    }
}

/// The engine's socket. The service needs an engine on this host, so that the other choices of the installer's command line are errors.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum EngineSocket {
    /// The first engine that is found: `auto`.
    Auto,
    /// The socket at this absolute path: `unix:///path`.
    Unix(PathBuf),
}

impl TryFrom<String> for EngineSocket {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let path = text.strip_prefix("unix://").map(Path::new).filter(|path| path.is_absolute());
        let path = path.ok_or_else(|| format!("{text:?} is neither \"auto\" nor \"unix:///path/of/a/socket\""))?;
        Ok(Self::Unix(path.to_owned()))
    }
}

/// The image that a release is tried with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum CanaryChoice {
    /// The one that the release itself names.
    #[default]
    Release,
    /// The tenant image with this name.
    Image(ImageName),
    /// No tenant is made.
    None,
}

impl TryFrom<String> for CanaryChoice {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        match text.as_str() {
            "" => Ok(Self::Release),
            "none" => Ok(Self::None),
            name => name.parse().map(Self::Image),
        }
    }
}

/// The smallest pool: one tenant's subnet, a /29.
const NARROWEST_POOL: u8 = 29;
/// The widest pool: a /8 holds two million tenants, and no private range is wider.
const WIDEST_POOL: u8 = 8;

/// A private IPv4 range (RFC 1918), such as `10.213.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PoolRange {
    /// The first address.
    base: Ipv4Addr,
    /// The bits that all addresses share.
    prefix: u8,
}

impl PoolRange {
    /// The range with `prefix` bits that begins at `base`; `None` where that is no private range, or too narrow or wide for a pool.
    pub fn new(base: Ipv4Addr, prefix: u8) -> Option<Self> {
        let fits = (WIDEST_POOL..=NARROWEST_POOL).contains(&prefix);
        let hosts = fits.then(|| u32::MAX >> prefix)?;
        // Both ends: 172.16.0.0/11 begins in a private range and ends outside.
        let private = base.is_private() && Ipv4Addr::from(u32::from(base) | hosts).is_private();
        (u32::from(base) & hosts == 0 && private).then_some(Self { base, prefix })
    }

    /// The first address of the range.
    pub fn base(self) -> Ipv4Addr {
        self.base
    }

    /// The length of its prefix, in bits.
    pub fn prefix(self) -> u8 {
        self.prefix
    }
}

/// A text that is no [`PoolRange`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a private IPv4 range between /8 and /29 that begins at its first address, such as 10.213.0.0/16")]
pub struct InvalidPool(String);

impl FromStr for PoolRange {
    type Err = InvalidPool;

    fn from_str(text: &str) -> Result<Self, InvalidPool> {
        let parsed = || -> Option<Self> {
            let (base, prefix) = text.split_once('/')?;
            Self::new(base.parse().ok()?, prefix.parse().ok()?)
        };
        parsed().ok_or_else(|| InvalidPool(text.to_owned()))
    }
}

impl TryFrom<String> for PoolRange {
    type Error = InvalidPool;

    fn try_from(text: String) -> Result<Self, InvalidPool> {
        text.parse()
    }
}

impl fmt::Display for PoolRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}
