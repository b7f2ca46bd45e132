//! Images in an engine: what the bundler and the installer need of it. Calls are synchronous.

use crate::api_version::ApiVersion;
use crate::error::EngineError;
use crate::labels::{Labels, Owned};
use landfall_manifests::Digest;
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// What an engine is and what it supports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its own version, for people.
    pub version: String,
    /// The newest API version that it offers, where it says so.
    pub api: Option<ApiVersion>,
    /// Where it keeps images, on its own machine.
    pub data_root: Option<PathBuf>,
    /// Whether it loads an archive that omits layers which it holds already. Docker with its classic image store does;
    /// Docker with containerd's store and Podman require every layer.
    pub takes_partial_archives: bool,
    /// The resource limits that it reports as unsupported: `memory`, `cpu`, `pids`.
    pub missing_limits: Vec<&'static str>,
}

/// An image that an engine holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalImage {
    /// The engine's own id: the digest of the configuration, or of the manifest with containerd's store.
    pub id: String,
    /// Its tags, `repository:tag`.
    pub tags: Vec<String>,
    /// `os/arch`
    pub platform: String,
    /// The digests of the uncompressed layers, base first.
    pub diff_ids: Vec<Digest>,
}

/// A network of an engine, whoever created it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineNetwork {
    /// Its name.
    pub name: String,
    /// Its subnets, `a.b.c.d/n` or IPv6.
    pub subnets: Vec<String>,
    /// Its labels.
    pub labels: Labels,
}

/// Whether tenants' volumes are removed with their containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volumes {
    /// They stay.
    Keep,
    /// They are removed, and the data in them.
    Remove,
}

/// Writes an image's archive to the engine.
pub type WriteArchive<'a> = &'a mut (dyn FnMut(&mut dyn Write) -> io::Result<()> + Send);

/// A container engine, as the installer needs it. Removing what does not exist succeeds.
///
/// # Errors
/// Each method returns an [`EngineError`] where the engine cannot be asked or does not do it.
pub trait ImageEngine {
    /// What it is and what it supports.
    fn about(&self) -> Result<About, EngineError>;
    /// Every image that it holds.
    fn images(&self) -> Result<Vec<LocalImage>, EngineError>;
    /// The image with this tag or id.
    fn image(&self, reference: &str) -> Result<Option<LocalImage>, EngineError>;
    /// Every network that it has.
    fn networks(&self) -> Result<Vec<EngineNetwork>, EngineError>;
    /// Loads the docker-archive that `write` writes. Where that fails, nothing of the archive is loaded.
    fn load(&self, write: WriteArchive<'_>) -> Result<(), EngineError>;
    /// Whether the engine is unpacking an archive, as far as it can be seen: it goes on when its sender has ended.
    fn is_loading(&self) -> Result<bool, EngineError>;
    /// Adds a tag to an image.
    fn tag(&self, id: &str, tag: &str) -> Result<(), EngineError>;
    /// Removes a tag, and the image with its last tag.
    fn untag(&self, tag: &str) -> Result<(), EngineError>;
    /// Removes the containers and networks that are `owned`, and their volumes if `volumes` says so.
    fn remove_owned(&self, owned: &Owned, volumes: Volumes) -> Result<(), EngineError>;
}

/// A container engine, as the bundler needs it.
///
/// # Errors
/// As [`ImageEngine`].
pub trait ImageExporter {
    /// The image with this name or id.
    fn image(&self, reference: &str) -> Result<Option<LocalImage>, EngineError>;
    /// One docker-archive of these images, as a stream. Where the engine stops sending it, the reader's error holds the
    /// [`EngineError`].
    fn export(self: Box<Self>, references: &[String]) -> Result<Box<dyn Read>, EngineError>;
}
