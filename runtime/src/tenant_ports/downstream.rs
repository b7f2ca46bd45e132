//! A client's connection, with the tenant's where there is one: all the state of a proxied connection.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use tokio::net::TcpStream;

/// A client's connection.
#[derive(Debug)]
pub(super) enum Downstream {
    /// It waits for the tenant. Nothing was read from it.
    Waiting(TcpStream),
    /// It is proxied to the tenant.
    Connected {
        /// The connection that the client opened.
        client: TcpStream,
        /// Ours to the tenant's container.
        tenant: TcpStream,
    },
}

/// The sockets of a connection that no thread serves yet.
#[derive(Debug)]
pub(super) struct Sockets {
    /// The connection that the client opened.
    pub(super) client: std::net::TcpStream,
    /// Ours to the tenant's container, where there is one.
    pub(super) tenant: Option<std::net::TcpStream>,
}

impl Sockets {
    /// Of a connection that the previous process stored; `None` where the client's own is not among them.
    pub(super) fn from_stored(port: u16, mut sockets: Vec<std::net::TcpStream>) -> Option<Self> {
        for socket in &sockets {
            // tokio requires it, and does not set it.
            socket.set_nonblocking(true).ok()?;
        }
        // The store does not keep the order of descriptors. The client's is the one that was accepted at the port.
        let at = sockets.iter().position(|socket| socket.local_addr().is_ok_and(|own| own.port() == port))?;
        let client = sockets.swap_remove(at);
        Some(Self { client, tenant: sockets.pop() })
    }

    /// Has the thread that calls this serve them.
    pub(super) fn register(self) -> io::Result<Downstream> {
        let client = TcpStream::from_std(self.client)?;
        Ok(match self.tenant {
            Some(tenant) => Downstream::Connected { client, tenant: TcpStream::from_std(tenant)? },
            None => Downstream::Waiting(client),
        })
    }
}

impl Downstream {
    /// The sockets to store.
    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Waiting(client) => vec![client.as_fd()],
            Self::Connected { client, tenant } => vec![client.as_fd(), tenant.as_fd()],
        }
    }
}
