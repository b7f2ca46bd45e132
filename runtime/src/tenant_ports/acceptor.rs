//! Accepts the connections of one tenant's port, within limits, and proxies each in a task of its own.

use super::downstream::Sockets;
use super::refusal::{self, Refusal};
use super::workers::Dispatcher;
use super::{Backend, Phase, proxy};
use crate::network::pace::Pace;
use crate::network::{Connection, Connections, TenantAddresses, accept_errors};
use crate::service::{FdStore, log};
use rustix::net::{SocketFlags, acceptfrom_with};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Clients at a time that are told that there is no room for them; beyond that, they are closed without a word.
const REFUSALS: usize = 64;
/// How long connections may take to be stored, or to receive a refusal, once the handover has begun.
const HANDOVER_TIMEOUT: Duration = Duration::from_millis(250);

/// New connections of one port while other ports have traffic. One costs as much time as several requests on an open
/// connection, which no tenant's limit of CPU time counts: these take about a twentieth of two processors.
const PACE: Pace = Pace { interval: Duration::from_millis(1), burst: 500 };
/// For how long after something moved there another port counts as having traffic.
const BUSY: Duration = Duration::from_millis(100);

/// The accept loop of one port.
pub(super) struct Acceptor {
    pub(super) port: u16,
    pub(super) fd_store: FdStore,
    /// The sockets of the connections that the previous process stored, one item a connection.
    pub(super) stored: Vec<Vec<std::net::TcpStream>>,
    pub(super) listener: AsyncFd<TcpListener>,
    pub(super) backend: watch::Receiver<Backend>,
    pub(super) tenants: TenantAddresses,
    /// Those of all ports.
    pub(super) all: Connections,
    pub(super) dispatcher: Dispatcher,
    pub(super) phase: watch::Receiver<Phase>,
}

impl Acceptor {
    /// Accepts until the ports drain, and returns when the last connection has ended or was stored.
    pub(super) async fn run(mut self) {
        let refusals = Arc::new(Semaphore::new(REFUSALS));
        // The set aborts its tasks when it is dropped: connections end with the port.
        let mut connections = JoinSet::new();
        self.resume_stored(&mut connections);
        let (mut wait, mut rested) = (Duration::ZERO, Instant::now());
        while let Some((client, from)) = self.accept(wait).await {
            // Those that come meanwhile queue in the kernel, which refuses more than fit there before they have cost anybody's time.
            wait = if self.all.others_moved(self.port, BUSY) {
                PACE.spend(&mut rested, Instant::now())
            } else {
                Duration::ZERO
            };
            // The set keeps the result of each task until it is asked for: without this it would grow as long as the
            // port is open.
            while connections.try_join_next().is_some() {}
            // Otherwise it is closed. The firewall drops such packets as well; this does not rely on it.
            if self.tenants.contains(from) {
                continue;
            }
            match self.all.admit(from, self.port) {
                Some(permit) => self.spawn(&mut connections, permit, Sockets { client, tenant: None }),
                None => refuse(&mut connections, &refusals, client),
            }
        }
        // Only then: while the ports drain, open connections may still end by themselves.
        // Tasks store their connections at once. Those that send a refusal, or wait for a full socket, have a moment;
        // then the set aborts them.
        let handed_over = async {
            Phase::HandingOver.begun(&mut self.phase).await;
            tokio::time::sleep(HANDOVER_TIMEOUT).await;
        };
        tokio::select! {
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = handed_over => {}
        }
    }

    /// Continues the connections that the previous process stored.
    fn resume_stored(&mut self, connections: &mut JoinSet<()>) {
        for stored in std::mem::take(&mut self.stored) {
            // Otherwise the client's own connection is gone: nothing is left to serve.
            if let Some(sockets) = Sockets::from_stored(self.port, stored)
                && let Ok(from) = sockets.client.peer_addr()
                && let Some(permit) = self.all.admit(from.ip(), self.port)
            {
                self.spawn(connections, permit, sockets);
            }
        }
    }

    fn spawn(&self, connections: &mut JoinSet<()>, permit: Connection, sockets: Sockets) {
        let (backend, phase, activity) = (self.backend.clone(), self.phase.clone(), permit.activity());
        let served = Arc::clone(&activity);
        let (fd_store, port) = (self.fd_store.clone(), self.port);
        let (worker, place) = self.dispatcher.place();
        let serve = async move {
            let (_place, _permit) = (place, permit);
            let client = match sockets.register() {
                Ok(client) => client,
                Err(error) => return log::warning!("connection_lost", port = port, error = error),
            };
            // Stored in this task, before its permit is given back: the descriptors are still open here.
            if let Some(unfinished) = proxy::serve(client, backend, phase, &activity).await {
                fd_store.store_connection(port, &unfinished.descriptors());
            }
        };
        served.served_by(connections.spawn_on(serve, worker));
    }

    /// The next connection, after `wait`; `None` once the ports drain.
    async fn accept(&mut self, wait: Duration) -> Option<(std::net::TcpStream, IpAddr)> {
        let Self { listener, phase, .. } = self;
        let accept = async {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            loop {
                match listener.async_io(Interest::READABLE, accept).await {
                    Ok(accepted) => return accepted,
                    Err(error) => accept_errors::pause(&error).await,
                }
            }
        };
        tokio::select! {
            // The phase first: without it, a busy port would go on accepting while it should drain.
            biased;
            () = Phase::Draining.begun(phase) => None,
            // Dropping `accept` loses no connection, since it never waits for anything but for one: the next process finds it in the queue.
            accepted = accept => Some(accepted),
        }
    }
}

/// A connection that no event loop knows yet: the thread that will serve it is not always the one that accepts.
fn accept(listener: &TcpListener) -> io::Result<(std::net::TcpStream, IpAddr)> {
    let (accepted, from) = acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    // An internet socket's peer has an address.
    let from = from.ok_or(io::ErrorKind::NotConnected)?;
    Ok((accepted.into(), SocketAddr::try_from(from)?.ip()))
}

/// Tells a client that there is no room, unless too many are being told.
fn refuse(connections: &mut JoinSet<()>, refusals: &Arc<Semaphore>, client: std::net::TcpStream) {
    let Ok(slot) = Arc::clone(refusals).try_acquire_owned() else { return };
    connections.spawn(async move {
        if let Ok(client) = TcpStream::from_std(client) {
            refusal::send(client, Refusal::TooManyConnections).await;
        }
        drop(slot);
    });
}
