//! The values of settings, each checked as it is parsed.

use crate::engine::EngineChoice;
use serde::Deserialize;

/// A port. Not zero, which means "any" to the kernel: clients could not know the number.
#[derive(Deserialize)]
#[serde(try_from = "u16")]
pub(super) struct Port(pub(super) u16);

impl TryFrom<u16> for Port {
    type Error = &'static str;

    fn try_from(port: u16) -> Result<Self, Self::Error> {
        if port == 0 { Err("a port lies between 1 and 65535") } else { Ok(Self(port)) }
    }
}

/// A number from `MIN` to `MAX`. Only its bounds are checked; the value is the installer's.
#[derive(Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Bounded<const MIN: u32, const MAX: u32>;

impl<const MIN: u32, const MAX: u32> TryFrom<u32> for Bounded<MIN, MAX> {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        let inside = (MIN..=MAX).contains(&number);
        inside.then_some(Self).ok_or_else(|| format!("{number} does not lie between {MIN} and {MAX}"))
    }
}

/// The smallest memory limit, in bytes: Docker refuses less than 6 MiB.
const MIN_MEMORY: i64 = 8 << 20;

/// An amount of memory, in bytes.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Memory(pub(super) i64);

impl TryFrom<String> for Memory {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // `B` is the last: all the others end with it.
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("B", 0)];
        let parsed = units.into_iter().find_map(|(unit, shift)| {
            let number = text.strip_suffix(unit)?.trim_end();
            number.parse::<u32>().ok().and_then(|number| i64::from(number).checked_mul(1_i64 << shift))
        });
        match parsed {
            Some(bytes) if bytes >= MIN_MEMORY => Ok(Self(bytes)),
            Some(_) => Err(format!("{text:?} is less than 8MiB, with which no container starts")),
            None => Err(format!("{text:?} is not a size such as \"512MiB\" or \"4GiB\"")),
        }
    }
}

/// A number of cores, in billionths.
#[derive(Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Cpus(pub(super) i64);

impl TryFrom<f64> for Cpus {
    type Error = &'static str;

    #[expect(clippy::cast_possible_truncation, reason = "at most 1024e9, which an i64 holds")]
    fn try_from(cores: f64) -> Result<Self, Self::Error> {
        let valid = (0.01..=1024.0).contains(&cores);
        if valid { Ok(Self((cores * 1e9) as i64)) } else { Err("cpus lie between 0.01 and 1024") }
    }
}

/// A number of processes and threads.
#[derive(Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Pids(pub(super) i64);

impl TryFrom<u32> for Pids {
    type Error = &'static str;

    fn try_from(pids: u32) -> Result<Self, Self::Error> {
        if pids < 8 { Err("pids are at least 8, fewer start no server") } else { Ok(Self(pids.into())) }
    }
}

/// The engine's socket. The service needs an engine on this host, so that the other choices of the installer's command line are errors.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Socket(pub(super) EngineChoice);

impl TryFrom<String> for Socket {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse() {
            Ok(choice) if text == "auto" || text.starts_with("unix://") => Ok(Self(choice)),
            _ => Err(format!("{text:?} is neither \"auto\" nor \"unix:///path/of/a/socket\"")),
        }
    }
}
