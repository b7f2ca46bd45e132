//! Addresses and connections: the tenants' subnets, the firewall around them, and the limits on connections.

mod connection_limit;
pub mod firewall;
mod subnet;
pub(crate) mod tcp_timeouts;
mod tenant_addresses;

pub(crate) use connection_limit::ConnectionLimit;
pub use subnet::{InvalidRange, Network, Pool, Subnet, ipv4};
pub use tenant_addresses::TenantAddresses;
