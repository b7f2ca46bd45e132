//! Accepts the connections of one tenant's port, within limits, and proxies each in a task of its own.

use super::downstream::Downstream;
use super::refusal::{self, Refusal};
use super::{Backend, Phase, proxy};
use crate::network::{ConnectionLimit, TenantAddresses};
use crate::service::{FdStore, log};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// Connections of one tenant at a time: its share of the process's file descriptors.
const CONNECTIONS_PER_TENANT: usize = 256;
/// How long connections may take to be stored, or to receive a refusal, once the handover has begun.
const HANDOVER_TIMEOUT: Duration = Duration::from_millis(250);
/// Pause after `accept` failed for want of descriptors, so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The accept loop of one port.
pub(super) struct Acceptor {
    pub(super) port: u16,
    pub(super) fd_store: FdStore,
    /// The sockets of the connections that the previous process stored, one item a connection.
    pub(super) stored: Vec<Vec<std::net::TcpStream>>,
    pub(super) listener: TcpListener,
    pub(super) backend: watch::Receiver<Backend>,
    pub(super) tenants: TenantAddresses,
    pub(super) limit: ConnectionLimit,
    pub(super) phase: watch::Receiver<Phase>,
}

impl Acceptor {
    /// Accepts until the ports drain, and returns when the last connection has ended or was stored.
    pub(super) async fn run(mut self) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_PER_TENANT));
        // The set aborts its tasks when it is dropped: connections end with the port.
        let mut connections = JoinSet::new();
        self.resume_stored(&slots, &mut connections);
        while let Some((slot, client, from)) = self.accept(&slots).await {
            // The set keeps the result of each task until it is asked for: without this it would grow as long as the
            // port is open.
            while connections.try_join_next().is_some() {}
            // Otherwise it is closed. The firewall drops such packets as well; this does not rely on it.
            if !self.tenants.contains(from.ip()) {
                self.spawn(&mut connections, slot, Downstream::Waiting(client), from);
            }
        }
        // Tasks store their connections at once. Those that send a refusal, or wait for a full socket, have a moment;
        // then the set aborts them.
        let handed_over = async {
            // Only then: while the ports drain, open connections may still end by themselves.
            Phase::HandingOver.begun(&mut self.phase).await;
            tokio::time::sleep(HANDOVER_TIMEOUT).await;
        };
        tokio::select! {
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = handed_over => {}
        }
    }

    /// Continues the connections that the previous process stored.
    fn resume_stored(&mut self, slots: &Arc<Semaphore>, connections: &mut JoinSet<()>) {
        for sockets in std::mem::take(&mut self.stored) {
            match Downstream::from_stored(self.port, sockets) {
                Ok(Some(downstream)) => {
                    // A slot is free: the previous process had as many.
                    if let (Ok(slot), Ok(from)) = (Arc::clone(slots).try_acquire_owned(), downstream.client_address()) {
                        self.spawn(connections, slot, downstream, from);
                    }
                }
                // The client's own connection is gone: nothing is left to serve.
                Ok(None) => {}
                Err(error) => log::warning!("stored_connection_lost", port = self.port, error = error),
            }
        }
    }

    fn spawn(&self, connections: &mut JoinSet<()>, slot: OwnedSemaphorePermit, client: Downstream, from: SocketAddr) {
        // The permit before the task begins: connections are counted in the order in which they were accepted.
        let (backend, phase, permit) = (self.backend.clone(), self.phase.clone(), self.limit.acquire(from.ip()));
        let (fd_store, port) = (self.fd_store.clone(), self.port);
        connections.spawn(async move {
            match (permit, client) {
                (Some(_permit), client) => {
                    // Stored in this task, before its slot is given back: the descriptors are still open here.
                    if let Some(unfinished) = proxy::serve(client, backend, phase).await {
                        fd_store.store_connection(port, &unfinished.descriptors());
                    }
                }
                (None, Downstream::Waiting(client)) => refusal::send(client, Refusal::TooManyConnections).await,
                // In the middle of a response, a refusal would be taken for a part of it.
                (None, Downstream::Connected { .. }) => {}
            }
            drop(slot);
        });
    }

    /// The next connection, as soon as the tenant has a free slot; `None` once the ports drain.
    async fn accept(&mut self, slots: &Arc<Semaphore>) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
        let Self { listener, phase, .. } = self;
        let accept = async {
            // The slot first: beyond the limit, clients wait in the kernel's queue until another connection ends.
            let slot = Arc::clone(slots).acquire_owned().await.ok()?;
            loop {
                match listener.accept().await {
                    Ok((client, from)) => return Some((slot, client, from)),
                    Err(error) => {
                        log::warning!("accept_failed", error = error);
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            // The phase first: without it, a busy port would go on accepting while it should drain.
            biased;
            () = Phase::Draining.begun(phase) => None,
            // Dropping `accept` loses no connection (tokio: it is cancel safe): the next process finds it in the queue.
            accepted = accept => accepted,
        }
    }
}
