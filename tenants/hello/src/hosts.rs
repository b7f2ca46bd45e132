//! Names of hosts, without the C library's name service: a static binary has none.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::IpAddr;

/// Docker writes a line for each name of the container; 64 KiB is a thousand of them.
const MAX_HOSTS_BYTES: u64 = 64 * 1024;

/// An address as it stands, or a name that `/etc/hosts` gives an address to, as it does to `host.docker.internal`.
pub(crate) fn resolve(host: &str) -> io::Result<IpAddr> {
    // An IPv6 address stands in brackets (RFC 3986 section 3.2.2).
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
        return Ok(address);
    }
    let mut text = Vec::new();
    File::open("/etc/hosts")?.take(MAX_HOSTS_BYTES).read_to_end(&mut text)?;
    lookup(&String::from_utf8_lossy(&text), host)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "not an address, and /etc/hosts has no such name"))
}

/// The first address of a name, by hosts(5).
fn lookup(hosts: &str, name: &str) -> Option<IpAddr> {
    hosts.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const HOSTS: &str = "127.0.0.1\tlocalhost\n# 10.0.0.9 host.docker.internal\n\nnonsense line\n\
                         10.213.0.1 gateway host.docker.internal # ours\n10.213.0.2 host.docker.internal\nfe80::1 six\n";

    #[test]
    fn finds_the_first_line_of_a_name() {
        let address = |name| lookup(HOSTS, name).map(|address| address.to_string());
        assert_eq!(address("host.docker.internal").as_deref(), Some("10.213.0.1"));
        assert_eq!(address("HOST.docker.internal").as_deref(), Some("10.213.0.1"));
        assert_eq!(address("six").as_deref(), Some("fe80::1"));
        assert_eq!(address("ours"), None);
        assert_eq!(address("10.213.0.1"), None);
    }

    #[test]
    fn addresses_need_no_lookup() {
        assert_eq!(resolve("10.0.0.1").unwrap().to_string(), "10.0.0.1");
        assert_eq!(resolve("[::1]").unwrap().to_string(), "::1");
        assert!(resolve("no.such.name.invalid").is_err());
    }
}
