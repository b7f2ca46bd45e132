//! The IPv4 networks that a host routes or has addresses in, as its kernel lists them.
//!
//! The kernel's own listing of its routing tables (`/proc/<pid>/net/fib_trie`) needs neither netlink nor a capability, and has what the
//! other sources lack: all tables, and the addresses of interfaces that are down. Parsing is pure; [`of_kernel`] reads the file.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::Ipv4Addr;
use std::str::FromStr;

/// The listing. Of this process, because a service may see no other part of `/proc` (`ProcSubset=pid`, systemd.exec(5)).
pub const LISTING: &str = "/proc/self/net/fib_trie";
/// Most that is read of the listing, in bytes: more than a million routes, as a full Internet table has.
const MAX_LISTING: u64 = 256 << 20;
/// Most networks that are kept: one for each /29 of the widest pool would be more, and no host routes them one by one.
const MAX_NETWORKS: usize = 1 << 16;
/// Routes that are wider are default routes in pieces, such as the two halves (`0.0.0.0/1`, `128.0.0.0/1`) by which VPNs take over the
/// default route. A more specific route beside them harms nobody.
const WIDEST_ROUTE: u8 = 8;
/// Types of routes that lead nowhere (rtnetlink(7)): a more specific route takes nothing away from them.
const NOWHERE: [&str; 4] = ["BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW"];

/// A text that is not an IPv4 network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an IPv4 network (a.b.c.d/n)")]
pub struct InvalidNetwork(String);

/// An IPv4 network of whatever size. Bits behind the prefix do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    base: u32,
    prefix: u8,
}

impl Network {
    /// The network with `prefix` bits in which `address` lies; `None` where there are no so many bits.
    pub fn around(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        (prefix <= 32).then(|| Self { base: u32::from(address) & mask(prefix), prefix })
    }

    /// Whether the two share an address.
    pub fn overlaps(self, other: Self) -> bool {
        // Exactly where they agree in the shorter of their prefixes.
        let common = mask(self.prefix.min(other.prefix));
        self.base & common == other.base & common
    }

    /// How many bits all its addresses share.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether all its addresses are among those of `other`.
    pub fn lies_in(self, other: Self) -> bool {
        self.prefix >= other.prefix && self.overlaps(other)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.prefix)
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let parts = || {
            let (address, prefix) = text.split_once('/')?;
            Self::around(address.parse().ok()?, prefix.parse().ok()?)
        };
        parts().ok_or_else(|| InvalidNetwork(text.to_owned()))
    }
}

/// The networks that this host routes or has addresses in, as far as they overlap `range`.
///
/// # Errors
/// The kernel's listing cannot be read, or is longer than any host's.
pub fn of_kernel(range: Network) -> io::Result<BTreeSet<Network>> {
    parse(BufReader::new(File::open(LISTING)?), range)
}

/// Parses the kernel's listing, and keeps what overlaps `range`. Default routes, whole or in pieces, and routes that lead nowhere are left
/// out.
///
/// # Errors
/// The listing cannot be read, or is longer than any host's.
pub fn parse(listing: impl BufRead, range: Network) -> io::Result<BTreeSet<Network>> {
    let too_long = || io::Error::new(io::ErrorKind::InvalidData, "the listing of the host's routes is too long");
    let mut listing = listing.take(MAX_LISTING);
    let mut found = BTreeSet::new();
    let mut address = None;
    let mut line = String::new();
    while listing.read_line(&mut line)? > 0 {
        // A leaf is an address, followed by a line for each route to a network that begins there: `|-- 10.1.0.0`, `/16 link UNICAST`.
        let text = line.trim_start();
        if let Some(leaf) = text.strip_prefix("|-- ") {
            address = leaf.trim_end().parse().ok();
        } else if let Some(network) = address.and_then(|address| route(text, address))
            && network.overlaps(range)
            && found.insert(network)
            && found.len() > MAX_NETWORKS
        {
            return Err(too_long());
        }
        line.clear();
    }
    if listing.limit() == 0 { Err(too_long()) } else { Ok(found) }
}

/// The network of a route's line, unless more specific routes beside it harm nobody.
fn route(text: &str, address: Ipv4Addr) -> Option<Network> {
    let mut words = text.strip_prefix('/')?.split_whitespace();
    let prefix = words.next()?.parse().ok().filter(|prefix| *prefix >= WIDEST_ROUTE)?;
    if words.any(|word| NOWHERE.contains(&word)) { None } else { Network::around(address, prefix) }
}

fn mask(prefix: u8) -> u32 {
    // The prefix 0 would shift by 32 bits, which has no result: it masks nothing.
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// A host with a default route, a LAN, a VPN in halves, a refused range, a bridge that is down, and a further table.
    const LISTED: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     +-- 0.0.0.0/1 2 0 2
        |-- 0.0.0.0
           /0 universe UNICAST
           /1 universe UNICAST
        +-- 10.0.0.0/8 2 0 2
           |-- 10.0.0.0
              /8 universe UNREACHABLE
           |-- 10.213.0.0
              /16 link UNICAST
           |-- 10.213.5.5
              /32 host LOCAL
     |-- 128.0.0.0
        /1 universe UNICAST
Id 200:
  +-- 10.99.0.0/24 2 0 2
     |-- 10.99.0.0
        /24 universe UNICAST tos=16
     |-- nonsense
        /24 universe UNICAST
        /33 universe UNICAST
";

    fn found(range: &str) -> Vec<String> {
        let found = parse(LISTED.as_bytes(), range.parse().unwrap()).unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn finds_routes_of_every_table_and_the_hosts_own_addresses() {
        assert_eq!(found("10.0.0.0/8"), ["10.99.0.0/24", "10.213.0.0/16", "10.213.5.5/32"]);
        assert_eq!(found("10.213.0.0/29"), ["10.213.0.0/16"]);
    }

    #[test]
    fn default_routes_and_routes_to_nowhere_take_no_range() {
        assert!(found("172.16.0.0/12").is_empty());
        assert!(found("10.1.0.0/16").is_empty());
    }

    #[test]
    fn networks_overlap_where_they_share_an_address() {
        for (one, other, expected) in [
            ("10.213.0.0/16", "10.213.7.0/24", true),
            ("10.213.0.9/29", "10.213.0.15/32", true),
            ("10.213.0.0/29", "10.213.0.8/29", false),
            ("0.0.0.0/0", "192.168.0.0/16", true),
        ] {
            let [one, other]: [Network; 2] = [one, other].map(|text| text.parse().unwrap());
            assert_eq!((one.overlaps(other), other.overlaps(one)), (expected, expected), "{one} {other}");
        }
        let [wide, narrow]: [Network; 2] = ["10.213.0.0/16", "10.213.7.0/24"].map(|text| text.parse().unwrap());
        assert!(narrow.lies_in(wide) && narrow.lies_in(narrow) && !wide.lies_in(narrow));
        for invalid in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "fd00::/64", "10.0.0.0/-1"] {
            assert!(invalid.parse::<Network>().is_err(), "{invalid}");
        }
    }

    #[test]
    fn the_kernels_own_listing_has_the_loopback_address() {
        let loopback = "127.0.0.0/8".parse().unwrap();
        assert!(of_kernel(loopback).unwrap().iter().any(|network| network.overlaps(loopback)));
    }
}
