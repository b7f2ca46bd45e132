//! One client's connection: wait for the tenant, connect to it, copy both ways.

use super::copy::{self, CopyEnd};
use super::direction::Beginning;
use super::downstream::Downstream;
use super::refusal::{self, Refusal};
use super::{Backend, Phase};
use crate::network::{Activity, accept_errors, tcp_timeouts};
use futures_util::future::poll_immediate;
use std::io;
use std::net::SocketAddrV4;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a client waits for a tenant that is about to be ready.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long connecting may take on the host's own bridge.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long after a failed connect to wait for the news that the tenant's container ended.
const EXIT_NOTICE_TIMEOUT: Duration = Duration::from_millis(300);
/// How long either side may be unreachable, or accept no data: longer than people pause a download.
pub(super) const STALL_TIMEOUT: Duration = Duration::from_mins(5);

/// Serves one connection to its end, or until the handover begins: then the connection is returned as it is.
pub(super) async fn serve(
    downstream: Downstream,
    backend: watch::Receiver<Backend>,
    mut phase: watch::Receiver<Phase>,
    activity: &Activity,
) -> Option<Downstream> {
    let (mut client, mut tenant, beginning) = match downstream {
        // It has its timeouts already: they are options of the sockets, which the previous process handed over.
        Downstream::Connected { client, tenant } => (client, tenant, Beginning::Continued),
        Downstream::Waiting(client) => {
            let connected = tokio::select! {
                biased;
                // Where both is so, the copy ends before it begins.
                connected = connect_when_ready(backend) => connected,
                () = Phase::HandingOver.begun(&mut phase) => return Some(Downstream::Waiting(client)),
            };
            match connected {
                Ok(tenant) => (client, tenant, Beginning::New),
                Err(refusal) => {
                    refusal::send(client, refusal).await;
                    return None;
                }
            }
        }
    };
    // A side that closed or reset the connection needs no answer about it.
    match copy::both_ways(&mut client, &mut tenant, beginning, &phase, activity).await {
        Ok(CopyEnd::Interrupted) => Some(Downstream::Connected { client, tenant }),
        Ok(CopyEnd::Finished) | Err(_) => None,
    }
}

/// Connects to the tenant as soon as it is ready. Where it ends meanwhile, waits for it again.
async fn connect_when_ready(mut backend: watch::Receiver<Backend>) -> Result<TcpStream, Refusal> {
    // One deadline for all attempts: a tenant that ends again and again does not lengthen the wait.
    let deadline = Instant::now() + READY_TIMEOUT;
    loop {
        let address = wait_until_ready(&mut backend, deadline).await?;
        match connect(address, &backend).await {
            Some(Ok(tenant)) => return Ok(tenant),
            Some(Err(error)) if accept_errors::shortage(&error).is_some() => return Err(Refusal::TooManyConnections),
            // The container may have ended, which the reconcile loop is about to notice.
            Some(Err(_)) if timeout(EXIT_NOTICE_TIMEOUT, changed_from(backend.clone(), address)).await.is_err() => {
                return Err(Refusal::Unreachable);
            }
            Some(Err(_)) | None => {}
        }
    }
}

/// Waits until the tenant is ready, and returns its address.
async fn wait_until_ready(backend: &mut watch::Receiver<Backend>, deadline: Instant) -> Result<SocketAddrV4, Refusal> {
    let settled = backend.wait_for(|backend| *backend != Backend::Pending);
    match timeout_at(deadline, settled).await {
        Err(_) => Err(Refusal::NotReady),
        // The sender was dropped: the tenant is being removed.
        Ok(Err(_)) => Err(Refusal::Down),
        Ok(Ok(backend)) => match *backend {
            Backend::Ready(address) => Ok(address),
            Backend::Pending | Backend::Down => Err(Refusal::Down),
        },
    }
}

/// Returns when the backend is not `address` any more.
async fn changed_from(mut backend: watch::Receiver<Backend>, address: SocketAddrV4) {
    if backend.wait_for(|now| *now != Backend::Ready(address)).await.is_err() {
        // Without a sender, the backend never changes again.
        std::future::pending::<()>().await;
    }
}

/// Connects to the tenant; `None` where it is not the backend any more.
async fn connect(address: SocketAddrV4, backend: &watch::Receiver<Backend>) -> Option<io::Result<TcpStream>> {
    let mut connecting = pin!(TcpStream::connect(address));
    // On the host's own bridge it is connected by the time that the event loop has looked once, and a clock for each connection costs
    // more than that.
    let mut connected = poll_immediate(&mut connecting).await;
    if connected.is_none() {
        yield_now().await;
        connected = poll_immediate(&mut connecting).await;
    }
    let connected = if let Some(connected) = connected {
        connected
    } else {
        tokio::select! {
            connected = timeout(CONNECT_TIMEOUT, connecting) => connected.map_err(io::Error::from).flatten(),
            // The container ended, and its address answers nobody: without this, connecting would take all of its
            // timeout.
            () = changed_from(backend.clone(), address) => return None,
        }
    };
    Some(connected.and_then(|tenant| {
        tcp_timeouts::set(&tenant, STALL_TIMEOUT)?;
        Ok(tenant)
    }))
}
