//! Containers, networks and volumes in an engine: what the runtime needs of it.
//!
//! Nothing here knows tenants: names, labels and limits come in as values.

use crate::error::EngineError;
use crate::labels::{Labels, Selector};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// The future that every request returns.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, EngineError>>;

/// An image, identified by its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageIdentity {
    /// The digest of its configuration, `sha256:…`.
    pub config: String,
    /// The digests of its uncompressed layers, base first.
    pub diff_ids: Vec<String>,
}

/// An image that the engine holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundImage {
    /// The engine's id of it.
    pub id: String,
    /// The user that its configuration names; empty for root.
    pub user: String,
}

/// A network to create: internal, with one subnet and a bridge of a given name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// The name of its bridge interface.
    pub bridge: String,
    /// Its subnet, `a.b.c.d/29`.
    pub subnet: String,
    /// The host's address in the subnet.
    pub gateway: Ipv4Addr,
    /// Its labels.
    pub labels: Labels,
}

/// A file system in memory, in which every user may write and no program can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tmpfs {
    /// Where it is mounted.
    pub path: String,
    /// The most that it holds, in bytes.
    pub size: u64,
}

/// A container to create. The rest is fixed: read-only root, no new privileges, no restarts by the engine.
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
    /// Host names to resolve, besides those of the image.
    pub hosts: Vec<(String, Ipv4Addr)>,
    /// Volumes and where they are mounted.
    pub volumes: Vec<(String, String)>,
    /// File systems in memory.
    pub tmpfs: Vec<Tmpfs>,
    /// The capabilities that its programs may have, by their names without `CAP_`. All others are dropped.
    pub capabilities: Vec<String>,
    /// The limit of memory in bytes. There is no swap.
    pub memory: i64,
    /// The limit of CPU time, in billionths of a core.
    pub nano_cpus: i64,
    /// The limit of processes and threads.
    pub pids: i64,
}

/// The limits of a container, as in [`ContainerSpec`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerLimits {
    /// Memory in bytes.
    pub memory: i64,
    /// CPU time in billionths of a core. An engine gives at most the cores of its host.
    pub nano_cpus: i64,
    /// Processes and threads.
    pub pids: i64,
}

/// What came of changing a container's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitsChange {
    /// It has them already.
    Unneeded,
    /// It has them now, and ran on.
    Made,
    /// The engine does not change them, for this reason: a new container gets them.
    Refused(String),
}

/// A container that is created to read from an image and to write to volumes. It is never started.
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
    /// File systems in memory: the engine makes a volume without a name for each of the image's `VOLUME`s at which nothing is mounted.
    pub tmpfs: Vec<Tmpfs>,
}

/// A folder to create in a container, for its owner alone (mode 0700).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its name, one component of a path.
    pub name: String,
    /// The number of its user.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
}

/// A container, network or volume in a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The id of a container, which its control group is named after; empty for networks and volumes.
    pub id: String,
    /// Its labels.
    pub labels: Labels,
    /// Whether it is running, paused or not; false for networks and volumes.
    pub running: bool,
    /// Whether it is paused; false for networks and volumes.
    pub paused: bool,
    /// The networks that a container is connected to, as far as the engine lists them; none for networks and volumes.
    pub networks: Vec<String>,
    /// The folder on the host that holds a volume; none for containers and networks.
    pub folder: Option<PathBuf>,
}

/// The objects in the engine that a [`Selector`] selects.
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
    /// Whether it is running, paused or not.
    pub running: bool,
    /// Whether it is paused.
    pub paused: bool,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// Its exit code, if it has exited.
    pub exit_code: Option<i64>,
    /// The networks that it is connected to.
    pub networks: Vec<String>,
    /// The file that its output is written to, where the engine has one.
    pub log: Option<PathBuf>,
    /// Its labels.
    pub labels: Labels,
}

/// What a container uses, in one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// CPU time since its start, in nanoseconds.
    pub cpu_nanos: u64,
    /// Memory in bytes, without the page cache that the kernel would give back.
    pub memory: u64,
    /// Bytes that it has written to block devices since its start, with those that wait in the page cache for it; less than that where the
    /// kernel does not count them by container (cgroup v1).
    pub written: u64,
}

/// Which lines of a container's output to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogWindow {
    /// The number of latest lines, at most.
    pub tail: u32,
    /// Whether to wait for further lines.
    pub follow: bool,
}

/// Lines of output, each preceded by its time (RFC 3339).
pub type LogStream = BoxStream<'static, Result<String, EngineError>>;

