//! systemd's file descriptor store (sd_notify(3), `FDSTORE=1`): listening sockets and open connections that outlive this process.
//!
//! systemd passes stored descriptors to the next process as `LISTEN_FDS`, with the names that they were stored under. A socket that is
//! no longer needed is removed by its name; a connection that both peers closed is removed by systemd.
//!
//! Handover of a tenant's port, from process to process:
//!
//! 1. While the port is open, its listening socket is in the store (`port-3001`): clients queue in the kernel during the restart.
//! 2. The ending process stores the one or two sockets of each open connection under one name, which says how many they are
//!    (`visit-3001-<process>-<number>-2`).
//! 3. The next process takes over all that was stored, at its first instruction ([`InheritedSockets::from_environment`]).
//! 4. It removes the connections from the store as it continues them: a copy that systemd held would keep a connection open after both
//!    peers have closed it. Listening sockets stay.
//! 5. What no port claims is removed ([`FdStore::remove_unclaimed`]).

mod backend;

#[cfg(test)]
pub(crate) use backend::MemoryStore;

use crate::service::log;
use backend::Backend;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The name of the command line's socket in the store. Names must not contain a colon.
const COMMAND_SOCKET: &str = "socket";
/// What the names of connections begin with, before the port.
const CONNECTION_PREFIX: &str = "visit-";
/// How often, and how far apart, binding is tried after systemd was told to close the port: it closes descriptors some time later.
const BIND_ATTEMPTS: u32 = 25;
const BIND_PAUSE: Duration = Duration::from_millis(10);
/// Connections that are stored, two descriptors each: with the listening sockets of the default port range, they fit into the descriptors
/// that the unit allows. Not more: systemd compares each descriptor with all that it holds.
const MAX_CONNECTIONS: usize = 512;

/// The sockets that the previous process stored with systemd.
#[derive(Debug, Default)]
pub struct InheritedSockets {
    ports: HashMap<String, TcpListener>,
    command_socket: Option<UnixListener>,
    connections: HashMap<String, Vec<TcpStream>>,
}

impl InheritedSockets {
    /// Takes over the descriptors that systemd passes to this process. To be called once, before any thread is started: it clears the
    /// environment variables that announce them.
    pub fn from_environment() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut passed = listenfd::ListenFd::from_env();
        let mut inherited = Self::default();
        // listenfd knows no names; systemd lists them in the order of the descriptors (sd_listen_fds(3)).
        for (index, name) in (0..passed.len()).zip(names.split(':')) {
            let taken = if name == COMMAND_SOCKET {
                passed.take_unix_listener(index).map(|socket| socket.map(OwnedFd::from))
            } else {
                // Also for connections: listenfd checks the socket's family, not that it listens.
                passed.take_tcp_listener(index).map(|socket| socket.map(OwnedFd::from))
            };
            match taken {
                Ok(Some(descriptor)) => inherited.add(name, descriptor),
                Ok(None) => {}
                Err(error) => log::warning!("inherited_descriptor_refused", name = name, error = error),
            }
        }
        inherited
    }

    fn add(&mut self, name: &str, descriptor: OwnedFd) {
        if name == COMMAND_SOCKET {
            self.command_socket = Some(descriptor.into());
        } else if connection_port(name).is_some() {
            self.connections.entry(name.to_owned()).or_default().push(descriptor.into());
        } else {
            self.ports.insert(name.to_owned(), descriptor.into());
        }
    }
}

/// Stores sockets for the next process, and hands out those of the previous one. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct FdStore {
    inherited: Arc<Mutex<InheritedSockets>>,
    backend: Backend,
    connections_stored: Arc<AtomicUsize>,
}

impl FdStore {
    /// systemd's store where systemd started this process; otherwise one that stores nothing.
    pub fn new(inherited: InheritedSockets) -> Self {
        let started_by_systemd = std::env::var_os("NOTIFY_SOCKET").is_some();
        let backend = if started_by_systemd { Backend::Systemd } else { Backend::Disabled };
        Self { inherited: Arc::new(Mutex::new(inherited)), backend, connections_stored: Arc::default() }
    }

