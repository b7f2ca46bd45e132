//! The tenants' addresses: a pool that is divided into one /29 for each tenant.
//!
//! Docker's own pools hold about thirty networks, so the runtime assigns subnets itself. In each, the first address is the gateway (the host
//! as the tenant sees it) and the second the tenant's, so that the container's address is known without asking the engine.

use landfall_host::routes::Network;
use landfall_host::settings::{InvalidPool, PoolRange};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// Bits of a tenant's prefix: eight addresses, the smallest that leaves the engine room beside gateway and tenant.
const TENANT_PREFIX: u8 = 29;
const TENANT_SIZE: u32 = 1 << (32 - TENANT_PREFIX);

/// A text that is no subnet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {wanted}")]
pub struct InvalidRange {
    text: String,
    wanted: &'static str,
}

/// The private range that tenants' subnets come from, such as `10.213.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    base: u32,
    prefix: u8,
}

impl From<PoolRange> for Pool {
    fn from(range: PoolRange) -> Self {
        Self { base: range.base().into(), prefix: range.prefix() }
    }
}

impl Pool {
    /// Whether `address` belongs to the pool.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.prefix) == self.base
    }

    /// The pool as a network.
    pub fn network(self) -> Network {
        network(self.base, self.prefix)
    }

    /// The lowest subnet that is not `taken` and shares no address with the networks of `others`.
    pub fn lowest_free(self, taken: &BTreeSet<Subnet>, others: &[Network]) -> Option<Subnet> {
        self.subnets().find(|subnet| subnet.is_free(taken, others))
    }

    fn subnets(self) -> impl Iterator<Item = Subnet> {
        let count = 1_u32 << (TENANT_PREFIX - self.prefix);
        (0..count).map(move |index| Subnet { base: self.base + index * TENANT_SIZE })
    }
}

impl FromStr for Pool {
    type Err = InvalidPool;

    fn from_str(text: &str) -> Result<Self, InvalidPool> {
        text.parse::<PoolRange>().map(Self::from)
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.prefix)
    }
}

/// One tenant's subnet, a /29.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet {
    base: u32,
}

impl Subnet {
    /// The subnet in which `address` would lie.
    pub fn around(address: Ipv4Addr) -> Self {
        Self { base: u32::from(address) & mask(TENANT_PREFIX) }
    }

    /// Whether it is not `taken` and shares no address with the networks of `others`.
    pub fn is_free(self, taken: &BTreeSet<Self>, others: &[Network]) -> bool {
        // Both are needed: a tenant that is being spawned has a row and no network yet, and other networks have no row.
        !taken.contains(&self) && !others.iter().any(|other| other.overlaps(self.network()))
    }

    /// The subnet as a network.
    pub fn network(self) -> Network {
        network(self.base, TENANT_PREFIX)
    }

    /// The host's address in the subnet.
    pub fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from(self.base + 1)
    }

    /// The address of the tenant's container.
    pub fn tenant(self) -> Ipv4Addr {
        Ipv4Addr::from(self.base + 2)
    }
}

impl FromStr for Subnet {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let invalid = || InvalidRange { text: text.to_owned(), wanted: "a tenant's subnet (a.b.c.d/29)" };
        let (base, prefix) = split(text).ok_or_else(invalid)?;
        let valid = prefix == TENANT_PREFIX && Self::around(base).base == u32::from(base);
        valid.then(|| Self::around(base)).ok_or_else(invalid)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{TENANT_PREFIX}", Ipv4Addr::from(self.base))
    }
}

/// A peer's IPv4 address, also where it is given as an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2).
pub fn ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    match address.to_canonical() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn split(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (base, prefix) = text.split_once('/')?;
    Some((base.parse().ok()?, prefix.parse().ok()?))
}

#[expect(clippy::expect_used, reason = "a pool's and a subnet's prefixes are at most 29")]
fn network(base: u32, prefix: u8) -> Network {
    Network::around(base.into(), prefix).expect("a prefix of at most 29 bits")
}

fn mask(prefix: u8) -> u32 {
    // The prefix 0 would shift by 32 bits, which has no result: it masks nothing.
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn pool(text: &str) -> Pool {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_reads_as_it_is_written() {
        assert_eq!(pool("10.213.0.0/16").to_string(), "10.213.0.0/16");
        assert_eq!("10.213.0.8/29".parse::<Subnet>().unwrap().to_string(), "10.213.0.8/29");
        assert!("10.213.0.9/29".parse::<Subnet>().is_err());
    }

    #[test]
    fn assigns_the_lowest_free_subnet_until_the_pool_is_used_up() {
        let pool = pool("10.213.0.0/27");
        let mut taken = BTreeSet::new();
        let mut given = Vec::new();
        while let Some(subnet) = pool.lowest_free(&taken, &[]) {
            taken.insert(subnet);
            given.push(subnet.to_string());
        }
        assert_eq!(given, ["10.213.0.0/29", "10.213.0.8/29", "10.213.0.16/29", "10.213.0.24/29"]);
        taken.remove(&"10.213.0.8/29".parse().unwrap());
        assert_eq!(pool.lowest_free(&taken, &[]).unwrap().to_string(), "10.213.0.8/29");
    }

    #[test]
    fn passes_over_what_overlaps_another_network() {
        let pool = pool("10.213.0.0/27");
        let free = |others: &[&str]| {
            let others: Vec<Network> = others.iter().map(|other| other.parse().unwrap()).collect();
            pool.lowest_free(&BTreeSet::new(), &others).map(|subnet| subnet.to_string())
        };
        for (others, expected) in [
            (&["10.213.1.0/24", "192.168.0.0/16"][..], Some("10.213.0.0/29")),
            (&["10.213.0.0/29"], Some("10.213.0.8/29")),
            (&["10.213.0.7/32"], Some("10.213.0.8/29")),
            (&["10.213.0.0/28", "10.213.0.20/30"], Some("10.213.0.24/29")),
            (&["10.213.0.16/28"], Some("10.213.0.0/29")),
            (&["10.0.0.0/8"], None),
            (&["0.0.0.0/0"], None),
        ] {
            assert_eq!(free(others).as_deref(), expected, "{others:?}");
        }
    }

    #[test]
    fn addresses_follow_from_the_subnet() {
        let subnet: Subnet = "10.213.0.8/29".parse().unwrap();
        assert_eq!(subnet.gateway(), Ipv4Addr::new(10, 213, 0, 9));
        assert_eq!(subnet.tenant(), Ipv4Addr::new(10, 213, 0, 10));
        assert_eq!(Subnet::around(Ipv4Addr::new(10, 213, 0, 15)), subnet);
        assert_ne!(Subnet::around(Ipv4Addr::new(10, 213, 0, 16)), subnet);
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert_eq!(ipv4("::ffff:10.213.0.2".parse().unwrap()), Some(Ipv4Addr::new(10, 213, 0, 2)));
        assert_eq!(ipv4("::1".parse().unwrap()), None);
    }
}