/// A container engine, as the runtime needs it. Removing what does not exist succeeds.
///
/// # Errors
/// Each request returns an [`EngineError`] where the engine cannot be asked or does not do it.
pub trait ContainerEngine: Send + Sync {
    /// Whether the engine answers.
    fn ping(&self) -> Reply<'_, ()>;
    /// The image with this configuration and these layers. An engine that does not identify images by their configuration
    /// finds it by its layers, among the images that the installer loaded. Never pulls.
    fn find_image<'a>(&'a self, image: &'a ImageIdentity) -> Reply<'a, Option<FoundImage>>;
    /// Creates a network.
    fn create_network<'a>(&'a self, spec: &'a NetworkSpec) -> Reply<'a, ()>;
    /// Creates a volume. If one of this name exists, it is kept where it has these labels, and is otherwise an
    /// [`EngineError::Conflict`].
    fn create_volume<'a>(&'a self, name: &'a str, labels: &'a Labels) -> Reply<'a, ()>;
    /// The volume with this name, whoever created it.
    fn volume<'a>(&'a self, name: &'a str) -> Reply<'a, Option<Listed>>;
    /// Creates a container.
    fn create_container<'a>(&'a self, spec: &'a ContainerSpec) -> Reply<'a, ()>;
    /// Creates a container that is never started.
    fn create_preparation<'a>(&'a self, spec: &'a PreparationSpec) -> Reply<'a, ()>;
    /// Reads a regular file of at most 1 MiB from a container, running or not.
    fn read_file<'a>(&'a self, container: &'a str, path: &'a str) -> Reply<'a, Vec<u8>>;
    /// Creates folders in the folder `parent` of a container, running or not.
    fn put_folders<'a>(&'a self, container: &'a str, parent: &'a str, folders: &'a [Folder]) -> Reply<'a, ()>;
    /// Starts a container, unless it is running.
    fn start<'a>(&'a self, container: &'a str) -> Reply<'a, ()>;
    /// Gives a container these limits, unless it has them.
    fn set_limits<'a>(&'a self, container: &'a str, limits: ContainerLimits) -> Reply<'a, LimitsChange>;
    /// Pauses the processes of a container.
    fn pause<'a>(&'a self, container: &'a str) -> Reply<'a, ()>;
    /// Lets them go on.
    fn unpause<'a>(&'a self, container: &'a str) -> Reply<'a, ()>;
    /// Kills the processes of a container, and leaves it. One that does not run is left as it is.
    fn kill<'a>(&'a self, container: &'a str) -> Reply<'a, ()>;
    /// Starts a command in a container that runs, as the container's user, and returns an id of that run. Nobody reads its output.
    fn start_command<'a>(&'a self, container: &'a str, command: &'a [String]) -> Reply<'a, String>;
    /// The run of a command in a container that was started and has not ended, by whomever.
    fn running_command<'a>(&'a self, container: &'a str, command: &'a [String]) -> Reply<'a, Option<String>>;
    /// The exit code of a command that was started; `None` while it runs.
    fn command_exit<'a>(&'a self, run: &'a str) -> Reply<'a, Option<i64>>;
    /// Kills and removes a container.
    fn remove_container<'a>(&'a self, name: &'a str) -> Reply<'a, ()>;
    /// Removes a network.
    fn remove_network<'a>(&'a self, name: &'a str) -> Reply<'a, ()>;
    /// Removes a volume and the data in it.
    fn remove_volume<'a>(&'a self, name: &'a str) -> Reply<'a, ()>;
    /// The present state of a container.
    fn inspect<'a>(&'a self, container: &'a str) -> Reply<'a, Option<ContainerState>>;
    /// The IPv4 subnets of all networks, whoever created them, as `a.b.c.d/n`.
    fn subnets(&self) -> Reply<'_, Vec<String>>;
    /// The containers that are selected.
    fn list_containers<'a>(&'a self, by: &'a Selector) -> Reply<'a, Vec<Listed>>;
    /// The containers, networks and volumes that are selected.
    fn list<'a>(&'a self, by: &'a Selector) -> Reply<'a, Listing>;
    /// A container's output.
    fn logs<'a>(&'a self, container: &'a str, window: LogWindow) -> Reply<'a, LogStream>;
    /// What a container uses, in one sample that does not wait for a second one.
    fn usage<'a>(&'a self, container: &'a str) -> Reply<'a, Usage>;
    /// Yields the tenant's number ([`crate::labels::TENANT`]) whenever a container that is selected exits. The container's state may follow
    /// a moment later: a listing may still say that it is running, while `inspect` waits for the change.
    fn exits(&self, by: &Selector) -> BoxStream<'static, Result<String, EngineError>>;
}