    /// A store that stores nothing: sockets end with the process.
    pub fn disabled() -> Self {
        Self::default()
    }

    fn inherited(&self) -> MutexGuard<'_, InheritedSockets> {
        self.inherited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens at `wanted`: with the inherited socket of `port`, or with a new one. Blocks for up to a quarter of a second where the
    /// settings changed and systemd still holds the port at another address.
    pub fn listen(&self, port: u16, wanted: SocketAddr) -> io::Result<TcpListener> {
        let name = port_name(port);
        let Some(inherited) = self.inherited().ports.remove(&name) else { return TcpListener::bind(wanted) };
        if inherited.local_addr().is_ok_and(|address| address == wanted) {
            return Ok(inherited);
        }
        // Both copies must be closed before another address of the same port can be bound: ours, and systemd's.
        drop(inherited);
        self.remove(&name);
        bind_once_free(wanted, || std::thread::sleep(BIND_PAUSE))
    }

    /// The inherited socket of the command line.
    pub fn take_command_socket(&self) -> Option<UnixListener> {
        self.inherited().command_socket.take()
    }

    /// The inherited connections of `port`, each as its one or two sockets. They are removed from the store. Where systemd has dropped one of
    /// two, the other is closed: without its tenant's, a client's would be taken for one that waits, and continued at another connection.
    pub(crate) fn take_connections(&self, port: u16) -> Vec<Vec<TcpStream>> {
        let of_port = |name: &String, _: &mut Vec<TcpStream>| connection_port(name) == Some(port);
        let taken = self.inherited().connections.extract_if(of_port).collect::<Vec<_>>();
        for (name, _) in &taken {
            self.remove(name);
        }
        taken.into_iter().filter(|(name, sockets)| is_whole(name, sockets.len())).map(|(_, sockets)| sockets).collect()
    }

