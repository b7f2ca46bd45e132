//! The client of the container engine on a host. No other crate names a container client library.
//!
//! Each program sees an engine through a trait that holds what this program needs, and no more:
//!
//! | program | trait | methods |
//! | --- | --- | --- |
//! | bundler | [`ImageExporter`] | find an image, export it |
//! | installer | [`ImageEngine`] | list, load, tag and untag images; list networks; remove what tenants left |
//! | runtime | [`ContainerEngine`] | containers, networks, volumes, logs, usage; find an image |
//!
//! [`connect`] chooses the implementation for an address. There is one, [`docker`], which speaks the Docker Engine API;
//! Podman serves the same API. [`fake`] holds implementations in memory for tests.
//!
//! # Where a second kind of engine goes
//!
//! It is a folder beside [`docker`] that implements the traits which it can serve, a form of address in [`EngineAddress`],
//! and an arm in each function of [`connect`] that offers it. The traits' modules ([`images`], [`containers`]) name no
//! implementation, and the programs name only the traits and [`connect`].
//!
//! [`ContainerEngine`] follows Docker's calls: a network, two volumes and a container make up a tenant. An engine without
//! those objects (Kubernetes) needs a trait at the level of the tenant: ensure, stop, remove, observe, logs, exec, copy,
//! usage, snapshot. That trait replaces [`ContainerEngine`] in [`containers`]; [`docker`] then builds its objects itself.

mod address;
mod api_version;
mod archive;
pub mod connect;
pub mod containers;
mod discovery;
pub mod docker;
mod error;
pub mod fake;
pub mod images;
mod installation_id;
pub mod labels;
pub mod tags;

pub use address::{AddressError, EngineAddress, EngineChoice, EngineKind};
pub use api_version::{ApiVersion, MIN_API};
pub use archive::{ArchiveError, OpenLayer, write_archive};
pub use containers::{
    ContainerEngine, ContainerLimits, ContainerSpec, ContainerState, Folder, FoundImage, ImageIdentity, LimitsChange,
    Listed, Listing, LogStream, LogWindow, NetworkSpec, PreparationSpec, Reply, Tmpfs, Usage,
};
pub use discovery::{Discovery, DiscoveryError};
pub use error::EngineError;
pub use images::{About, EngineNetwork, ImageEngine, ImageExporter, LocalImage, Volumes, WriteArchive};
pub use installation_id::{InstallationId, InvalidInstallationId, RANDOM_BYTES};
pub use labels::{Labels, Owned, Selector};
