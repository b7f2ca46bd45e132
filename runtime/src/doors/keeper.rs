//! systemd's file descriptor store (sd_notify(3), `FDSTORE=1`): listening sockets that outlive this process, and the connections of
//! callers who are inside when it ends.
//!
//! The store hands sockets back at the next start as `LISTEN_FDS`, with the names that we gave them. A socket that is no longer
//! wanted is taken out by its name; a connection that both sides gave up leaves the store by itself.

use super::place::Place;
#[cfg(test)]
use super::place::Shelf;
use super::proxy::Visitor;
use crate::log;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The name of the command line's socket in the store. Ports are called `port-3001`, and a caller's connections
/// `visit-3001-<process>-<number>`; names must not hold a colon.
const SOCKET: &str = "socket";
/// How often, and after which pause, a port is asked for that systemd was told to close: it closes descriptors in its own time.
const TRIES: u32 = 25;
const TRY_PAUSE: Duration = Duration::from_millis(10);
/// Callers who are left with systemd, two connections each: with as many doors as the default settings have, they fit into the 2048
/// descriptors that the unit allows.
const VISITORS: usize = 512;

/// The sockets that a previous run left with systemd.
#[derive(Debug, Default)]
pub struct Inherited {
    ports: HashMap<String, TcpListener>,
    socket: Option<UnixListener>,
    visits: HashMap<String, Vec<TcpStream>>,
}

impl Inherited {
    /// Takes over what systemd hands to this process. To be called once, before any thread is started: it clears the environment
    /// variables that say so.
    pub fn from_environment() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut handed = listenfd::ListenFd::from_env();
        let mut inherited = Self::default();
        for (index, name) in (0..handed.len()).zip(names.split(':')) {
            let taken = if name == SOCKET {
                handed.take_unix_listener(index).map(|socket| socket.map(OwnedFd::from))
            } else {
                // It does not look whether the socket listens.
                handed.take_tcp_listener(index).map(|socket| socket.map(OwnedFd::from))
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
        if name == SOCKET {
            self.socket = Some(descriptor.into());
        } else if visited(name).is_some() {
            self.visits.entry(name.to_owned()).or_default().push(descriptor.into());
        } else {
            self.ports.insert(name.to_owned(), descriptor.into());
        }
    }
}

/// Keeps sockets across restarts. Clones share what was inherited.
#[derive(Debug, Clone, Default)]
pub struct Keeper {
    inherited: Arc<Mutex<Inherited>>,
    place: Place,
    left: Arc<AtomicUsize>,
}

impl Keeper {
    /// A keeper that hands sockets to systemd, where it started us.
    pub fn new(inherited: Inherited) -> Self {
        let started = std::env::var_os("NOTIFY_SOCKET").is_some();
        let place = if started { Place::Systemd } else { Place::Nowhere };
        Self { inherited: Arc::new(Mutex::new(inherited)), place, left: Arc::default() }
    }

    /// A keeper that keeps nothing.
    pub fn none() -> Self {
        Self::default()
    }

    fn inherited(&self) -> MutexGuard<'_, Inherited> {
        self.inherited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens at `wanted`: with the socket of `port` that was inherited, or with a new one. Blocks, for a quarter of a second at most,
    /// where the settings changed and systemd still holds the port at another address.
    pub fn listen(&self, port: u16, wanted: SocketAddr) -> io::Result<TcpListener> {
        let name = name(port);
        let Some(inherited) = self.inherited().ports.remove(&name) else { return TcpListener::bind(wanted) };
        if inherited.local_addr().is_ok_and(|address| address == wanted) {
            return Ok(inherited);
        }
        drop(inherited);
        self.forget(&name);
        for _ in 1..TRIES {
            match TcpListener::bind(wanted) {
                Err(error) if error.kind() == ErrorKind::AddrInUse => std::thread::sleep(TRY_PAUSE),
                bound => return bound,
            }
        }
        TcpListener::bind(wanted)
    }

    /// The command line's socket that was inherited.
    pub fn adopt_socket(&self) -> Option<UnixListener> {
        self.inherited().socket.take()
    }

