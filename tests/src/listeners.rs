//! Listeners on the host and beyond it, which a tenant would reach if nothing isolated it.

use crate::Host;
use anyhow::Result;

/// An address of the documentation range (RFC 5737) beyond the host: another machine of its network.
pub const BEYOND: &str = "192.0.2.2";
/// The host's own address in that network.
pub const HOST: &str = "192.0.2.1";
/// A service of the host that listens on all of its addresses.
pub const SERVICE: u16 = 8888;

/// Starts a listener on another machine of the host's network and one on the host, and waits until the host reaches both.
pub fn start(host: &Host) -> Result<()> {
    host.ask(
        "set -e; ip netns add beyond; ip link add beyond0 type veth peer name beyond1 netns beyond; \
         ip address add 192.0.2.1/24 dev beyond0; ip link set beyond0 up; \
         ip -n beyond address add 192.0.2.2/24 dev beyond1; ip -n beyond link set beyond1 up; \
         ip -n beyond route add default via 192.0.2.1",
    )?
    .ok()?;
    listen(host, "beyond", "ip netns exec beyond", SERVICE)?;
    listen(host, "service", "", SERVICE)?;
    for address in [BEYOND, HOST, "127.0.0.1"] {
        host.until(&connect(address, SERVICE))?;
    }
    Ok(())
}

/// Removes what [`start`] made.
pub fn stop(host: &Host) -> Result<()> {
    host.ask("systemctl stop listener-beyond listener-service; ip link delete beyond0; ip netns delete beyond")?
        .ok()?;
    Ok(())
}

/// A shell command that succeeds if a connection to `port` of `address` is accepted within two seconds.
pub fn connect(address: &str, port: u16) -> String {
    format!("timeout 2 bash -c \"exec 3<>/dev/tcp/{address}/{port}\"")
}

fn listen(host: &Host, name: &str, prefix: &str, port: u16) -> Result<()> {
    let listener = format!("{prefix} systemd-socket-activate --listen {port} --accept --inetd cat");
    host.ask(&format!("systemd-run --quiet --unit listener-{name} --property Type=exec {listener}"))?.ok()?;
    Ok(())
}
