//! Whether the tenants' address pool is free on the host. A tenant's bridge in a network that the host reaches otherwise takes part of that
//! network off the air.

use landfall_host::routes::Network;
use landfall_host::settings::PoolRange;
use std::fmt;
use std::net::Ipv4Addr;

/// The private ranges (RFC 1918), with the lengths of their prefixes.
pub(crate) const PRIVATE_RANGES: [(Ipv4Addr, u8); 3] =
    [(Ipv4Addr::new(10, 0, 0, 0), 8), (Ipv4Addr::new(172, 16, 0, 0), 12), (Ipv4Addr::new(192, 168, 0, 0), 16)];
/// How wide a pool to look for where none as wide as the one that is wanted is free.
const NARROWER: [u8; 3] = [16, 20, 24];
/// How many networks are named.
const NAMED: usize = 3;

/// The pool that the release will use, and how the operator gives it another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) range: PoolRange,
    pub(crate) is_set_by: PoolSetting,
}

/// How the operator sets the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoolSetting {
    /// A first installation writes the settings that its command line gives.
    CommandLine,
    /// There is a release, whose settings a command changes.
    Config,
    /// `config.toml` is there and no release is: an editor changes it.
    File,
}

/// A network that the host or its engine uses for something else than this installation's tenants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UsedNetwork {
    pub(crate) network: Network,
    pub(crate) holder: Holder,
}

/// What uses a network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    /// A network of the container engine, by its name.
    Engine(String),
    /// A route through this interface, or an address of it.
    Interface(String),
    /// A route or an address of the host whose interface is not known.
    Host,
}

/// The pool overlaps networks that are used for something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PoolInUse {
    pub(crate) pool: Pool,
    /// The widest of the networks.
    pub(crate) by: Vec<UsedNetwork>,
    /// A pool that overlaps none.
    pub(crate) free: Option<PoolRange>,
}

/// Whether `pool` shares an address with one of the networks that are used.
pub(super) fn judge(pool: Pool, used: &[UsedNetwork]) -> Option<PoolInUse> {
    let wanted = network(pool.range)?;
    let mut by: Vec<UsedNetwork> = Vec::new();
    let mut overlapping: Vec<&UsedNetwork> = used.iter().filter(|one| one.network.overlaps(wanted)).collect();
    // The widest first; of equal ones the engine's, whose bridge is the interface of the other.
    overlapping.sort_by_key(|one| (one.network.prefix(), (*one).clone()));
    for one in overlapping {
        if !by.iter().any(|named| one.network.lies_in(named.network)) {
            by.push(one.clone());
        }
    }
    (!by.is_empty()).then(|| PoolInUse { pool, by, free: free(pool.range, used) })
}

/// A private range that overlaps none of those that are used: as wide as `pool` if there is one, and the next after it.
fn free(pool: PoolRange, used: &[UsedNetwork]) -> Option<PoolRange> {
    let is_free = |range: &PoolRange| {
        network(*range).is_some_and(|network| !used.iter().any(|one| one.network.overlaps(network)))
    };
    let narrower = NARROWER.into_iter().filter(|prefix| *prefix > pool.prefix());
    std::iter::once(pool.prefix()).chain(narrower).find_map(|prefix| {
        let after = ranges(prefix).filter(|range| range.base() > pool.base());
        let before = ranges(prefix).filter(|range| range.base() <= pool.base());
        after.chain(before).find(is_free)
    })
}

/// All private ranges of this width.
fn ranges(prefix: u8) -> impl Iterator<Item = PoolRange> {
    let within = PRIVATE_RANGES.into_iter().filter(move |(_, width)| *width <= prefix);
    within.flat_map(move |(base, width)| {
        let size = 1_u32 << (32 - prefix);
        let bases = (0..1_u32 << (prefix - width)).map(move |index| Ipv4Addr::from(u32::from(base) + index * size));
        bases.filter_map(move |base| PoolRange::new(base, prefix))
    })
}

fn network(range: PoolRange) -> Option<Network> {
    Network::around(range.base(), range.prefix())
}

impl fmt::Display for UsedNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let network = self.network;
        match &self.holder {
            Holder::Engine(name) => write!(f, "{network} of the engine's network {name}"),
            Holder::Interface(name) => write!(f, "{network} of the interface {name}"),
            Holder::Host => write!(f, "{network}, which this host routes or has an address in"),
        }
    }
}

