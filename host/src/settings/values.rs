//! The values of settings, each checked as it is parsed.

use landfall_manifests::ImageName;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use toml::Value;

/// A type that the value of a setting has.
pub(super) trait SettingValue: Sized {
    /// The typed value; or what is wanted, which goes after "it has to be".
    fn of(value: &Value) -> Result<Self, String>;
}

impl SettingValue for Ipv4Addr {
    fn of(value: &Value) -> Result<Self, String> {
        let address = value.as_str().and_then(|text| text.parse().ok());
        address.ok_or_else(|| "an IPv4 address, such as \"0.0.0.0\"".to_owned())
    }
}

/// A port. Not zero, which means "any" to the kernel: clients could not know the number.
pub(super) struct Port(pub(super) u16);

impl SettingValue for Port {
    fn of(value: &Value) -> Result<Self, String> {
        let port = value.as_integer().and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
        port.map(Self).ok_or_else(|| "a whole number from 1 to 65535".to_owned())
    }
}

/// A number from `MIN` to `MAX`.
pub(super) struct Bounded<const MIN: u32, const MAX: u32>(pub(super) u32);

impl<const MIN: u32, const MAX: u32> SettingValue for Bounded<MIN, MAX> {
    fn of(value: &Value) -> Result<Self, String> {
        let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| (MIN..=MAX).contains(number));
        number.map(Self).ok_or_else(|| format!("a whole number from {MIN} to {MAX}"))
    }
}

/// The smallest memory limit, in bytes: Docker refuses less than 6 MiB.
const MIN_MEMORY: i64 = 8 << 20;
/// The smallest limit of disk space, in bytes: with less, no application keeps anything.
const MIN_DISK: u64 = 1 << 20;

/// A number of bytes with its unit. All of them fit into an `i64`.
fn bytes(value: &Value) -> Option<i64> {
    // `B` is the last: all the others end with it.
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("B", 0)];
    units.into_iter().find_map(|(unit, shift)| {
        let number = value.as_str()?.strip_suffix(unit)?.trim_end();
        number.parse::<u32>().ok().and_then(|number| i64::from(number).checked_mul(1_i64 << shift))
    })
}

/// An amount of memory, in bytes.
pub(super) struct Memory(pub(super) i64);

impl SettingValue for Memory {
    fn of(value: &Value) -> Result<Self, String> {
        let memory = bytes(value).filter(|bytes| *bytes >= MIN_MEMORY);
        memory.map(Self).ok_or_else(|| "a size of at least 8MiB, such as \"512MiB\" or \"4GiB\"".to_owned())
    }
}

/// A limit of disk space, in bytes.
pub(super) struct Disk(pub(super) u64);

impl SettingValue for Disk {
    fn of(value: &Value) -> Result<Self, String> {
        let disk = bytes(value).map(i64::unsigned_abs).filter(|bytes| *bytes >= MIN_DISK);
        disk.map(Self).ok_or_else(|| "a size of at least 1MiB, such as \"512MiB\" or \"4GiB\"".to_owned())
    }
}

/// Disk space that is left free, in bytes; zero is allowed.
pub(super) struct DiskReserve(pub(super) u64);

impl SettingValue for DiskReserve {
    fn of(value: &Value) -> Result<Self, String> {
        let reserve = bytes(value).map(i64::unsigned_abs);
        reserve.map(Self).ok_or_else(|| "a size, such as \"512MiB\" or \"4GiB\"".to_owned())
    }
}

/// A number of cores, in billionths.
pub(super) struct Cpus(pub(super) i64);

impl SettingValue for Cpus {
    #[expect(clippy::cast_precision_loss, reason = "whole numbers of cores are small")]
    #[expect(clippy::cast_possible_truncation, reason = "at most 1024e9, which an i64 holds")]
    fn of(value: &Value) -> Result<Self, String> {
        let cores = value.as_float().or_else(|| value.as_integer().map(|cores| cores as f64));
        let cores = cores.filter(|cores| (0.01..=1024.0).contains(cores));
        cores.map(|cores| Self((cores * 1e9) as i64)).ok_or_else(|| "a number from 0.01 to 1024".to_owned())
    }
}

/// A number of processes and threads: fewer than eight start no server.
pub(super) struct Pids(pub(super) i64);

impl SettingValue for Pids {
    fn of(value: &Value) -> Result<Self, String> {
        let pids = value.as_integer().filter(|pids| (8..=u32::MAX.into()).contains(pids));
        pids.map(Self).ok_or_else(|| format!("a whole number from 8 to {}", u32::MAX))
    }
}

/// The engine's socket. The service needs an engine on this host, so that the other choices of the installer's command line are errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineSocket {
    /// The first engine that is found: `auto`.
    Auto,
    /// The socket at this absolute path: `unix:///path`.
    Unix(PathBuf),
}

impl SettingValue for EngineSocket {
    fn of(value: &Value) -> Result<Self, String> {
        let parsed = value.as_str().and_then(|text| match text.strip_prefix("unix://").map(Path::new) {
            Some(path) => path.is_absolute().then(|| Self::Unix(path.to_owned())),
            None => (text == "auto").then_some(Self::Auto),
        });
        parsed.ok_or_else(|| "\"auto\" or \"unix:///path/of/a/socket\"".to_owned())
    }
}

/// The image that a release is tried with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CanaryChoice {
    /// The one that the release itself names.
    #[default]
    Release,
    /// The tenant image with this name.
    Image(ImageName),
    /// No tenant is made.
    None,
}

impl SettingValue for CanaryChoice {
    fn of(value: &Value) -> Result<Self, String> {
        let parsed = value.as_str().and_then(|text| match text {
            "" => Some(Self::Release),
            "none" => Some(Self::None),
            name => name.parse().ok().map(Self::Image),
        });
        parsed.ok_or_else(|| "the name of a tenant image, \"none\", or \"\" for the release's own choice".to_owned())
    }
}

/// The smallest pool: one tenant's subnet, a /29.
const NARROWEST_POOL: u8 = 29;
/// The widest pool: a /8 holds two million tenants, and no private range is wider.
const WIDEST_POOL: u8 = 8;

/// A private IPv4 range (RFC 1918), such as `10.213.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

const POOL: &str = "a private IPv4 range from /8 to /29 that begins at its first address, such as \"10.213.0.0/16\"";

/// A text that is no [`PoolRange`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not {POOL}")]
pub struct InvalidPool(String);

impl FromStr for PoolRange {
    type Err = InvalidPool;

    fn from_str(text: &str) -> Result<Self, InvalidPool> {
        let parsed = || -> Option<Self> {
            let (base, prefix) = text.split_once('/')?;
            Self::new(base.parse().ok()?, prefix.parse().ok()?)
        };
        // Written in one way only: `/016` is no prefix to other programs.
        parsed().filter(|range| range.to_string() == text).ok_or_else(|| InvalidPool(text.to_owned()))
    }
}

impl SettingValue for PoolRange {
    fn of(value: &Value) -> Result<Self, String> {
        value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| POOL.to_owned())
    }
}

impl fmt::Display for PoolRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}
