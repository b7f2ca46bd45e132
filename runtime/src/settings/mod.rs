//! The settings of the operator, `/etc/landfall/config.toml`.
//!
//! Parsing takes the text; the command line reads the file. Unknown keys and values that are not valid are errors that name the line. Keys
//! that the operator leaves out have the values of [`DEFAULTS`], the commented file that a release packs.

mod values;

use crate::engine::EngineChoice;
use crate::network::Pool;
use landfall_host::settings::{HEALTHY_FOR, KEEP, PATIENCE};
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddrV4};
use values::{Bounded, Cpus, Memory, Pids, Port, Socket};

/// The default settings, with a comment on each key.
pub const DEFAULTS: &str = include_str!("../../config.toml");

/// Why the settings cannot be used.
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

/// The operator's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where the API listens; the tenants' ports share its address.
    pub api: SocketAddrV4,
    /// First and last of the tenants' ports.
    pub tenant_ports: (u16, u16),
    /// The limits of each tenant.
    pub limits: Limits,
    /// The address pool of the tenants' subnets.
    pub pool: Pool,
    /// Where the engine listens.
    pub engine: EngineChoice,
}

/// The limits of one tenant.
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
    /// Parses the operator's text. Keys that it leaves out have their defaults.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let operator: Raw = toml::from_str(text)?;
        // Parsed as well, so that every default has one source: the file that operators read.
        let default: Raw = toml::from_str(DEFAULTS)?;
        let settings = operator.over(default)?;
        let (first, last) = settings.tenant_ports;
        if first > last {
            return Err(SettingsError::EmptyPortRange { first, last });
        }
        let port = settings.api.port();
        // The API holds its port for good, so that no tenant could ever have it.
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

/// The section of `landfall-installer update`, which is only checked here.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawUpdate {
    keep: Option<Bounded<{ *KEEP.start() }, { *KEEP.end() }>>,
    healthy_for: Option<Bounded<{ *HEALTHY_FOR.start() }, { *HEALTHY_FOR.end() }>>,
    patience: Option<Bounded<{ *PATIENCE.start() }, { *PATIENCE.end() }>>,
}

impl Raw {
    fn over(self, default: Self) -> Result<Settings, SettingsError> {
        fn pick<T>(operator: Option<T>, default: Option<T>, key: &'static str) -> Result<T, SettingsError> {
            operator.or(default).ok_or(SettingsError::Missing(key))
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::engine::EngineAddress;

    #[test]
    fn the_defaults_are_complete_and_as_documented() {
        let settings = Settings::parse("").unwrap();
        assert_eq!(settings, Settings::parse(DEFAULTS).unwrap());
        assert_eq!(settings.api.to_string(), "0.0.0.0:3000");
        assert_eq!(settings.tenant_ports, (3001, 3999));
        assert_eq!(settings.limits, Limits { memory: 4 << 30, nano_cpus: 2_000_000_000, pids: 512 });
        assert_eq!(settings.pool.to_string(), "10.213.0.0/16");
        assert_eq!(settings.engine, EngineChoice::Auto);
    }

    #[test]
    fn the_operators_values_override_the_defaults() {
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
        for (text, line, cause) in [
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
            assert!(message.contains(line) && message.contains(cause), "{text:?} gave {message}");
        }
    }

    #[test]
    fn the_installers_section_changes_nothing_here() {
        let text = "[update]\nkeep = 10\nhealthy_for = 0\npatience = 3600\n";
        assert_eq!(Settings::parse(text).unwrap(), Settings::parse("").unwrap());
    }

    #[test]
    fn refuses_port_ranges_that_are_empty_or_contain_the_apis_port() {
        let empty = Settings::parse("[tenants]\nfirst_port = 10\nlast_port = 9");
        assert!(matches!(empty, Err(SettingsError::EmptyPortRange { first: 10, last: 9 })));
        let taken = Settings::parse("[api]\nport = 3001");
        assert!(matches!(taken, Err(SettingsError::ApiPortTaken(3001))));
    }
}
