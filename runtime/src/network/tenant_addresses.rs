//! The addresses that belong to tenants: their connections are neither an administrator's nor a client's of another tenant.

use super::subnet::{Pool, Subnet, ipv4};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The address pool, and the subnets of tenants that were made from an earlier pool. Clones share them.
#[derive(Debug, Clone)]
pub struct TenantAddresses {
    pool: Pool,
    /// Complete from the start: new tenants get subnets of the current pool only.
    earlier: Arc<BTreeSet<Subnet>>,
}

impl TenantAddresses {
    /// The pool of the settings, and the subnets of the tenants that exist when the service starts.
    pub fn new(pool: Pool, tenants: impl IntoIterator<Item = Subnet>) -> Self {
        let earlier = tenants.into_iter().filter(|subnet| !pool.contains(subnet.gateway()));
        Self { pool, earlier: Arc::new(earlier.collect()) }
    }

    /// Whether an address is a tenant's, or a gateway's of a tenant.
    pub(crate) fn contains(&self, peer: IpAddr) -> bool {
        ipv4(peer).is_some_and(|address| self.pool.contains(address) || self.earlier.contains(&Subnet::around(address)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_tenant_of_an_earlier_pool_is_still_a_tenant() {
        let subnets = ["10.213.0.0/29", "172.20.0.8/29"].map(|subnet| subnet.parse().unwrap());
        let addresses = TenantAddresses::new("10.213.0.0/16".parse().unwrap(), subnets);
        for (peer, is_tenant) in [
            ("10.213.0.2", true),
            ("10.213.9.2", true),
            ("::ffff:10.213.0.2", true),
            ("172.20.0.10", true),
            ("172.20.0.2", false),
            ("127.0.0.1", false),
            ("::1", false),
        ] {
            assert_eq!(addresses.contains(peer.parse().unwrap()), is_tenant, "{peer}");
        }
    }
}
