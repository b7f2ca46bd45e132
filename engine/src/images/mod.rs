//! The container engine: what the installer asks of it, and which one it is.
//!
//! `bollard` is named in [`docker`] alone.

mod address;
mod docker;
pub mod fake;

pub use address::{EngineAddress, EngineChoice};
pub use docker::Docker;

use landfall_manifests::Digest;
use std::io::{self, Write};
use std::path::PathBuf;

/// The label that all containers, networks and volumes of tenants carry.
pub const TENANT_LABEL: &str = "io.landfall.tenant";
/// The label's value on the runtime's canary; tenants are numbered from 1.
pub const CANARY: u32 = 0;

/// The engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no engine where one should be.
    #[error("no container engine is reachable at {socket}")]
    Unreachable {
        /// Where it should listen.
        socket: String,
        /// What the system or the client library says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It answered no, or the connection broke.
    #[error("the container engine cannot {what}")]
    Request {
        /// What was asked, as a verb and its object.
        what: String,
        /// What the engine or the client library says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The archive that was streamed to it could not be made.
    #[error("cannot stream the image to the container engine")]
    Archive(#[source] io::Error),
}

/// The oldest API that the installer and the runtime speak (Docker 20.10).
pub const MIN_API: ApiVersion = ApiVersion { major: 1, minor: 41 };

/// A version of Docker's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    /// Before the dot.
    pub major: u32,
    /// After the dot.
    pub minor: u32,
}

impl ApiVersion {
    /// Parses `1.41`.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What an engine is and can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its own version, for people.
    pub version: String,
    /// The API that it offers, where it says so.
    pub api: Option<ApiVersion>,
    /// Where it keeps images, on its own machine.
    pub data_root: Option<PathBuf>,
    /// Whether it loads an archive that omits layers which it holds already. Docker with its classic image store does;
    /// with containerd's store, and Podman, want every layer.
    pub takes_partial_archives: bool,
    /// The limits it says it cannot set.
    pub missing_limits: Vec<&'static str>,
}

/// An image that an engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalImage {
    /// The engine's own id: the config's digest, or the manifest's with containerd's store.
    pub id: String,
    /// `repository:tag`
    pub tags: Vec<String>,
    /// `os/arch`
    pub platform: String,
    /// The layers by their uncompressed content, base first.
    pub diff_ids: Vec<Digest>,
}

/// Whether tenants' data goes with their containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volumes {
    /// They stay.
    Keep,
    /// They are removed.
    Remove,
}

/// Writes an image's archive to the engine.
pub type Fill<'a> = &'a mut (dyn FnMut(&mut dyn Write) -> io::Result<()> + Send);

/// A container engine. Calls are synchronous; removing what is not there is fine.
pub trait Engine {
    /// What it is.
    fn about(&self) -> Result<About, EngineError>;
    /// Every image that it has.
    fn images(&self) -> Result<Vec<LocalImage>, EngineError>;
    /// The image that a tag or an id leads to.
    fn image(&self, reference: &str) -> Result<Option<LocalImage>, EngineError>;
    /// Loads the docker-archive that `fill` writes. If it fails, nothing of the archive is loaded.
    fn load(&self, fill: Fill<'_>) -> Result<(), EngineError>;
    /// Whether the engine is working on some archive, as far as it can be told: a load goes on when its sender has died.
    fn is_loading(&self) -> Result<bool, EngineError>;
    /// Gives an image one more tag.
    fn tag(&self, id: &str, tag: &str) -> Result<(), EngineError>;
    /// Takes a tag away, and the image with its last tag.
    fn untag(&self, tag: &str) -> Result<(), EngineError>;
    /// Removes all tenants' containers and networks.
    fn remove_tenants(&self, volumes: Volumes) -> Result<(), EngineError>;
    /// Removes what a self-check that was cut off has left: it holds an image of the release that was checked.
    fn remove_canary(&self) -> Result<(), EngineError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_api_versions_by_number() {
        let version = ApiVersion::parse;
        assert!(version("1.5") < version("1.41"));
        assert!(version("1.41") == Some(MIN_API) && version("2.0") > Some(MIN_API));
        assert_eq!(version("1"), None);
    }
}
