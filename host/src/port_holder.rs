//! Which program listens at a TCP port, to name it to people.
//!
//! The kernel lists sockets by the number of their inode (proc(5), `/proc/net/tcp`), and each process's open files by links that name it. Root
//! sees all of them; a confined service sees its own, and then nobody is named.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::Path;

/// The listings of this process's network, for IPv4 and IPv6.
const LISTINGS: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
/// Most that is read of a listing, in bytes: some hundred thousand connections.
const MAX_LISTING: u64 = 64 << 20;
/// The state of a socket that listens (`TCP_LISTEN`, net/tcp_states.h).
const LISTENS: &str = "0A";

/// A program that holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortHolder {
    /// Its name, as the kernel has it: at most 15 bytes, which the program may have chosen.
    name: String,
    /// The number of its process.
    process: u32,
}

impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.process)
    }
}

/// The program that listens at `port` at any address of this host, as far as it can be seen.
pub fn of(port: u16) -> Option<PortHolder> {
    let sockets: BTreeSet<u64> = LISTINGS.iter().flat_map(|path| listening(&read(path), port)).collect();
    if sockets.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut numbers: Vec<u32> = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // In order: of processes that share a socket, the one that opened it comes first, unless numbers began anew.
    numbers.sort_unstable();
    let process = numbers.into_iter().find(|process| holds(*process, &sockets))?;
    Some(PortHolder { name: name(&fs::read(format!("/proc/{process}/comm")).ok()?), process })
}

fn read(path: &str) -> String {
    let mut text = Vec::new();
    // What cannot be read names nobody.
    let _ = fs::File::open(path).and_then(|file| file.take(MAX_LISTING).read_to_end(&mut text));
    String::from_utf8_lossy(&text).into_owned()
}

/// The inodes of the sockets that listen at `port`. A line is `0: 0100007F:0BB8 00000000:0000 0A 0:0 0:0 0 0 0 4711 …`.
fn listening(listing: &str, port: u16) -> BTreeSet<u64> {
    let inode = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, state, _, _, _, _, _, inode, ..] = words.as_slice() else { return None };
        let found = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
        (*state == LISTENS && found == port).then(|| inode.parse().ok()).flatten()
    };
    listing.lines().filter_map(inode).collect()
}

fn holds(process: u32, sockets: &BTreeSet<u64>) -> bool {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    files.filter_map(|file| inode(&fs::read_link(file.path()).ok()?)).any(|inode| sockets.contains(&inode))
}

/// The inode of the socket that a link leads to: `socket:[4711]`.
fn inode(target: &Path) -> Option<u64> {
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// The name in `comm`. A program chooses its own: what would control a terminal is left out.
fn name(comm: &[u8]) -> String {
    String::from_utf8_lossy(comm).chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn sockets_that_listen_at_the_port_are_found_in_the_kernels_listing() {
        let listing = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0 100 0 0 10 0
   2: 0100007F:0BB8 0100007F:A000 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0 100 0 0 10 0
   3: 0100007F:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 14 1 0 100 0 0 10 0
   4: cut off
";
        assert_eq!(listening(listing, 3000), BTreeSet::from([11, 12]));
        let six =
            "0: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 15 1";
        assert_eq!(listening(six, 3000), BTreeSet::from([15]));
    }

    #[test]
    fn the_program_that_listens_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = of(listener.local_addr().unwrap().port()).unwrap();
        assert_eq!(holder.process, std::process::id());
        assert!(holder.to_string().ends_with(&format!(" (process {})", std::process::id())), "{holder}");
    }

    #[test]
    fn a_name_does_not_control_the_terminal() {
        assert_eq!(name(b"a\x1b]0;b\x07\n"), "a]0;b");
    }
}
