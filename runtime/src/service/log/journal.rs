//! The journal's own protocol: a datagram for each entry, `systemd.io/JOURNAL_NATIVE_PROTOCOL`.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

/// Where systemd-journald listens (systemd-journald.service(8)).
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

/// How long a journal that takes nothing may hold up whoever logs.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// Entries for the journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    socket: UnixDatagram,
}

impl Journal {
    pub(super) fn at(path: PathBuf) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(Self { path, socket })
    }

    /// Sends one entry. By its path each time: journald may be restarted.
    pub(super) fn send(&self, fields: &[(String, String)]) -> io::Result<()> {
        self.socket.send_to(&datagram(fields), &self.path).map(drop)
    }
}

/// The fields as the protocol has them: `NAME=value` where the value is one line, and otherwise with the value's length.
fn datagram(fields: &[(String, String)]) -> Vec<u8> {
    let mut datagram = Vec::new();
    for (name, value) in fields {
        datagram.extend(name.as_bytes());
        if value.contains('\n') {
            datagram.push(b'\n');
            datagram.extend((value.len() as u64).to_le_bytes());
        } else {
            datagram.push(b'=');
        }
        datagram.extend(value.as_bytes());
        datagram.push(b'\n');
    }
    datagram
}
