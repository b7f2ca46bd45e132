//! The settings of the operator, `/etc/landfall/config.toml`.
//!
//! Parsing takes text and decides everything; reading the file is the caller's. Unknown keys and values that make no sense are errors
//! that name the line. What the operator leaves out comes from [`DEFAULTS`], the commented file that a release packs.

use crate::engine::EngineChoice;
use crate::network::Pool;
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddrV4};

/// The default settings, with a comment on each key.
pub const DEFAULTS: &str = include_str!("../../config.toml");

/// Why the settings are not usable.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The text is not TOML, or a key is unknown, or a value is not valid. The message shows the line.
    #[error(transparent)]
    Parse(#[from] toml::de::Error),
    /// The range of the tenants' ports is empty.
    #[error("[tenants] first_port = {first} lies above last_port = {last}")]
    EmptyPortRange {
        /// The first port.
        first: u16,
        /// The last port.
        last: u16,
    },
    /// The API's port is one of the tenants' ports.
    #[error("[api] port = {0} lies between [tenants] first_port and last_port, which belong to the tenants")]
    ApiPortTaken(u16),
    /// A key has neither a value nor a default.
    #[error("the settings leave out {0}, which has no default")]
    Missing(&'static str),
}

/// What the operator decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where the API listens; the tenants' ports share its address.
    pub api: SocketAddrV4,
    /// First and last of the tenants' ports.
    pub tenant_ports: (u16, u16),
    /// What one tenant may use.
    pub limits: Limits,
    /// Where tenants' subnets come from.
    pub pool: Pool,
    /// Where the engine listens.
    pub engine: EngineChoice,
}

/// What one tenant may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory in bytes; there is no swap on top.
    pub memory: i64,
    /// Billionths of a core.
    pub nano_cpus: i64,
    /// Processes and threads.
    pub pids: i64,
}