    /// The callers whom a previous run left inside the door of `port`. From now on they are this run's alone: a copy of a connection
    /// that systemd held would keep it open when both sides had ended.
    pub(super) fn visitors(&self, port: u16) -> Vec<Visitor> {
        let visits = self.inherited().visits.extract_if(|name, _| visited(name) == Some(port)).collect::<Vec<_>>();
        let come_back = |(name, connections): (String, _)| {
            self.forget(&name);
            let visitor = Visitor::returning(port, connections);
            visitor.unwrap_or_else(|error| {
                log::warning!("visitor_lost", port = port, error = error);
                None
            })
        };
        visits.into_iter().filter_map(come_back).collect()
    }

    /// Leaves a caller inside the door of `port` with systemd, as far as there is room.
    pub(super) fn leave(&self, port: u16, visitor: &Visitor) {
        let number = self.left.fetch_add(1, Ordering::Relaxed);
        if number < VISITORS {
            self.store(&format!("{VISIT}{port}-{}-{number}", std::process::id()), &visitor.descriptors());
        }
    }

    /// Leaves the socket of `port` with systemd.
    pub fn keep(&self, port: u16, listener: &TcpListener) {
        self.store(&name(port), &[listener.as_fd()]);
    }

    /// Leaves the command line's socket with systemd.
    pub fn keep_socket(&self, listener: &UnixListener) {
        self.store(SOCKET, &[listener.as_fd()]);
    }

    /// Takes the socket of `port` back from systemd.
    pub fn release(&self, port: u16) {
        self.forget(&name(port));
    }

    /// Gives back what was inherited and nobody adopted.
    pub fn forget_inherited(&self) {
        let left = std::mem::take(&mut *self.inherited());
        for name in left.ports.keys().chain(left.visits.keys()) {
            self.forget(name);
        }
        if left.socket.is_some() {
            self.forget(SOCKET);
        }
    }

    fn store(&self, name: &str, descriptors: &[BorrowedFd<'_>]) {
        if let Err(error) = self.place.put(name, descriptors) {
            log::warning!("descriptor_not_stored", name = name, error = error);
        }
    }

    fn forget(&self, name: &str) {
        if let Err(error) = self.place.remove(name) {
            log::warning!("descriptor_not_forgotten", name = name, error = error);
        }
    }
}

/// What the names of callers' connections begin with, before the port.
const VISIT: &str = "visit-";

/// The port of the door through which the caller came whose connections bear `name`.
fn visited(name: &str) -> Option<u16> {
    name.strip_prefix(VISIT)?.split('-').next()?.parse().ok()
}

fn name(port: u16) -> String {
    format!("port-{port}")
}

#[cfg(test)]
impl Keeper {
    /// A keeper that inherits what is on the shelf, and keeps there.
    pub(super) fn with_shelf(shelf: &Shelf) -> Self {
        let mut inherited = Inherited::default();
        shelf.copies().into_iter().for_each(|(name, descriptor)| inherited.add(&name, descriptor));
        let place = Place::Shelf(shelf.clone());
        Self { inherited: Arc::new(Mutex::new(inherited)), place, left: Arc::default() }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// A keeper that inherited a socket at `address`, and systemd's copy of that socket.
    fn inheriting(address: &str) -> (Keeper, TcpListener) {
        let listener = TcpListener::bind(address).unwrap();
        let name = name(listener.local_addr().unwrap().port());
        let ports = HashMap::from([(name, listener.try_clone().unwrap())]);
        (Keeper::new(Inherited { ports, ..Inherited::default() }), listener)
    }

    #[test]
    fn goes_on_listening_with_the_socket_of_the_same_address() {
        let (keeper, copy) = inheriting("127.0.0.1:0");
        let address = copy.local_addr().unwrap();
        // Nobody else could listen there while the copy is open.
        assert!(keeper.listen(address.port(), address).is_ok());
        assert!(keeper.listen(address.port(), address).is_err());
    }

    #[test]
    fn listens_at_another_address_as_soon_as_systemd_let_go_of_the_port() {
        let (keeper, copy) = inheriting("0.0.0.0:0");
        let port = copy.local_addr().unwrap().port();
        let systemd = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(copy);
        });
        let wanted = SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(keeper.listen(port, wanted).unwrap().local_addr().unwrap(), wanted);
        systemd.join().unwrap();
    }
}
