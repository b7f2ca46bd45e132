//! Addresses and connections: the tenants' subnets, the firewall around them, and the limits on connections.

pub(crate) mod accept_errors;
pub(crate) mod bridges;
mod connections;
pub mod firewall;
mod host_routes;
pub(crate) mod pace;
mod subnet;
pub(crate) mod tcp_timeouts;
mod tenant_addresses;

#[cfg(test)]
pub(crate) use connections::Clock;
pub(crate) use connections::{Activity, Connection, ConnectionLimits, Connections, IDLE};
pub use host_routes::{HostRoutes, KernelRoutes};
pub use landfall_host::routes::Network;
pub use subnet::{InvalidRange, Pool, Subnet, ipv4};
pub use tenant_addresses::TenantAddresses;