impl fmt::Display for PoolInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the tenants' address pool {} overlaps ", self.pool.range)?;
        for (index, one) in self.by.iter().take(NAMED).enumerate() {
            write!(f, "{}{one}", if index == 0 { "" } else { "; " })?;
        }
        if let Some(more @ 1..) = self.by.len().checked_sub(NAMED) {
            write!(f, "; and {more} more")?;
        }
        let Some(free) = self.free else {
            return write!(f, ": no private range is free, set network.pool to one that these networks may lose");
        };
        match self.pool.is_set_by {
            PoolSetting::CommandLine => write!(f, ": give another one, such as --set network.pool={free}"),
            PoolSetting::Config => {
                write!(f, ": take another one, such as `landfall-installer config set network.pool={free}`")
            }
            PoolSetting::File => {
                write!(f, ": take another one, such as pool = \"{free}\" in [network] of /etc/landfall/config.toml")
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn used(networks: &[&str]) -> Vec<UsedNetwork> {
        let one = |text: &&str| {
            let (network, holder) = text.split_once(' ').unwrap_or((text, ""));
            let holder = match holder.split_once(' ') {
                Some((_, name)) => Holder::Engine(name.to_owned()),
                None if holder.is_empty() => Holder::Host,
                None => Holder::Interface(holder.to_owned()),
            };
            UsedNetwork { network: network.parse().unwrap(), holder }
        };
        networks.iter().map(one).collect()
    }

    fn pool(range: &str) -> Pool {
        Pool { range: range.parse().unwrap(), is_set_by: PoolSetting::CommandLine }
    }

    #[test]
    fn a_pool_that_overlaps_a_network_of_the_host_is_refused_with_who_has_it_and_one_that_is_free() {
        let long = ["10.213.0.0/24 a", "10.213.1.0/24 b", "10.213.2.0/24 c", "10.213.3.0/24 d", "10.213.4.0/24 e"];
        for (range, networks, says) in [
            ("10.213.0.0/16", &["10.212.0.0/16 eth0", "192.168.0.0/16 eth1"][..], None),
            (
                "10.213.0.0/16",
                // The address and the broadcast address of the interface are in the same network.
                &["10.213.5.5/32 eth0", "10.213.255.255/32", "10.213.0.0/16 eth0"],
                Some(
                    "the tenants' address pool 10.213.0.0/16 overlaps 10.213.0.0/16 of the interface eth0: give another one, \
                     such as --set network.pool=10.214.0.0/16",
                ),
            ),
            (
                "10.213.0.0/16",
                &["10.213.9.0/24 br0", "10.213.9.0/24 engine's bridge", "10.214.0.0/15"],
                Some(
                    "the tenants' address pool 10.213.0.0/16 overlaps 10.213.9.0/24 of the engine's network bridge: give another \
                     one, such as --set network.pool=10.216.0.0/16",
                ),
            ),
            (
                "10.255.0.0/16",
                &["10.0.0.0/8 eth0", "172.16.0.0/12"],
                Some(
                    "the tenants' address pool 10.255.0.0/16 overlaps 10.0.0.0/8 of the interface eth0: give another one, such \
                     as --set network.pool=192.168.0.0/16",
                ),
            ),
            (
                "10.0.0.0/8",
                &["10.1.2.3/32"],
                Some(
                    "the tenants' address pool 10.0.0.0/8 overlaps 10.1.2.3/32, which this host routes or has an address in: give \
                     another one, such as --set network.pool=10.2.0.0/16",
                ),
            ),
            (
                "192.168.0.0/16",
                &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
                Some(
                    "the tenants' address pool 192.168.0.0/16 overlaps 192.168.0.0/16, which this host routes or has an address \
                     in: no private range is free, set network.pool to one that these networks may lose",
                ),
            ),
            (
                "10.213.0.0/16",
                &long,
                Some(
                    "the tenants' address pool 10.213.0.0/16 overlaps 10.213.0.0/24 of the interface a; 10.213.1.0/24 of the \
                     interface b; 10.213.2.0/24 of the interface c; and 2 more: give another one, such as \
                     --set network.pool=10.214.0.0/16",
                ),
            ),
        ] {
            let found = judge(pool(range), &used(networks)).map(|in_use| in_use.to_string());
            assert_eq!(found.as_deref(), says, "{range} {networks:?}");
        }
    }

    #[test]
    fn says_how_the_pool_is_changed_on_this_host() {
        for (is_set_by, says) in [
            (PoolSetting::Config, "such as `landfall-installer config set network.pool=10.214.0.0/16`"),
            (PoolSetting::File, "such as pool = \"10.214.0.0/16\" in [network] of /etc/landfall/config.toml"),
        ] {
            let pool = Pool { is_set_by, ..pool("10.213.0.0/16") };
            let text = judge(pool, &used(&["10.213.0.0/16 eth0"])).unwrap().to_string();
            assert!(text.ends_with(says), "{text}");
        }
    }

    #[test]
    fn a_narrow_pool_is_replaced_by_one_as_wide() {
        let in_use = judge(pool("10.213.0.0/24"), &used(&["10.213.0.128/25 eth0"])).unwrap();
        assert_eq!(in_use.free.unwrap().to_string(), "10.213.1.0/24");
    }
}
