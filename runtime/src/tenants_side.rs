//! All addresses that are tenants': whoever comes from one of them is no manager, and no caller at a front door.

use crate::subnet::{Pool, Subnet, ipv4};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The pool, and the subnets of tenants that were made when the settings named another. Clones share them.
#[derive(Debug, Clone)]
pub struct TenantsSide {
    pool: Pool,
    /// Complete from the start: new tenants get subnets of the pool alone.
    earlier: Arc<BTreeSet<Subnet>>,
}

impl TenantsSide {
    /// The pool of the settings, and the subnets of the tenants that there are when the service starts.
    pub fn new(pool: Pool, tenants: impl IntoIterator<Item = Subnet>) -> Self {
        let earlier = tenants.into_iter().filter(|subnet| !pool.contains(subnet.gateway()));
        Self { pool, earlier: Arc::new(earlier.collect()) }
    }

    /// Whether a peer is a tenant, or where tenants are.
    pub(crate) fn contains(&self, peer: IpAddr) -> bool {
        ipv4(peer).is_some_and(|address| self.pool.contains(address) || self.earlier.contains(&Subnet::around(address)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_tenant_from_before_the_pool_changed_is_still_a_tenant() {
        let subnets = ["10.213.0.0/29", "172.20.0.8/29"].map(|subnet| subnet.parse().unwrap());
        let side = TenantsSide::new("10.213.0.0/16".parse().unwrap(), subnets);
        for (peer, tenants) in [
            ("10.213.0.2", true),
            ("10.213.9.2", true),
            ("::ffff:10.213.0.2", true),
            ("172.20.0.10", true),
            ("172.20.0.2", false),
            ("127.0.0.1", false),
            ("::1", false),
        ] {
            assert_eq!(side.contains(peer.parse().unwrap()), tenants, "{peer}");
        }
    }
}
