//! A client's connection, with the tenant's where there is one: all the state of a proxied connection.

use std::io;
use std::net::SocketAddr;
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

impl Downstream {
    /// The connection that the previous process stored as these `sockets`; `None` where the client's own is not among them.
    pub(super) fn from_stored(port: u16, sockets: Vec<std::net::TcpStream>) -> io::Result<Option<Self>> {
        let streams = sockets.into_iter().map(|socket| {
            // tokio's `from_std` requires it, and does not set it.
            socket.set_nonblocking(true)?;
            TcpStream::from_std(socket)
        });
        let mut streams: Vec<_> = streams.collect::<io::Result<_>>()?;
        // The store does not keep the order of descriptors. The client's is the one that was accepted at the port.
        let Some(at) = streams.iter().position(|stream| stream.local_addr().is_ok_and(|own| own.port() == port)) else {
            return Ok(None);
        };
        let client = streams.swap_remove(at);
        Ok(Some(match streams.pop() {
            Some(tenant) => Self::Connected { client, tenant },
            None => Self::Waiting(client),
        }))
    }

    /// The client's address.
    pub(super) fn client_address(&self) -> io::Result<SocketAddr> {
        let (Self::Waiting(client) | Self::Connected { client, .. }) = self;
        client.peer_addr()
    }

    /// The sockets to store.
    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Waiting(client) => vec![client.as_fd()],
            Self::Connected { client, tenant } => vec![client.as_fd(), tenant.as_fd()],
        }
    }
}
