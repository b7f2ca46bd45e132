//! One caller's connection: wait for the tenant, connect, copy both ways.

use super::Backend;
use super::refusal::{self, Refusal};
use crate::tcp;
use std::io;
use std::net::SocketAddrV4;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a caller waits for a tenant that is about to be ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection on the host's own bridge may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long after a failed connection to wait for the news that the tenant ended.
const NOTICE: Duration = Duration::from_millis(300);
/// Each direction's buffer: as fast as larger ones on a bridge, and 256 connections stay in 4 MiB.
const BUFFER: usize = 8 * 1024;
/// How long either side may be gone, or take nothing of what it is sent: longer than people pause a download.
const STALLED: Duration = Duration::from_mins(5);

/// Serves one caller from beginning to end.
pub(super) async fn visit(mut caller: TcpStream, backend: watch::Receiver<Backend>) {
    if tcp::watch_over(&caller, STALLED).is_err() {
        // It hung up already.
        return;
    }
    match reach(backend).await {
        Ok(mut tenant) => {
            // Whoever closed or reset the connection knows it already.
            let _ = tokio::io::copy_bidirectional_with_sizes(&mut caller, &mut tenant, BUFFER, BUFFER).await;
        }
        Err(refusal) => refusal::answer(caller, refusal).await,
    }
}

/// Connects to the tenant as soon as the door leads to it. When it ends while we are connecting, we wait for it again.
async fn reach(mut backend: watch::Receiver<Backend>) -> Result<TcpStream, Refusal> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let address = find(&mut backend, deadline).await?;
        tokio::select! {
            connected = connect(address) => match connected {
                Ok(tenant) => return Ok(tenant),
                // Whoever watches the tenant may be about to notice that it ended.
                Err(_) => if timeout(NOTICE, left(backend.clone(), address)).await.is_err() {
                    return Err(Refusal::Unreachable);
                },
            },
            () = left(backend.clone(), address) => {}
        }
    }
}

/// Waits until the door leads somewhere.
async fn find(backend: &mut watch::Receiver<Backend>, deadline: Instant) -> Result<SocketAddrV4, Refusal> {
    let settled = backend.wait_for(|backend| *backend != Backend::Pending);
    match timeout_at(deadline, settled).await {
        Err(_) => Err(Refusal::NotReady),
        // The sender went away: the tenant is being removed.
        Ok(Err(_)) => Err(Refusal::Down),
        Ok(Ok(backend)) => match *backend {
            Backend::Ready(address) => Ok(address),
            Backend::Pending | Backend::Down => Err(Refusal::Down),
        },
    }
}

/// Returns when the door leads somewhere else than to `address`.
async fn left(mut backend: watch::Receiver<Backend>, address: SocketAddrV4) {
    if backend.wait_for(|now| *now != Backend::Ready(address)).await.is_err() {
        // Without a sender, nothing changes any more.
        std::future::pending::<()>().await;
    }
}

async fn connect(address: SocketAddrV4) -> io::Result<TcpStream> {
    let tenant = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await??;
    tcp::watch_over(&tenant, STALLED)?;
    Ok(tenant)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use crate::doors::{Backend, CONNECTIONS_PER_ADDRESS, Doors, Keeper};
    use crate::tenants_side::TenantsSide;
    use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    fn doors() -> Doors {
        let side = TenantsSide::new("10.213.0.0/16".parse().unwrap(), []);
        Doors::new(Ipv4Addr::LOCALHOST, side, Keeper::none())
    }

    async fn echo() -> SocketAddrV4 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        address
    }

    async fn said(port: u16, words: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        stream.write_all(words.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_caller_waits_until_the_tenant_is_ready() {
        let doors = doors();
        let doorway = doors.take(0).unwrap();
        let port = doorway.port();
        let door = doors.open(doorway).unwrap();
        let caller = tokio::spawn(async move { said(port, "hello").await });
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(!caller.is_finished());
        door.sign().lead(Backend::Ready(echo().await));
        assert_eq!(caller.await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn a_caller_of_a_tenant_that_is_down_is_told_so() {
        let doors = doors();
        let doorway = doors.take(0).unwrap();
        let port = doorway.port();
        let door = doors.open(doorway).unwrap();
        door.sign().lead(Backend::Down);
        let answer = said(port, "GET / HTTP/1.1\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("tenant_unavailable"), "{answer}");
        assert!(answer.contains("Retry-After: "), "{answer}");
    }

    #[tokio::test]
    async fn a_tenant_that_does_not_listen_is_a_bad_gateway() {
        let doors = doors();
        let doorway = doors.take(0).unwrap();
        let port = doorway.port();
        let door = doors.open(doorway).unwrap();
        let unused = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        door.sign().lead(Backend::Ready(SocketAddrV4::new(Ipv4Addr::LOCALHOST, unused)));
        let answer = said(port, "GET / HTTP/1.1\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("tenant_unreachable"), "{answer}");
    }

    #[tokio::test]
    async fn a_caller_who_holds_all_that_one_may_is_told_so_at_once() {
        let doors = doors();
        let doorway = doors.take(0).unwrap();
        let port = doorway.port();
        let door = doors.open(doorway).unwrap();
        door.sign().lead(Backend::Ready(echo().await));
        let take = || doors.seats.take(Ipv4Addr::LOCALHOST.into());
        let mut held: Vec<_> = (0..CONNECTIONS_PER_ADDRESS).map(|_| take().unwrap()).collect();
        let answer = said(port, "GET / HTTP/1.1\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("too_many_connections"), "{answer}");
        held.pop();
        assert_eq!(said(port, "hello").await, "hello");
    }

    #[tokio::test]
    async fn tenants_from_before_the_pool_changed_are_turned_away() {
        // The address that this test calls from stands for such a tenant's.
        let loopback = crate::subnet::Subnet::around(Ipv4Addr::LOCALHOST);
        let side = TenantsSide::new("10.213.0.0/16".parse().unwrap(), [loopback]);
        let doors = Doors::new(Ipv4Addr::LOCALHOST, side, Keeper::none());
        let doorway = doors.take(0).unwrap();
        let port = doorway.port();
        let _door = doors.open(doorway).unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn draining_waits_for_those_inside() {
        let doors = doors();
        let doorway = doors.take(0).unwrap();
        let port = doorway.port();
        let door = doors.open(doorway).unwrap();
        door.sign().lead(Backend::Ready(echo().await));
        let mut caller = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        caller.write_all(b"a").await.unwrap();
        caller.read_exact(&mut [0; 1]).await.unwrap();
        let wait = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(wait, doors.drain()).await.is_err());
        drop(caller);
        tokio::time::timeout(std::time::Duration::from_secs(5), doors.drain()).await.unwrap();
    }

    #[tokio::test]
    async fn closing_a_door_gives_its_port_back() {
        let doors = doors();
        let doorway = doors.take(0).unwrap();
        let port = doorway.port();
        let door = doors.open(doorway).unwrap();
        assert!(doors.take(port).is_err());
        door.close().await;
        assert!(doors.take(port).is_ok());
    }
}
