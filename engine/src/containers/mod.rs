//! What is: containers, networks and volumes, behind a small trait.
//!
//! [`docker`] is the only module that names the client library. [`fake`] keeps everything in memory and fails on request; the rest of
//! the program is tested against it. Nothing here knows tenants: names, labels and limits come in as values.

pub mod docker;
pub mod fake;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Why the engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It cannot be reached, or does not answer in time.
    #[error("the engine is not available ({0}): see `systemctl status docker`")]
    Unavailable(String),
    /// It speaks an API older than we need.
    #[error("the engine speaks API {found}, and {needed} or later is needed (Docker 20.10)")]
    TooOld {
        /// What it speaks.
        found: String,
        /// What we need.
        needed: &'static str,
    },
    /// It knows no such thing.
    #[error("the engine has no {0}")]
    NotFound(String),
    /// What it holds already stands in the way.
    #[error("the engine holds what stands in the way: {0}")]
    Conflict(String),
    /// It refused.
    #[error("the engine refused to {operation}: {message}")]
    Refused {
        /// What was asked.
        operation: String,
        /// What it said.
        message: String,
    },
}

impl EngineError {
    /// Whether asking again later may help without anything else changing.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TooOld { .. })
    }
}

/// Where the engine's API listens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum EngineSocket {
    /// `DOCKER_HOST`, then Docker's socket, then Podman's.
    Auto,
    /// This unix socket.
    Unix(PathBuf),
}

impl TryFrom<String> for EngineSocket {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.strip_prefix("unix://") {
            _ if text == "auto" => Ok(Self::Auto),
            Some(path) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            _ => Err(format!("{text:?} is neither \"auto\" nor \"unix:///path/of/a/socket\"")),
        }
    }
}

/// What every call gives.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, EngineError>>;

/// Labels, as names and values.
pub type Labels = BTreeMap<String, String>;

/// An image, by what it is rather than by what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageIdentity {
    /// The digest of its config, `sha256:…`.
    pub config: String,
    /// The digests of its uncompressed layers, lowest first.
    pub diff_ids: Vec<String>,
}

/// An image that the engine holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundImage {
    /// What this engine calls it.
    pub id: String,
    /// The user that its config names; empty for root.
    pub user: String,
}

/// A network to make: internal, with one subnet and a bridge of a given name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// The name of its bridge interface.
    pub bridge: String,
    /// Its subnet, `a.b.c.d/29`.
    pub subnet: String,
    /// The host's address in it.
    pub gateway: Ipv4Addr,
    /// Its labels.
    pub labels: Labels,
}

/// A container to make. What is not here is fixed: read-only root, no capabilities, no new privileges, no restarts by the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerSpec {
    /// Its name.
    pub name: String,
    /// The image, by the engine's id.
    pub image: String,
    /// `uid:gid`.
    pub user: String,
    /// The environment, `NAME=value`.
    pub env: Vec<String>,
    /// Its labels.
    pub labels: Labels,
    /// The network and the address in it.
    pub network: (String, Ipv4Addr),
    /// Further names that it can look up.
    pub hosts: Vec<(String, Ipv4Addr)>,
    /// Volumes and where they are mounted.
    pub volumes: Vec<(String, String)>,
    /// Folders in memory and their mount options.
    pub tmpfs: Vec<(String, String)>,
    /// Memory in bytes, without swap.
    pub memory: i64,
    /// Billionths of a core.
    pub nano_cpus: i64,
    /// Processes and threads.
    pub pids: i64,
}

/// A container that is made only to reach into an image and its volumes. It is never started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparationSpec {
    /// Its name.
    pub name: String,
    /// The image, by the engine's id.
    pub image: String,
    /// Its labels.
    pub labels: Labels,
    /// Volumes and where they are mounted.
    pub volumes: Vec<(String, String)>,
}

/// A folder to put into a container, for its owner alone (mode 0700).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its name, one component.
    pub name: String,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// One container of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Whether it runs. Networks and volumes do not.
    pub running: bool,
}