    /// Stores the sockets of one connection of `port`, while fewer than [`MAX_CONNECTIONS`] are stored.
    pub(crate) fn store_connection(&self, port: u16, sockets: &[BorrowedFd<'_>]) {
        // Relaxed: the counter orders nothing, it only bounds how many are stored.
        let number = self.connections_stored.fetch_add(1, Ordering::Relaxed);
        // With the process in the name, none is used twice: sockets of one name are taken for one connection.
        if number < MAX_CONNECTIONS {
            let (process, count) = (std::process::id(), sockets.len());
            self.store(&format!("{CONNECTION_PREFIX}{port}-{process}-{number}-{count}"), sockets);
        }
    }

    /// Stores the listening socket of `port`.
    pub fn store_port(&self, port: u16, listener: &TcpListener) {
        self.store(&port_name(port), &[listener.as_fd()]);
    }

    /// Stores the listening socket of the command line.
    pub fn store_command_socket(&self, listener: &UnixListener) {
        self.store(COMMAND_SOCKET, &[listener.as_fd()]);
    }

    /// Removes the listening socket of `port`.
    pub fn remove_port(&self, port: u16) {
        self.remove(&port_name(port));
    }

    /// Removes the inherited sockets that were not taken.
    pub fn remove_unclaimed(&self) {
        let unclaimed = std::mem::take(&mut *self.inherited());
        for name in unclaimed.ports.keys().chain(unclaimed.connections.keys()) {
            self.remove(name);
        }
        if unclaimed.command_socket.is_some() {
            self.remove(COMMAND_SOCKET);
        }
    }

    fn store(&self, name: &str, descriptors: &[BorrowedFd<'_>]) {
        if let Err(error) = self.backend.store(name, descriptors) {
            log::warning!("descriptor_not_stored", name = name, error = error);
        }
    }

    fn remove(&self, name: &str) {
        if let Err(error) = self.backend.remove(name) {
            log::warning!("descriptor_not_removed", name = name, error = error);
        }
    }
}

/// Binds an address whose old socket is about to be closed; `pause` runs between two attempts.
fn bind_once_free(wanted: SocketAddr, mut pause: impl FnMut()) -> io::Result<TcpListener> {
    for _ in 1..BIND_ATTEMPTS {
        match TcpListener::bind(wanted) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => pause(),
            bound => return bound,
        }
    }
    TcpListener::bind(wanted)
}

/// The port of the stored connection that is called `name`.
fn connection_port(name: &str) -> Option<u16> {
    name.strip_prefix(CONNECTION_PREFIX)?.split('-').next()?.parse().ok()
}

/// Whether a stored connection has all of its sockets. Earlier releases did not say how many it has.
fn is_whole(name: &str, sockets: usize) -> bool {
    name.split('-').nth(4).is_none_or(|count| count.parse() == Ok(sockets))
}

fn port_name(port: u16) -> String {
    format!("port-{port}")
}

#[cfg(test)]
impl FdStore {
    /// A store in memory. What it holds already is inherited.
    pub(crate) fn in_memory(store: &MemoryStore) -> Self {
        let mut inherited = InheritedSockets::default();
        store.copies().into_iter().for_each(|(name, descriptor)| inherited.add(&name, descriptor));
        let backend = Backend::Memory(store.clone());
        Self { inherited: Arc::new(Mutex::new(inherited)), backend, connections_stored: Arc::default() }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_unit_has_room_for_all_that_is_stored() {
        let unit = include_str!("../../../../systemd/units/landfall.service");
        let room = unit.lines().find_map(|line| line.strip_prefix("FileDescriptorStoreMax=")).unwrap();
        let settings = crate::settings::Settings::parse("").unwrap();
        let (first, last) = settings.tenant_ports;
        let [ports, api, command_line] = [usize::from(last - first) + 1, 1, 1];
        let listening = ports + api + command_line;
        assert!(
            listening + 2 * MAX_CONNECTIONS <= room.parse().unwrap(),
            "{listening} sockets listen; room for {room}"
        );
    }

    /// A store whose previous process listened at `address`, and systemd's copy of the socket.
    fn inheriting(address: &str) -> (FdStore, TcpListener) {
        let listener = TcpListener::bind(address).unwrap();
        let name = port_name(listener.local_addr().unwrap().port());
        let ports = HashMap::from([(name, listener.try_clone().unwrap())]);
        (FdStore::new(InheritedSockets { ports, ..InheritedSockets::default() }), listener)
    }

    #[test]
    fn a_client_without_its_tenants_socket_is_not_continued() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sockets = |count| (0..count).map(|_| TcpStream::connect(address).unwrap()).collect::<Vec<_>>();
        let connections =
            [("visit-3001-9-0-2", 2), ("visit-3001-9-1-2", 1), ("visit-3001-9-2-1", 1), ("visit-3001-9-3", 2)];
        let connections = connections.map(|(name, count)| (name.to_owned(), sockets(count))).into();
        let fd_store = FdStore::new(InheritedSockets { connections, ..InheritedSockets::default() });
        let mut taken: Vec<usize> = fd_store.take_connections(3001).iter().map(Vec::len).collect();
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 2], "one that waited, one that was proxied, and one of an earlier release");
    }

    #[test]
    fn an_inherited_socket_of_the_same_address_is_used_again() {
        let (fd_store, copy) = inheriting("127.0.0.1:0");
        let address = copy.local_addr().unwrap();
        // A second socket cannot be bound there while the copy is open.
        assert!(fd_store.listen(address.port(), address).is_ok());
        assert!(fd_store.listen(address.port(), address).is_err());
    }

    #[test]
    fn a_changed_address_is_bound_once_systemd_has_closed_the_old_socket() {
        let copy = TcpListener::bind("0.0.0.0:0").unwrap();
        let wanted = SocketAddr::from(([127, 0, 0, 1], copy.local_addr().unwrap().port()));
        let mut copies = vec![copy.try_clone().unwrap(), copy];
        // systemd closes the last copy during the second pause.
        let bound = bind_once_free(wanted, || drop(copies.pop())).unwrap();
        assert_eq!(bound.local_addr().unwrap(), wanted);
        let error = bind_once_free(wanted, || ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "the attempts come to an end");
    }
}
