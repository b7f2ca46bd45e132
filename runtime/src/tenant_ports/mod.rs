//! The tenants' ports: the runtime listens on one port for each tenant and proxies it, byte for byte, to the tenant's container.
//!
//! Bytes rather than requests: server-sent events, WebSockets and any other protocol pass unchanged, and nothing of a tenant's traffic
//! is parsed here. A client that connects before the tenant is ready waits; one that cannot be served gets an HTTP answer with the
//! reason.
//!
//! Listening sockets are stored in systemd's file descriptor store, so that clients queue in the kernel while the runtime restarts. Open
//! connections are stored there, too, and the next process continues them: a response in flight, an event stream and a WebSocket survive
//! an update, and none of them delays it. Waiting for them to end and cutting the slow ones would need to know where a response ends,
//! which is the tenants' protocol.

mod acceptor;
mod copy;
mod direction;
mod downstream;
mod pipe;
mod proxy;
mod refusal;
#[cfg(test)]
mod tests;
mod workers;

use crate::network::{ConnectionLimits, Connections, TenantAddresses, tcp_timeouts};
use crate::service::FdStore;
use acceptor::Acceptor;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use workers::Workers;

/// Where a tenant's port is proxied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Nowhere yet, but soon: clients wait.
    Pending,
    /// To the tenant's container.
    Ready(SocketAddrV4),
    /// Nowhere for a while: clients are refused at once.
    Down,
}

/// How far the ports are on their way to being closed. The order is the order in which the phases come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// New connections are accepted.
    Accepting,
    /// New connections queue in the kernel; open ones go on.
    Draining,
    /// Open connections are stored for the next process.
    HandingOver,
}

impl Phase {
    /// Returns when this phase has begun. A dropped sender counts as the last phase.
    async fn begun(self, phase: &mut watch::Receiver<Self>) {
        let _ = phase.wait_for(|phase| *phase >= self).await;
    }
}

/// The ports of all tenants of this host, with the limits that they share.
#[derive(Debug)]
pub struct TenantPorts {
    address: Ipv4Addr,
    tenants: TenantAddresses,
    fd_store: FdStore,
    connections: Connections,
    phase: watch::Sender<Phase>,
    workers: Workers,
}

/// A port that accepts connections. Dropping it closes the port and the connections through it.
#[derive(Debug)]
pub struct TenantPort {
    port: u16,
    backend: BackendSender,
    task: JoinHandle<()>,
    fd_store: FdStore,
}

/// Sets where a tenant's port is proxied to. Clones set the same port's backend.
#[derive(Debug, Clone)]
pub struct BackendSender(watch::Sender<Backend>);

/// A port that is bound and does not accept yet: clients queue in the kernel. Dropping it frees the port.
#[derive(Debug)]
pub struct ReservedPort {
    listener: TcpListener,
    port: u16,
}

impl TenantPorts {
    /// Ports on `address`, served by threads of their own. Connections from `tenants` are closed: tenants do not call each other.
    pub fn new(address: Ipv4Addr, tenants: TenantAddresses, fd_store: FdStore) -> io::Result<Self> {
        // One limit for all ports, since what it protects, descriptors and memory, is the process's.
        Self::with_limits(address, tenants, fd_store, ConnectionLimits::of_memory(host_memory()))
    }

    fn with_limits(
        address: Ipv4Addr,
        tenants: TenantAddresses,
        fd_store: FdStore,
        limits: ConnectionLimits,
    ) -> io::Result<Self> {
        let (connections, workers) = (Connections::new(limits), Workers::start()?);
        Ok(Self { address, tenants, fd_store, connections, phase: watch::channel(Phase::Accepting).0, workers })
    }

    /// Binds a port: with the socket that the previous process stored, or a new one. Fails where another program holds the port.
    pub fn reserve(&self, port: u16) -> io::Result<ReservedPort> {
        let listener = self.fd_store.listen(port, SocketAddr::from((self.address, port)))?;
        // tokio's `from_std` leaves this to us.
        listener.set_nonblocking(true)?;
        // For each connection that it accepts.
        tcp_timeouts::set(&listener, proxy::STALL_TIMEOUT)?;
        let port = listener.local_addr()?.port();
        Ok(ReservedPort { listener, port })
    }

    /// Begins to accept connections, which wait until the port has a backend.
    pub fn open(&self, reserved: ReservedPort) -> io::Result<TenantPort> {
        let ReservedPort { listener, port } = reserved;
        // Before the first connection is accepted: the socket, and the clients in its queue, outlive a crash from here
        // on.
        self.fd_store.store_port(port, &listener);
        let (sender, backend) = watch::channel(Backend::Pending);
        let dispatcher = self.workers.of_port(port);
        let worker = dispatcher.own().clone();
        // The listener is registered with the thread that accepts.
        let _entered = worker.enter();
        #[expect(
            deprecated,
            reason = "what came instead is unsafe; a socket of std stays open as long as it is registered"
        )]
        let listener = AsyncFd::with_interest(listener, Interest::READABLE)?;
        let acceptor = Acceptor {
            port,
            fd_store: self.fd_store.clone(),
            // Here and not in the task: what is still stored when all ports are open is removed as unclaimed.
            stored: self.fd_store.take_connections(port),
            listener,
            backend,
            tenants: self.tenants.clone(),
            all: self.connections.clone(),
            phase: self.phase.subscribe(),
            dispatcher,
        };
        let task = worker.spawn(acceptor.run());
        Ok(TenantPort { port, backend: BackendSender(sender), task, fd_store: self.fd_store.clone() })
    }

    /// Stops accepting, so that new clients queue in the kernel, and waits up to `patience` for open connections to end. Those that
    /// remain are stored for the next process or, without a descriptor store, closed.
    pub async fn drain(&self, patience: Duration) {
        self.phase.send_replace(Phase::Draining);
        // Each acceptor holds a receiver until the last of its connections has ended.
        if tokio::time::timeout(patience, self.phase.closed()).await.is_err() {
            self.phase.send_replace(Phase::HandingOver);
            self.phase.closed().await;
        }
    }

    /// Drops the stored sockets that belong to no tenant's port any more.
    pub fn remove_unclaimed(&self) {
        self.fd_store.remove_unclaimed();
    }
}

/// The host's memory in bytes, by sysinfo(2): the unit hides `/proc/meminfo` from the service.
fn host_memory() -> u64 {
    let host = rustix::system::sysinfo();
    host.totalram.saturating_mul(host.mem_unit.into())
}

impl ReservedPort {
    /// The port's number.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl BackendSender {
    /// Of no port.
    #[cfg(test)]
    pub(crate) fn of_no_port() -> Self {
        Self(watch::channel(Backend::Pending).0)
    }

    /// Sets the backend. Waiting connections are only woken where it changes.
    pub fn set(&self, backend: Backend) {
        self.0.send_if_modified(|current| std::mem::replace(current, backend) != backend);
    }
}

impl TenantPort {
    /// The port's number.
    pub fn number(&self) -> u16 {
        self.port
    }

    /// Sets the port's backend.
    pub fn backend(&self) -> &BackendSender {
        &self.backend
    }

    /// Closes the port for good, and tells systemd to close its copy of the socket. systemd does so moments later: until then the port
    /// cannot be bound again.
    pub async fn close(mut self) {
        // systemd has a copy: as long as one is open, the kernel goes on queueing clients that nobody will serve.
        self.fd_store.remove_port(self.port);
        self.task.abort();
        // The task ends with the error that it was aborted.
        let _ = (&mut self.task).await;
    }
}

impl Drop for TenantPort {
    fn drop(&mut self) {
        self.task.abort();
    }
}
