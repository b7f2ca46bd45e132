//! systemd's file descriptor store (sd_notify(3), `FDSTORE=1`): listening sockets that outlive this process.
//!
//! The store hands sockets back at the next start as `LISTEN_FDS`, with the names that we gave them. A socket that is no longer
//! wanted is taken out by its name.

use crate::log;
use sd_notify::NotifyState;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The name of the command line's socket in the store. Ports are called `port-3001`; names must not hold a colon.
const SOCKET: &str = "socket";
/// How often, and after which pause, a port is asked for that systemd was told to close: it closes descriptors in its own time.
const TRIES: u32 = 25;
const TRY_PAUSE: Duration = Duration::from_millis(10);

/// The sockets that a previous run left with systemd.
#[derive(Debug, Default)]
pub struct Inherited {
    ports: HashMap<String, TcpListener>,
    socket: Option<UnixListener>,
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
                handed.take_unix_listener(index).map(|socket| inherited.socket = socket)
            } else {
                handed
                    .take_tcp_listener(index)
                    .map(|port| inherited.ports.extend(port.map(|port| (name.to_owned(), port))))
            };
            if let Err(error) = taken {
                log::warning!("inherited_descriptor_refused", name = name, error = error);
            }
        }
        inherited
    }
}

/// Keeps listening sockets across restarts. Clones share what was inherited.
#[derive(Debug, Clone, Default)]
pub struct Keeper {
    inherited: Arc<Mutex<Inherited>>,
    systemd: bool,
}

impl Keeper {
    /// A keeper that hands sockets to systemd, where it started us.
    pub fn new(inherited: Inherited) -> Self {
        let systemd = std::env::var_os("NOTIFY_SOCKET").is_some();
        Self { inherited: Arc::new(Mutex::new(inherited)), systemd }
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

    /// Leaves the socket of `port` with systemd.
    pub fn keep(&self, port: u16, listener: &TcpListener) {
        self.store(&name(port), listener.as_fd());
    }

    /// Leaves the command line's socket with systemd.
    pub fn keep_socket(&self, listener: &UnixListener) {
        self.store(SOCKET, listener.as_fd());
    }

    /// Takes the socket of `port` back from systemd.
    pub fn release(&self, port: u16) {
        self.forget(&name(port));
    }

    /// Gives back what was inherited and nobody adopted.
    pub fn forget_inherited(&self) {
        let left = std::mem::take(&mut *self.inherited());
        for name in left.ports.keys() {
            self.forget(name);
        }
        if left.socket.is_some() {
            self.forget(SOCKET);
        }
    }

    fn store(&self, name: &str, descriptor: BorrowedFd<'_>) {
        if !self.systemd {
            return;
        }
        // systemd notices a descriptor that it has already.
        let state = [NotifyState::FdStore, NotifyState::FdName(name)];
        if let Err(error) = sd_notify::notify_with_fds(&state, &[descriptor]) {
            log::warning!("descriptor_not_stored", name = name, error = error);
        }
    }

    fn forget(&self, name: &str) {
        if !self.systemd {
            return;
        }
        if let Err(error) = sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)]) {
            log::warning!("descriptor_not_forgotten", name = name, error = error);
        }
    }
}

fn name(port: u16) -> String {
    format!("port-{port}")
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
        (Keeper::new(Inherited { ports, socket: None }), listener)
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