/// What bears a label in the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Containers, running or not.
    pub containers: Vec<Listed>,
    /// Networks.
    pub networks: Vec<Listed>,
    /// Volumes.
    pub volumes: Vec<Listed>,
}

/// A container as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    /// Whether it runs.
    pub running: bool,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// What it ended with, where it ended.
    pub exit_code: Option<i64>,
    /// Its labels.
    pub labels: Labels,
}

/// What a container used, in one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// CPU time since its start, in nanoseconds.
    pub cpu_nanos: u64,
    /// Memory in bytes, without the page cache that the kernel would give back.
    pub memory: u64,
}

/// Which lines of a container's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogWindow {
    /// At most so many of the latest lines.
    pub tail: u32,
    /// Whether to go on with lines as they come.
    pub follow: bool,
}

/// Lines of output, each with its time before it.
pub type LogStream = BoxStream<'static, Result<String, EngineError>>;

/// A container engine.
///
/// Removing what is not there succeeds: the caller wanted it gone.
pub trait Engine: Send + Sync {
    /// Whether it answers.
    fn ping(&self) -> Reply<'_, ()>;
    /// The image, held against its config and layers. Never pulls.
    fn find_image<'a>(&'a self, image: &'a ImageIdentity) -> Reply<'a, Option<FoundImage>>;
    /// Makes a network.
    fn create_network<'a>(&'a self, spec: &'a NetworkSpec) -> Reply<'a, ()>;
    /// Makes a volume. One of that name with other labels is a [`EngineError::Conflict`]; with the same labels it is kept.
    fn create_volume<'a>(&'a self, name: &'a str, labels: &'a Labels) -> Reply<'a, ()>;
    /// Makes a container.
    fn create_container<'a>(&'a self, spec: &'a ContainerSpec) -> Reply<'a, ()>;
    /// Makes a container that is never started.
    fn create_preparation<'a>(&'a self, spec: &'a PreparationSpec) -> Reply<'a, ()>;
    /// Reads a small file out of a container that need not run.
    fn read_file<'a>(&'a self, container: &'a str, path: &'a str) -> Reply<'a, Vec<u8>>;
    /// Puts folders into a folder of a container that need not run.
    fn put_folders<'a>(&'a self, container: &'a str, parent: &'a str, folders: &'a [Folder]) -> Reply<'a, ()>;
    /// Starts a container. One that runs is left alone.
    fn start<'a>(&'a self, container: &'a str) -> Reply<'a, ()>;
    /// Kills and removes a container.
    fn remove_container<'a>(&'a self, name: &'a str) -> Reply<'a, ()>;
    /// Removes a network.
    fn remove_network<'a>(&'a self, name: &'a str) -> Reply<'a, ()>;
    /// Removes a volume and what is in it.
    fn remove_volume<'a>(&'a self, name: &'a str) -> Reply<'a, ()>;
    /// A container as it is now.
    fn inspect<'a>(&'a self, container: &'a str) -> Reply<'a, Option<ContainerState>>;
    /// The IPv4 subnets of all networks, whoever made them, as `a.b.c.d/n`.
    fn subnets(&self) -> Reply<'_, Vec<String>>;
    /// The containers that bear `label`: any value of `name`, or exactly `name=value`.
    fn list_containers<'a>(&'a self, label: &'a str) -> Reply<'a, Vec<Listed>>;
    /// All that bears `label`, as above.
    fn list<'a>(&'a self, label: &'a str) -> Reply<'a, Listing>;
    /// A container's output.
    fn logs<'a>(&'a self, container: &'a str, window: LogWindow) -> Reply<'a, LogStream>;
    /// What a container uses, in one sample that does not wait for a second one.
    fn usage<'a>(&'a self, container: &'a str) -> Reply<'a, Usage>;
    /// Gives the value of `label` each time that the processes of a container that bears it ended. The container's state may follow a
    /// moment later: a listing may still have it running, while `inspect` waits for it.
    fn endings(&self, label: &'static str) -> BoxStream<'static, Result<String, EngineError>>;
}
