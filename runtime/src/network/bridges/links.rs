//! The host's bridges with our prefix, and their removal (rtnetlink(7)).

use crate::engine::labels::BRIDGE_PREFIX;
use crate::identity::EnvId;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, sendto, socket_with};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// Where the kernel shows the links of the host.
const LINKS: &str = "/sys/class/net";

/// `RTM_DELLINK`, `NLM_F_REQUEST | NLM_F_ACK`, `IFLA_IFNAME` and `NLMSG_ERROR` of <linux/rtnetlink.h>, <linux/netlink.h> and
/// <linux/if_link.h>.
const DELETE_LINK: u16 = 17;
const REQUEST_WITH_ANSWER: u16 = 0x1 | 0x4;
const NAME: u16 = 3;
const ERROR: u16 = 2;
/// Bytes of `struct nlmsghdr`, of `struct ifinfomsg` and of the head of an attribute.
const HEADER: usize = 16;
const LINK: usize = 16;
const ATTRIBUTE: usize = 4;
/// `ENODEV`: no link has this name.
const NO_SUCH_LINK: i32 = 19;

/// The tenants whose bridge exists and has no ports.
pub(super) fn idle_bridges() -> io::Result<BTreeSet<EnvId>> {
    idle_bridges_in(Path::new(LINKS))
}

fn idle_bridges_in(links: &Path) -> io::Result<BTreeSet<EnvId>> {
    let mut found = BTreeSet::new();
    for link in fs::read_dir(links)? {
        let link = link?;
        let name = link.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix(BRIDGE_PREFIX)).and_then(|number| number.parse().ok());
        // The spelling counts, too: `lft01` is no name that this program gives.
        let Some(id) = id.map(EnvId).filter(|id| id.0 >= 0 && name.to_str() == Some(&id.bridge())) else { continue };
        // Only a bridge has this folder, with an entry for each of its ports. One that is going while it is looked at is none any more.
        if fs::read_dir(link.path().join("brif")).is_ok_and(|mut ports| ports.next().is_none()) {
            found.insert(id);
        }
    }
    Ok(found)
}

/// Removes a link. Succeeds where there is none of this name.
pub(super) fn remove(name: &str) -> io::Result<()> {
    // Without a protocol, which is 0: NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    // Port 0 is the kernel.
    sendto(&socket, &deletion(name), SendFlags::empty(), &netlink::SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 4096];
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    match outcome(&answer[..length]) {
        Some(0 | NO_SUCH_LINK) => Ok(()),
        Some(number) => Err(io::Error::from_raw_os_error(number)),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer about a link cannot be read")),
    }
}

/// The request to remove a link by its name.
fn deletion(name: &str) -> Vec<u8> {
    // With the zero at its end; attributes are padded to four bytes.
    let attribute = ATTRIBUTE + name.len() + 1;
    let length = HEADER + LINK + attribute.next_multiple_of(4);
    // Lengths of a message with a name of at most 15 bytes (IFNAMSIZ).
    let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_ne_bytes();
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    message.extend(DELETE_LINK.to_ne_bytes());
    message.extend(REQUEST_WITH_ANSWER.to_ne_bytes());
    // Sequence number and port, then a link that is not given by its index.
    message.resize(HEADER + LINK, 0);
    message.extend(short(attribute));
    message.extend(NAME.to_ne_bytes());
    message.extend(name.as_bytes());
    message.resize(length, 0);
    message
}

/// The error number in the kernel's answer, 0 for success.
fn outcome(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let number = i32::from_ne_bytes(answer.get(HEADER..HEADER + 4)?.try_into().ok()?);
    (kind == ERROR).then(|| number.checked_neg())?
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_bridges_without_ports_that_bear_a_tenants_name_are_idle() {
        let links = tempfile::tempdir().unwrap();
        for folder in
            ["lft1/brif", "lft2/brif/veth0", "lft3", "lft04/brif", "lft/brif", "lftx/brif", "br0/brif", "lft0/brif"]
        {
            fs::create_dir_all(links.path().join(folder)).unwrap();
        }
        let found: Vec<EnvId> = idle_bridges_in(links.path()).unwrap().into_iter().collect();
        assert_eq!(found, [EnvId(0), EnvId(1)]);
    }

    #[test]
    fn a_request_has_the_kernels_layout() {
        let message = deletion("lft12");
        assert_eq!(message.len(), 16 + 16 + 12);
        assert_eq!(message[..4], 44_u32.to_ne_bytes());
        assert_eq!(message[4..8], [17_u16.to_ne_bytes(), 5_u16.to_ne_bytes()].concat());
        assert_eq!(message[32..36], [10_u16.to_ne_bytes(), 3_u16.to_ne_bytes()].concat());
        assert_eq!(&message[36..], b"lft12\0\0\0");
    }

    #[test]
    fn an_answer_that_is_cut_short_is_not_read() {
        let answer =
            |kind: u16, number: i32| [&[0; 4][..], &kind.to_ne_bytes(), &[0; 10], &number.to_ne_bytes()].concat();
        for (answer, expected) in [
            (answer(2, 0), Some(0)),
            (answer(2, -19), Some(19)),
            (answer(3, 0), None),
            (answer(2, i32::MIN), None),
            (answer(2, 0)[..19].to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(outcome(&answer), expected, "{answer:?}");
        }
    }

    /// What needs root, for a bridge besides; `make check` leaves it out.
    mod needs_root {
        use super::*;
        use std::process::Command;

        #[test]
        fn a_bridge_is_removed_and_one_that_is_gone_is_no_error() {
            let name = format!("lft{}", 100_000 + std::process::id());
            let made = Command::new("ip").args(["link", "add", &name, "type", "bridge"]).status();
            assert!(made.unwrap().success(), "this test makes a bridge: run it as root, with the package iproute2");
            let is_idle = || idle_bridges().unwrap().iter().any(|id| id.bridge() == name);
            assert!(is_idle());
            remove(&name).unwrap();
            assert!(!is_idle());
            remove(&name).unwrap();
        }
    }
}