impl Settings {
    /// Parses the operator's text over the defaults.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let given: Raw = toml::from_str(text)?;
        let default: Raw = toml::from_str(DEFAULTS)?;
        let settings = given.over(default)?;
        let (first, last) = settings.tenant_ports;
        if first > last {
            return Err(SettingsError::EmptyPortRange { first, last });
        }
        let port = settings.api.port();
        if (first..=last).contains(&port) {
            return Err(SettingsError::ApiPortTaken(port));
        }
        Ok(settings)
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    api: RawApi,
    tenants: RawTenants,
    network: RawNetwork,
    engine: RawEngine,
    update: RawUpdate,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawApi {
    address: Option<Ipv4Addr>,
    port: Option<Port>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawTenants {
    first_port: Option<Port>,
    last_port: Option<Port>,
    memory: Option<Memory>,
    cpus: Option<Cpus>,
    pids: Option<Pids>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawNetwork {
    pool: Option<Pool>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawEngine {
    socket: Option<Socket>,
}

/// What `landfall-installer update` reads; here it is only held to be right. Its bounds stand in the installer too: the programs share nothing but the file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawUpdate {
    keep: Option<Within<2, 10>>,
    healthy_for: Option<Within<0, 600>>,
    patience: Option<Within<1, 3600>>,
}

impl Raw {
    fn over(self, default: Self) -> Result<Settings, SettingsError> {
        fn pick<T>(given: Option<T>, default: Option<T>, key: &'static str) -> Result<T, SettingsError> {
            given.or(default).ok_or(SettingsError::Missing(key))
        }
        let (tenants, base) = (self.tenants, default.tenants);
        let address = pick(self.api.address, default.api.address, "api.address")?;
        let port = pick(self.api.port, default.api.port, "api.port")?;
        Ok(Settings {
            api: SocketAddrV4::new(address, port.0),
            tenant_ports: (
                pick(tenants.first_port, base.first_port, "tenants.first_port")?.0,
                pick(tenants.last_port, base.last_port, "tenants.last_port")?.0,
            ),
            limits: Limits {
                memory: pick(tenants.memory, base.memory, "tenants.memory")?.0,
                nano_cpus: pick(tenants.cpus, base.cpus, "tenants.cpus")?.0,
                pids: pick(tenants.pids, base.pids, "tenants.pids")?.0,
            },
            pool: pick(self.network.pool, default.network.pool, "network.pool")?,
            engine: pick(self.engine.socket, default.engine.socket, "engine.socket")?.0,
        })
    }
}

/// A port that can be asked for: zero means "any" to the kernel, which nobody could then be told.
#[derive(Deserialize)]
#[serde(try_from = "u16")]
struct Port(u16);

impl TryFrom<u16> for Port {
    type Error = &'static str;

    fn try_from(port: u16) -> Result<Self, Self::Error> {
        if port == 0 { Err("a port lies between 1 and 65535") } else { Ok(Self(port)) }
    }
}

/// A number that has been seen to lie between its bounds, both included.
#[derive(Deserialize)]
#[serde(try_from = "u32")]
struct Within<const LEAST: u32, const MOST: u32>;

impl<const LEAST: u32, const MOST: u32> TryFrom<u32> for Within<LEAST, MOST> {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        let inside = (LEAST..=MOST).contains(&number);
        inside.then_some(Self).ok_or_else(|| format!("{number} does not lie between {LEAST} and {MOST}"))
    }
}

/// Least memory that an engine takes (Docker refuses less than 6 MiB).
const MIN_MEMORY: i64 = 8 << 20;

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Memory(i64);

impl TryFrom<String> for Memory {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
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

#[derive(Deserialize)]
#[serde(try_from = "f64")]
struct Cpus(i64);

impl TryFrom<f64> for Cpus {
    type Error = &'static str;

    #[expect(clippy::cast_possible_truncation, reason = "at most 1024e9, which an i64 holds")]
    fn try_from(cores: f64) -> Result<Self, Self::Error> {
        let sensible = (0.01..=1024.0).contains(&cores);
        if sensible { Ok(Self((cores * 1e9) as i64)) } else { Err("cpus lie between 0.01 and 1024") }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "u32")]
struct Pids(i64);

impl TryFrom<u32> for Pids {
    type Error = &'static str;

    fn try_from(pids: u32) -> Result<Self, Self::Error> {
        if pids < 8 { Err("pids are at least 8, fewer start no server") } else { Ok(Self(pids.into())) }
    }
}

/// The engine's socket. A service needs an engine, on this host: the other choices of the installer's command line are errors.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Socket(EngineChoice);

impl TryFrom<String> for Socket {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse() {
            Ok(choice) if text == "auto" || text.starts_with("unix://") => Ok(Self(choice)),
            _ => Err(format!("{text:?} is neither \"auto\" nor \"unix:///path/of/a/socket\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::engine::EngineAddress;

    #[test]
    fn the_packed_defaults_are_complete_and_those_of_the_design() {
        let settings = Settings::parse("").unwrap();
        assert_eq!(settings, Settings::parse(DEFAULTS).unwrap());
        assert_eq!(settings.api.to_string(), "0.0.0.0:3000");
        assert_eq!(settings.tenant_ports, (3001, 3999));
        assert_eq!(settings.limits, Limits { memory: 4 << 30, nano_cpus: 2_000_000_000, pids: 512 });
        assert_eq!(settings.pool.to_string(), "10.213.0.0/16");
        assert_eq!(settings.engine, EngineChoice::Auto);
    }

    #[test]
    fn what_the_operator_gives_wins() {
        let text =
            "[api]\nport = 80\n[tenants]\nmemory = \"512MiB\"\ncpus = 0.5\n[engine]\nsocket = \"unix:///x.sock\"\n";
        let settings = Settings::parse(text).unwrap();
        assert_eq!(settings.api.port(), 80);
        assert_eq!((settings.limits.memory, settings.limits.nano_cpus), (512 << 20, 500_000_000));
        assert_eq!(settings.engine, EngineChoice::At(EngineAddress::Unix("/x.sock".into())));
        assert_eq!(settings.tenant_ports, (3001, 3999));
    }

    #[test]
    fn errors_name_the_line_and_the_cause() {
        for (text, line, says) in [
            ("[api]\nprot = 80", "line 2", "unknown field `prot`"),
            ("\n[apis]\n", "line 2", "unknown field `apis`"),
            ("[api]\nport = 0", "line 2", "between 1 and 65535"),
            ("[api]\nport = 70000", "line 2", "70000"),
            ("[api]\naddress = \"localhost\"", "line 2", "IPv4"),
            ("[tenants]\nmemory = \"4GB\"", "line 2", "512MiB"),
            ("[tenants]\nmemory = \"1MiB\"", "line 2", "8MiB"),
            ("[tenants]\ncpus = -1.0", "line 2", "between 0.01"),
            ("[tenants]\npids = 1", "line 2", "at least 8"),
            ("[network]\npool = \"8.8.8.0/24\"", "line 2", "private"),
            ("[engine]\nsocket = \"tcp://1.2.3.4\"", "line 2", "neither"),
            ("[update]\nkeep = 1", "line 2", "between 2 and 10"),
            ("[update]\nkeep = 11", "line 2", "between 2 and 10"),
            ("[update]\nhealthy_for = 601", "line 2", "between 0 and 600"),
            ("[update]\npatience = 0", "line 2", "between 1 and 3600"),
            ("[update]\npatience = \"1m\"", "line 2", "expected u32"),
            ("[update]\nkept = 2", "line 2", "unknown field `kept`"),
            ("[api\n", "line 1", ""),
        ] {
            let message = Settings::parse(text).unwrap_err().to_string();
            assert!(message.contains(line) && message.contains(says), "{text:?} gave {message}");
        }
    }

    #[test]
    fn leaves_the_section_of_the_installer_to_the_installer() {
        let text = "[update]\nkeep = 10\nhealthy_for = 0\npatience = 3600\n";
        assert_eq!(Settings::parse(text).unwrap(), Settings::parse("").unwrap());
    }

    #[test]
    fn refuses_ports_that_contradict_each_other() {
        let empty = Settings::parse("[tenants]\nfirst_port = 10\nlast_port = 9");
        assert!(matches!(empty, Err(SettingsError::EmptyPortRange { first: 10, last: 9 })));
        let taken = Settings::parse("[api]\nport = 3001");
        assert!(matches!(taken, Err(SettingsError::ApiPortTaken(3001))));
    }
}
