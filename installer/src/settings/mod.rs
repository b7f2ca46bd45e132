//! `config.toml`, as the installer reads and writes it. The layers and their values are `landfall_host::settings`.
//!
//! | module | holds |
//! | --- | --- |
//! | `file` | files of settings, and the operator's `config.toml` on the host |
//! | `overrides` | values from a command line or a file of answers, and how they get into the operator's text |
//! | `changes` | what a next release changes; pure |
//! | `usable` | what an automatic revert leaves of the operator's text; pure |

pub(crate) mod changes;
pub(crate) mod file;
pub(crate) mod overrides;
pub(crate) mod usable;

pub(crate) use file::SettingsFileError;
pub(crate) use landfall_host::settings::{Layers, MAX_BYTES, RELEASE_FILE, Settings};

use landfall_host::settings::CanaryChoice;
use landfall_manifests::Release;
use std::net::Ipv4Addr;

/// Settings that make no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{what} is not TOML: line {line}: {message}")]
    Parse { what: &'static str, line: usize, message: String },
    #[error("there is no setting {0}")]
    Unknown(String),
    #[error("config.toml does not set {0}: what counts is the release's value")]
    NotSet(String),
    #[error("{0:?} is not of the form section.key=value")]
    Form(String),
    #[error("{0:?} is not of the form section.key")]
    Key(String),
    #[error("config.toml writes [{0}] in a way that cannot be edited: write it as a section, with a line for each key")]
    Shape(String),
    #[error("config.toml would have {0} bytes, and {MAX_BYTES} are read")]
    TooLarge(usize),
    #[error("update.canary is {name:?}, and the release has no such tenant image; it has {}", list(available))]
    Canary { name: String, available: Vec<String> },
    #[error("these settings cannot be used")]
    Values(#[from] landfall_host::settings::SettingsError),
}

/// Refuses an image to try the release with that the release does not have.
pub(crate) fn check_canary(canary: &CanaryChoice, release: &Release) -> Result<(), SettingsError> {
    let CanaryChoice::Image(name) = canary else { return Ok(()) };
    let tenants = || release.images.iter().filter(|image| image.tenant.is_some()).map(|image| &image.name);
    if tenants().any(|tenant| tenant == name) {
        return Ok(());
    }
    Err(SettingsError::Canary { name: name.to_string(), available: tenants().map(ToString::to_string).collect() })
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none at all".to_owned() } else { names.join(", ") }
}

/// The ports that a release listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports {
    /// The address of the API and of the tenants' ports.
    pub(crate) address: Ipv4Addr,
    /// The API's port.
    pub(crate) api: u16,
    /// The first tenant's port.
    pub(crate) first_tenant: u16,
}

impl From<&Settings> for Ports {
    fn from(settings: &Settings) -> Self {
        let (address, api) = (*settings.api.ip(), settings.api.port());
        Self { address, api, first_tenant: settings.tenant_ports.0 }
    }
}
