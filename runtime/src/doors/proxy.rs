//! One caller's connection: wait for the tenant, connect, copy both ways.

use super::copy::{self, Stopped};
use super::refusal::{self, Refusal};
use super::{Backend, Stage};
use crate::tcp;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd as _, BorrowedFd};
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
/// How long either side may be gone, or take nothing of what it is sent: longer than people pause a download.
const STALLED: Duration = Duration::from_mins(5);

/// A caller inside a door.
#[derive(Debug)]
pub(super) enum Visitor {
    /// One that waits for the tenant. Nothing was read of what it said.
    Waiting(TcpStream),
    /// One that is connected to the tenant.
    Led { caller: TcpStream, tenant: TcpStream },
}

impl Visitor {
    /// The caller whose connections a previous run left; `None` where one of them is gone.
    pub(super) fn returning(port: u16, connections: Vec<std::net::TcpStream>) -> io::Result<Option<Self>> {
        let streams = connections.into_iter().map(|connection| {
            connection.set_nonblocking(true)?;
            TcpStream::from_std(connection)
        });
        let mut streams: Vec<_> = streams.collect::<io::Result<_>>()?;
        // The caller's connection is the one that came in at the door.
        let Some(at) = streams.iter().position(|stream| stream.local_addr().is_ok_and(|own| own.port() == port)) else {
            return Ok(None);
        };
        let caller = streams.swap_remove(at);
        Ok(Some(match streams.pop() {
            Some(tenant) => Self::Led { caller, tenant },
            None => Self::Waiting(caller),
        }))
    }

    /// Where the caller is.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        let (Self::Waiting(caller) | Self::Led { caller, .. }) = self;
        caller.peer_addr()
    }

    /// The connections, for whoever keeps them.
    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Waiting(caller) => vec![caller.as_fd()],
            Self::Led { caller, tenant } => vec![caller.as_fd(), tenant.as_fd()],
        }
    }
}

/// Serves one caller to the end, or until the doors are left: then it is returned as it is.
pub(super) async fn visit(
    visitor: Visitor,
    backend: watch::Receiver<Backend>,
    mut stage: watch::Receiver<Stage>,
) -> Option<Visitor> {
    let (caller, tenant) = match visitor {
        Visitor::Led { caller, tenant } => (caller, tenant),
        Visitor::Waiting(caller) => {
            // One that cannot be watched hung up already.
            tcp::watch_over(&caller, STALLED).ok()?;
            let reached = tokio::select! {
                biased;
                () = Stage::Leaving.reached(&mut stage) => return Some(Visitor::Waiting(caller)),
                reached = reach(backend) => reached,
            };
            match reached {
                Ok(tenant) => (caller, tenant),
                Err(refusal) => {
                    refusal::answer(caller, refusal).await;
                    return None;
                }
            }
        }
    };
    // Whoever closed or reset the connection knows it already.
    match copy::both(&caller, &tenant, &stage).await {
        Ok(Stopped::Left) => Some(Visitor::Led { caller, tenant }),
        Ok(Stopped::Ended) | Err(_) => None,
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
    use crate::doors::place::Shelf;
    use crate::doors::{Backend, CONNECTIONS_PER_ADDRESS, Doors, Keeper};
    use crate::tenants_side::TenantsSide;
    use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

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
        tokio::time::sleep(Duration::from_millis(50)).await;
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
        let wait = Duration::from_millis(50);
        assert!(timeout(wait, doors.drain(Duration::MAX)).await.is_err());
        drop(caller);
        timeout(Duration::from_secs(5), doors.drain(Duration::MAX)).await.unwrap();
    }

    #[tokio::test]
    async fn draining_waits_for_those_inside_no_longer_than_it_is_told() {
        let doors = doors();
        let doorway = doors.take(0).unwrap();
        let mut caller = TcpStream::connect((Ipv4Addr::LOCALHOST, doorway.port())).await.unwrap();
        let door = doors.open(doorway).unwrap();
        door.sign().lead(Backend::Ready(echo().await));
        caller.write_all(b"a").await.unwrap();
        caller.read_exact(&mut [0; 1]).await.unwrap();
        timeout(Duration::from_secs(1), doors.drain(Duration::from_millis(50))).await.unwrap();
        assert_eq!(caller.read(&mut [0; 1]).await.unwrap(), 0, "nobody keeps the connection");
    }

    #[tokio::test]
    async fn callers_inside_are_led_on_by_the_next_run() {
        let shelf = Shelf::default();
        let side = TenantsSide::new("10.213.0.0/16".parse().unwrap(), []);
        let doors = Doors::new(Ipv4Addr::LOCALHOST, side.clone(), Keeper::with_shelf(&shelf));
        let doorway = doors.take(0).unwrap();
        let port = doorway.port();
        let door = doors.open(doorway).unwrap();
        let mut waiting = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        waiting.write_all(b"waited").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        door.sign().lead(Backend::Ready(echo().await));
        let mut led = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        led.write_all(b"a").await.unwrap();
        led.read_exact(&mut [0; 1]).await.unwrap();
        door.sign().lead(Backend::Pending);
        let mut late = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        late.write_all(b"late").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        timeout(Duration::from_secs(1), doors.drain(Duration::ZERO)).await.unwrap();
        drop((door, doors));
        // While nobody is there.
        led.write_all(b"b").await.unwrap();

        let doors = Doors::new(Ipv4Addr::LOCALHOST, side, Keeper::with_shelf(&shelf));
        let door = doors.open(doors.take(port).unwrap()).unwrap();
        led.read_exact(&mut [0; 1]).await.unwrap();
        assert_eq!(shelf.names(), [format!("port-{port}")], "the next run has them to itself");
        door.sign().lead(Backend::Ready(echo().await));
        let said = async |caller: &mut TcpStream| {
            caller.shutdown().await.unwrap();
            let mut said = String::new();
            timeout(Duration::from_secs(5), caller.read_to_string(&mut said)).await.unwrap().unwrap();
            said
        };
        assert_eq!(
            (said(&mut waiting).await, said(&mut late).await, said(&mut led).await),
            ("waited".into(), "late".into(), String::new())
        );
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
