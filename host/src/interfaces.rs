//! Which interface a host's routes lead through, to name it to people.
//!
//! `/proc/<pid>/net/route` lists the main table with the names of interfaces, and neither other tables nor addresses of interfaces that are
//! down: what a host uses is read by [`routes`](crate::routes).

use crate::routes::Network;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::Ipv4Addr;

/// The listing, of this process.
const LISTING: &str = "/proc/self/net/route";
/// Most that is read of the listing, in bytes. What lies behind has no name, which harms nobody.
const MAX_LISTING: u64 = 64 << 20;
/// Most names that are kept.
const MAX_NAMES: usize = 1 << 16;

/// The interfaces that this host's routes into `range` lead through, by network.
///
/// # Errors
/// The kernel's listing cannot be read.
pub fn of_kernel(range: Network) -> io::Result<BTreeMap<Network, String>> {
    parse(BufReader::new(File::open(LISTING)?), range)
}

/// Parses the kernel's listing, and keeps what overlaps `range`.
///
/// # Errors
/// The listing cannot be read.
pub fn parse(listing: impl BufRead, range: Network) -> io::Result<BTreeMap<Network, String>> {
    let mut listing = listing.take(MAX_LISTING);
    let mut names = BTreeMap::new();
    let mut line = String::new();
    while names.len() < MAX_NAMES && listing.read_line(&mut line)? > 0 {
        if let Some((network, interface)) = route(&line)
            && network.overlaps(range)
        {
            names.entry(network).or_insert(interface);
        }
        line.clear();
    }
    Ok(names)
}

/// The network and the interface of a line: `eth0 0005D50A 00000000 0001 0 0 0 00FFFFFF …`. None of the heading.
fn route(line: &str) -> Option<(Network, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [interface, destination, _, _, _, _, _, mask, ..] = words.as_slice() else { return None };
    let [destination, mask] = [destination, mask].map(|text| u32::from_str_radix(text, 16).ok().map(u32::from_be));
    let prefix = u8::try_from(mask?.leading_ones()).ok()?;
    Some((Network::around(Ipv4Addr::from(destination?), prefix)?, (*interface).to_owned()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn names_the_interface_of_each_route_into_a_range() {
        // As the kernel writes it: each number is the four bytes of the address in the order of this machine.
        let hex = |address: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(address));
        let line =
            |name: &str, to, mask| format!("{name}\t{}\t00000000\t0001\t0\t0\t0\t{}\t0\t0\t0  \n", hex(to), hex(mask));
        let listed = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n".to_owned()
            + &line("eth0", [0, 0, 0, 0], [0, 0, 0, 0])
            + &line("eth1", [10, 213, 0, 0], [255, 255, 0, 0])
            + &line("lft7", [10, 213, 0, 8], [255, 255, 255, 248])
            + &line("wlan0", [192, 168, 1, 0], [255, 255, 255, 0])
            + "cut off\n";
        let found = parse(listed.as_bytes(), "10.213.0.0/16".parse().unwrap()).unwrap();
        let found: Vec<String> = found.iter().map(|(network, name)| format!("{network} {name}")).collect();
        assert_eq!(found, ["0.0.0.0/0 eth0", "10.213.0.0/16 eth1", "10.213.0.8/29 lft7"]);
    }

    #[test]
    fn the_kernels_own_listing_is_read() {
        of_kernel("0.0.0.0/0".parse().unwrap()).unwrap();
    }
}
