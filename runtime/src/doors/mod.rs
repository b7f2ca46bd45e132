//! The tenants' front doors: ports that the runtime owns and proxies, byte for byte, to the tenants' containers.
//!
//! Bytes rather than requests: server-sent events, WebSockets and whatever else a tenant speaks pass as they are, and nothing of a
//! tenant's traffic is parsed here. A caller who comes while the tenant is not ready waits at the door; one who cannot be served gets
//! an HTTP answer that says so.
//!
//! Listening sockets are handed to systemd's file descriptor store, so that callers queue in the kernel while the runtime is restarted.

mod keeper;
mod proxy;
mod refusal;

pub use keeper::{Inherited, Keeper};

use crate::log;
use crate::seats::Seats;
use crate::tenants_side::TenantsSide;
use refusal::Refusal;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// Connections of one tenant at a time: its share of the process's file descriptors.
const CONNECTIONS_PER_DOOR: usize = 256;
/// Connections of all tenants at a time; each holds two descriptors and 16 KiB of buffers.
const ALL_CONNECTIONS: usize = 4096;
/// Connections of one address at a time, through all doors: half of all, because a proxy may stand before the doors.
const CONNECTIONS_PER_ADDRESS: usize = 2048;
/// After `accept` failed for want of descriptors, so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where a door leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Nowhere yet, but soon: callers wait.
    Pending,
    /// To the tenant.
    Ready(SocketAddrV4),
    /// Nowhere for a while: callers are told at once.
    Down,
}

/// All doors of this host.
#[derive(Debug)]
pub struct Doors {
    address: Ipv4Addr,
    side: TenantsSide,
    keeper: Keeper,
    seats: Seats,
    closing: watch::Sender<bool>,
}

/// An open door. Dropping it closes the port and the connections through it.
#[derive(Debug)]
pub struct Door {
    port: u16,
    sign: Sign,
    task: JoinHandle<()>,
    keeper: Keeper,
}

/// The sign on a door, for whoever watches the tenant behind it.
#[derive(Debug, Clone)]
pub struct Sign(watch::Sender<Backend>);

/// A port that is ours but not open yet: callers queue in the kernel. Dropping it gives it back.
#[derive(Debug)]
pub struct Doorway {
    listener: TcpListener,
    port: u16,
}

impl Doors {
    /// Doors on `address`, which turn away callers from the tenants' `side`: tenants do not call each other.
    pub fn new(address: Ipv4Addr, side: TenantsSide, keeper: Keeper) -> Self {
        let seats = Seats::new(ALL_CONNECTIONS, CONNECTIONS_PER_ADDRESS);
        Self { address, side, keeper, seats, closing: watch::channel(false).0 }
    }

    /// Takes a port: the socket that a previous run left with systemd, or a new one. Fails where another program holds the port.
    pub fn take(&self, port: u16) -> io::Result<Doorway> {
        let wanted = SocketAddr::from((self.address, port));
        let listener = self.keeper.listen(port, wanted)?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok(Doorway { listener, port })
    }

    /// Opens a door: callers wait until it leads somewhere.
    pub fn open(&self, doorway: Doorway) -> io::Result<Door> {
        let Doorway { listener, port } = doorway;
        self.keeper.keep(port, &listener);
        let (backend, seen) = watch::channel(Backend::Pending);
        let hall = Hall {
            listener: tokio::net::TcpListener::from_std(listener)?,
            backend: seen,
            side: self.side.clone(),
            own: Arc::new(Semaphore::new(CONNECTIONS_PER_DOOR)),
            seats: self.seats.clone(),
            closing: self.closing.subscribe(),
        };
        Ok(Door { port, sign: Sign(backend), task: tokio::spawn(hall.receive()), keeper: self.keeper.clone() })
    }

    /// Stops taking callers, who queue in the kernel from now on, and returns when those inside have left.
    pub async fn drain(&self) {
        self.closing.send_replace(true);
        // Each door listens for the closing until the last of its callers left.
        self.closing.closed().await;
    }

    /// Gives back the sockets that a previous run left and nobody took.
    pub fn forget_inherited(&self) {
        self.keeper.forget_inherited();
    }
}

impl Doorway {
    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Sign {
    /// Says where the door leads from now on.
    pub fn lead(&self, backend: Backend) {
        self.0.send_if_modified(|current| std::mem::replace(current, backend) != backend);
    }
}

impl Door {
    /// The sign that says where the door leads.
    pub fn sign(&self) -> &Sign {
        &self.sign
    }

    /// Closes the port for good, and tells systemd to close its copy of the socket. The port is free when systemd has, moments later:
    /// until then it is one more port that cannot be taken.
    pub async fn close(mut self) {
        self.keeper.release(self.port);
        self.task.abort();
        // It was told to end, which is what it says.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Hall {
    listener: tokio::net::TcpListener,
    backend: watch::Receiver<Backend>,
    side: TenantsSide,
    own: Arc<Semaphore>,
    seats: Seats,
    closing: watch::Receiver<bool>,
}

impl Hall {
    async fn receive(mut self) {
        // Connections end with the door: the set aborts what it holds when it is dropped.
        let mut visits = JoinSet::new();
        while let Some((own, caller, from)) = self.next().await {
            while visits.try_join_next().is_some() {}
            if self.side.contains(from.ip()) {
                continue;
            }
            let (backend, seat) = (self.backend.clone(), self.seats.take(from.ip()));
            visits.spawn(async move {
                match seat {
                    Some(_seat) => proxy::visit(caller, backend).await,
                    None => refusal::answer(caller, Refusal::Crowded).await,
                }
                drop(own);
            });
        }
        while visits.join_next().await.is_some() {}
    }

    /// The next caller, as soon as there is room; `None` once the doors are closing.
    async fn next(&mut self) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
        let Self { listener, own, closing, .. } = self;
        let accept = async {
            let place = Arc::clone(own).acquire_owned().await.ok()?;
            loop {
                match listener.accept().await {
                    Ok((caller, from)) => return Some((place, caller, from)),
                    Err(error) => {
                        log::warning!("accept_failed", error = error);
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            accepted = accept => accepted,
            _ = closing.wait_for(|closing| *closing) => None,
        }
    }
}
