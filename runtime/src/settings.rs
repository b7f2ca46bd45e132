//! The settings that the runtime goes by, in its own types.

use crate::engine::{EngineAddress, EngineChoice};
use crate::network::Pool;
use landfall_host::settings::{self, CanaryChoice, DiskLimits, EngineSocket, Layers, Limits, SettingsError};
use std::net::SocketAddrV4;

/// The operator's settings over those of the release.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where the API listens; the tenants' ports share its address.
    pub api: SocketAddrV4,
    /// First and last of the tenants' ports.
    pub tenant_ports: (u16, u16),
    /// The limits of each tenant.
    pub limits: Limits,
    /// The disk space of tenants.
    pub disk: DiskLimits,
    /// The address pool of the tenants' subnets.
    pub pool: Pool,
    /// Where the engine listens.
    pub engine: EngineChoice,
    /// What the self-check tries the release with.
    pub canary: CanaryChoice,
}

impl Settings {
    /// Parses the operator's text. Keys that it leaves out have the defaults of this program.
    ///
    /// # Errors
    /// The text is not TOML, or a value is not valid.
    pub fn parse(operator: &str) -> Result<Self, SettingsError> {
        Ok(Layers::parse("", operator)?.settings().into())
    }
}

impl From<&settings::Settings> for Settings {
    fn from(settings: &settings::Settings) -> Self {
        let engine = match &settings.engine {
            EngineSocket::Auto => EngineChoice::Auto,
            EngineSocket::Unix(path) => EngineChoice::At(EngineAddress::Unix(path.clone())),
        };
        Self {
            api: settings.api,
            tenant_ports: settings.tenant_ports,
            limits: settings.limits,
            disk: settings.disk,
            pool: settings.pool.into(),
            engine,
            canary: settings.update.canary.clone(),
        }
    }
}
