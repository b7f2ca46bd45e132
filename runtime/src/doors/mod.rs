//! The tenants' front doors: ports that the runtime owns and proxies, byte for byte, to the tenants' containers.
//!
//! Bytes rather than requests: server-sent events, WebSockets and whatever else a tenant speaks pass as they are, and nothing of a
//! tenant's traffic is parsed here. A caller who comes while the tenant is not ready waits at the door; one who cannot be served gets
//! an HTTP answer that says so.
//!
//! Listening sockets are handed to systemd's file descriptor store, so that callers queue in the kernel while the runtime is restarted.
//! The connections of those who are inside are left there, too, and the next run goes on with them: an answer that is on its way, an
//! event stream and a WebSocket outlive an update, and none of them holds it up. Waiting for them instead, and cutting what takes longer,
//! would need to know where an answer ends, which is the tenants' business.

mod copy;
mod keeper;
mod place;
mod proxy;
mod refusal;

pub use keeper::{Inherited, Keeper};

use crate::log;
use crate::seats::Seats;
use crate::tenants_side::TenantsSide;
use proxy::Visitor;
use refusal::Refusal;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// Connections of one tenant at a time: its share of the process's file descriptors.
const CONNECTIONS_PER_DOOR: usize = 256;
/// Connections of all tenants at a time; each holds two descriptors and 16 KiB of buffers.
const ALL_CONNECTIONS: usize = 4096;
/// Connections of one address at a time, through all doors: half of all, because a proxy may stand before the doors.
const CONNECTIONS_PER_ADDRESS: usize = 2048;
/// How long callers may take to be left as they are, or to hear a refusal out, once the doors are left.
const FAREWELL: Duration = Duration::from_millis(250);
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

/// How far the doors are on their way to being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Callers come in.
    Open,
    /// Nobody comes in any more.
    Closing,
    /// Those inside are left to the next run.
    Leaving,
}

impl Stage {
    /// Returns when it is reached. Whoever decides about it going away is the end, too.
    async fn reached(self, stage: &mut watch::Receiver<Self>) {
        let _ = stage.wait_for(|stage| *stage >= self).await;
    }
}

/// All doors of this host.
#[derive(Debug)]
pub struct Doors {
    address: Ipv4Addr,
    side: TenantsSide,
    keeper: Keeper,
    seats: Seats,
    stage: watch::Sender<Stage>,
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
        Self { address, side, keeper, seats, stage: watch::channel(Stage::Open).0 }
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
            port,
            keeper: self.keeper.clone(),
            left: self.keeper.visitors(port),
            listener: tokio::net::TcpListener::from_std(listener)?,
            backend: seen,
            side: self.side.clone(),
            own: Arc::new(Semaphore::new(CONNECTIONS_PER_DOOR)),
            seats: self.seats.clone(),
            stage: self.stage.subscribe(),
        };
        Ok(Door { port, sign: Sign(backend), task: tokio::spawn(hall.receive()), keeper: self.keeper.clone() })
    }

    /// Stops taking callers, who queue in the kernel from now on, and gives those inside so long to leave by themselves. Whoever is
    /// still there is left to the next run, or, where nobody keeps connections for it, hung up on.
    pub async fn drain(&self, patience: Duration) {
        self.stage.send_replace(Stage::Closing);
        // Each door looks at the stage until the last of its callers left.
        if tokio::time::timeout(patience, self.stage.closed()).await.is_err() {
            self.stage.send_replace(Stage::Leaving);
            self.stage.closed().await;
        }
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
    port: u16,
    keeper: Keeper,
    /// Callers whom a previous run left.
    left: Vec<Visitor>,
    listener: tokio::net::TcpListener,
    backend: watch::Receiver<Backend>,
    side: TenantsSide,
    own: Arc<Semaphore>,
    seats: Seats,
    stage: watch::Receiver<Stage>,
}

impl Hall {
    async fn receive(mut self) {
        // Connections end with the door: the set aborts what it holds when it is dropped.
        let mut visits = JoinSet::new();
        for visitor in std::mem::take(&mut self.left) {
            // There were as many places when they came in.
            if let (Ok(place), Ok(from)) = (Arc::clone(&self.own).try_acquire_owned(), visitor.address()) {
                self.admit(&mut visits, place, visitor, from);
            }
        }
        while let Some((place, visitor, from)) = self.next().await {
            while visits.try_join_next().is_some() {}
            if !self.side.contains(from.ip()) {
                self.admit(&mut visits, place, visitor, from);
            }
        }
        let left = async {
            Stage::Leaving.reached(&mut self.stage).await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::select! {
            () = async { while visits.join_next().await.is_some() {} } => {}
            () = left => {}
        }
    }

    fn admit(&self, visits: &mut JoinSet<()>, place: OwnedSemaphorePermit, visitor: Visitor, from: SocketAddr) {
        let (backend, stage, seat) = (self.backend.clone(), self.stage.clone(), self.seats.take(from.ip()));
        let (keeper, port) = (self.keeper.clone(), self.port);
        visits.spawn(async move {
            match (seat, visitor) {
                (Some(_seat), visitor) => {
                    if let Some(visitor) = proxy::visit(visitor, backend, stage).await {
                        keeper.leave(port, &visitor);
                    }
                }
                (None, Visitor::Waiting(caller)) => refusal::answer(caller, Refusal::Crowded).await,
                // In the middle of a conversation, a refusal would be taken for a part of it.
                (None, Visitor::Led { .. }) => {}
            }
            drop(place);
        });
    }

    /// The next caller, as soon as there is room; `None` once the doors are closing.
    async fn next(&mut self) -> Option<(OwnedSemaphorePermit, Visitor, SocketAddr)> {
        let Self { listener, own, stage, .. } = self;
        let accept = async {
            let place = Arc::clone(own).acquire_owned().await.ok()?;
            loop {
                match listener.accept().await {
                    Ok((caller, from)) => return Some((place, Visitor::Waiting(caller), from)),
                    Err(error) => {
                        log::warning!("accept_failed", error = error);
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = Stage::Closing.reached(stage) => None,
            accepted = accept => accepted,
        }
    }
}
