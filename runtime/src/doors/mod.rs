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
use crate::subnet::{Pool, ipv4};
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
const ALL_CONNECTIONS: u32 = 4096;
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
    pool: Pool,
    keeper: Keeper,
    connections: Arc<Semaphore>,
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
    /// Doors on `address`, which turn away callers from `pool`: tenants do not call each other.
    pub fn new(address: Ipv4Addr, pool: Pool, keeper: Keeper) -> Self {
        Self {
            address,
            pool,
            keeper,
            connections: Arc::new(Semaphore::new(ALL_CONNECTIONS as usize)),
            closing: watch::channel(false).0,
        }
    }

    /// Takes a port: the socket that a previous run left with systemd, or a new one. Fails where another program holds the port.
    pub fn take(&self, port: u16) -> io::Result<Doorway> {
        let wanted = SocketAddr::from((self.address, port));
        let listener = match self.keeper.adopt(port, wanted) {
            Some(listener) => listener,
            None => TcpListener::bind(wanted)?,
        };
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
            pool: self.pool,
            own: Arc::new(Semaphore::new(CONNECTIONS_PER_DOOR)),
            all: Arc::clone(&self.connections),
            closing: self.closing.subscribe(),
        };
        Ok(Door { port, sign: Sign(backend), task: tokio::spawn(hall.receive()), keeper: self.keeper.clone() })
    }

    /// Stops taking callers, who queue in the kernel from now on, and returns when those inside have left.
    pub async fn drain(&self) {
        self.closing.send_replace(true);
        // All places free: nobody is inside. A closed semaphore means the same.
        let _ = self.connections.acquire_many(ALL_CONNECTIONS).await;
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

    /// Closes the port for good, systemd's copy of the socket included. When this returns, the port is free.
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
    pool: Pool,
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
}

impl Hall {
    async fn receive(mut self) {
        // Connections end with the door: the set aborts what it holds when it is dropped.
        let mut visits = JoinSet::new();
        while let Some((own, caller, from)) = self.next().await {
            while visits.try_join_next().is_some() {}
            if ipv4(from.ip()).is_some_and(|from| self.pool.contains(from)) {
                continue;
            }
            let (backend, all) = (self.backend.clone(), Arc::clone(&self.all));
            visits.spawn(async move {
                // Those whom the host has no room for wait inside their tenant's share.
                if let Ok(_place) = all.acquire_owned().await {
                    proxy::visit(caller, backend).await;
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
