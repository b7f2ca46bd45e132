//! Accepts connections and serves HTTP/1.1 on them, within limits.
//!
//! The listeners and the signal to stop are passed in, so that tests choose both.

use super::access::Peer;
use super::malformed::WithErrorBodies;
use crate::network::pace::{Pace, Rested};
use crate::network::{
    Activity, Connection, ConnectionLimits, Connections, IDLE, TenantAddresses, accept_errors, tcp_timeouts,
};
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

/// Connections over TCP at a time, of all tenants and of all other clients, counted apart so that tenants cannot lock administrators
/// out: each may hold 64 KiB of a request.
const ALL: usize = 256;
/// Connections of one tenant at a time, so that no tenant locks the others out.
const PER_TENANT: usize = 16;
/// Connections of one other address at a time: half of all, because the address may be a proxy's.
const PER_ADDRESS: usize = 128;
/// Requests of one tenant in a row, and each second after that: more wait. Answering one costs a millisecond of a processor or two, the
/// engine's part included, which no tenant's limit of CPU time counts.
const TENANTS_PACE: Pace = Pace { interval: Duration::from_millis(50), burst: 100 };
/// Connections over the unix socket at a time, counted apart so that no other client can lock root out.
const SOCKET_CONNECTIONS: usize = 32;
/// How long a client may accept no data, such as one that sends requests and never reads.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a request's head may take to arrive, and an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The largest head of a request, in bytes, and the number of its fields.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEAD_FIELDS: usize = 64;

/// The API has one port, which counts as no other.
const ANY_PORT: u16 = 0;

/// The API's listeners.
pub struct Listeners {
    /// For all clients.
    pub tcp: TcpListener,
    /// For root.
    pub socket: UnixListener,
}

/// Serves until `stopping` turns true, and then finishes the requests that are being answered.
pub async fn serve(
    listeners: Listeners,
    router: Router,
    tenants: TenantAddresses,
    mut stopping: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let server = Server { router, tenants, graceful: &graceful };
    tokio::select! {
        () = server.accept_tcp(listeners.tcp) => {}
        () = server.accept_socket(listeners.socket) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    // The listeners are closed by now, and systemd's copies queue new clients for the next process.
    drop(server);
    graceful.shutdown().await;
}

/// The permission for one connection.
enum Permit {
    Tcp(Connection),
    Socket(#[expect(dead_code, reason = "held until the connection ends")] OwnedSemaphorePermit),
}

impl Permit {
    /// Where requests are noted, where that is of use.
    fn activity(&self) -> Option<Arc<Activity>> {
        match self {
            Self::Tcp(connection) => Some(connection.activity()),
            Self::Socket(_) => None,
        }
    }
}

/// The tenants' requests, so that none of them keeps the service from the others: each has its turn at its tenant's pace.
#[derive(Default)]
struct Turns(Mutex<HashMap<IpAddr, Rested>>);

impl Turns {
    /// Returns when a request from `address` has its turn. A tenant has one address, and as many requests that wait as connections.
    async fn next(&self, address: IpAddr) {
        let wait = self.take(address, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn take(&self, address: IpAddr, now: Instant) -> Duration {
        let mut rested = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rested.len() > ALL {
            rested.retain(|_, rested| *rested > now);
        }
        TENANTS_PACE.spend(rested.entry(address).or_insert(now), now)
    }
}

struct Server<'a> {
    router: Router,
    tenants: TenantAddresses,
    graceful: &'a GracefulShutdown,
}

impl Server<'_> {
    /// Beyond a limit another connection gives way, or this one is closed rather than left waiting: those behind it may be allowed.
    async fn accept_tcp(&self, listener: TcpListener) {
        let [tenants, others] = [PER_TENANT, PER_ADDRESS].map(|per_address| {
            Connections::new(ConnectionLimits { total: ALL, per_port: ALL, per_address, idle: IDLE })
        });
        let turns = Arc::new(Turns::default());
        loop {
            match listener.accept().await {
                Ok((stream, from)) => {
                    let is_tenant = self.tenants.contains(from.ip());
                    let open = if is_tenant { &tenants } else { &others };
                    // Setting a timeout fails only for a connection that the client closed already.
                    if let Some(permit) = open.admit(from.ip(), ANY_PORT)
                        && tcp_timeouts::set(&stream, STALL_TIMEOUT).is_ok()
                    {
                        let turns = is_tenant.then(|| (Arc::clone(&turns), from.ip()));
                        self.serve_connection(stream, Peer::Address(from.ip()), Permit::Tcp(permit), turns);
                    }
                }
                Err(error) => accept_errors::pause(&error).await,
            }
        }
    }

    async fn accept_socket(&self, listener: UnixListener) {
        let slots = Arc::new(Semaphore::new(SOCKET_CONNECTIONS));
        // The slot first: beyond the limit, root's clients wait in the kernel's queue and are not refused.
        while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => self.serve_connection(stream, Peer::Socket, Permit::Socket(slot), None),
                Err(error) => accept_errors::pause(&error).await,
            }
        }
    }

    /// Serves one connection in a task of its own, which holds `permit` until the connection ends. Requests of a tenant wait for their turns.
    fn serve_connection<S>(&self, stream: S, peer: Peer, permit: Permit, turns: Option<(Arc<Turns>, IpAddr)>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (router, activity) = (self.router.clone(), permit.activity());
        let served = activity.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let (router, turns, activity) = (router.clone(), turns.clone(), activity.clone());
            async move {
                let answered = async {
                    if let Some((turns, address)) = turns {
                        turns.next(address).await;
                    }
                    router.oneshot(request).await
                };
                match activity {
                    Some(activity) => in_use(|| activity.touch(), IDLE / 2, answered).await,
                    None => answered.await,
                }
            }
        });
        let connection = http1::Builder::new()
            // hyper panics at `header_read_timeout` without a timer.
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEAD_FIELDS)
            .serve_connection(TokioIo::new(WithErrorBodies::new(stream)), service);
        let connection = self.graceful.watch(connection);
        let task = tokio::spawn(async move {
            let _permit = permit;
            // A client's protocol error ends its own connection and concerns no other.
            let _ = connection.await;
        });
        if let Some(activity) = served {
            activity.served_by(task.abort_handle());
        }
    }
}

/// Waits for a request's answer, and touches its connection so often that it does not give way to those that send nothing.
async fn in_use<T>(touch: impl Fn(), every: Duration, answered: impl Future<Output = T>) -> T {
    let mut answered = std::pin::pin!(answered);
    loop {
        touch();
        if let Ok(answer) = tokio::time::timeout(every, &mut answered).await {
            return answer;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::net::{Ipv4Addr, SocketAddr};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpSocket, TcpStream};

    /// A connection from one of this machine's own addresses.
    async fn call(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        socket.connect(to).await.unwrap()
    }

    /// The beginning of the response; empty where the connection is closed.
    async fn ask(stream: &mut TcpStream) -> String {
        let mut answer = [0; 12];
        let exchange = async {
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await?;
            stream.read_exact(&mut answer).await
        };
        let answered = tokio::time::timeout(Duration::from_mins(5), exchange).await.unwrap();
        answered.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&answer).into_owned())
    }

    #[test]
    fn a_tenant_that_asks_all_the_time_waits_and_the_next_one_does_not() {
        let (turns, now) = (Turns::default(), Instant::now());
        let [loud, calm] = [2, 10].map(|last| IpAddr::from([10, 213, 0, last]));
        let waits: Vec<Duration> = (0..TENANTS_PACE.burst + 20).map(|_| turns.take(loud, now)).collect();
        assert_eq!(waits.iter().filter(|wait| wait.is_zero()).count(), TENANTS_PACE.burst as usize);
        assert_eq!(waits.last(), Some(&Duration::from_secs(1)));
        assert_eq!(turns.take(calm, now), Duration::ZERO);
        let later = now + Duration::from_mins(1);
        assert_eq!(turns.take(loud, later), Duration::ZERO);
        for number in 0..=u16::MAX {
            let [high, low] = number.to_be_bytes();
            turns.take(IpAddr::from([10, 213, high, low]), later);
        }
        turns.take(calm, later + Duration::from_mins(1));
        assert!(turns.0.lock().unwrap().len() <= ALL, "what has rested is forgotten");
    }

    #[tokio::test]
    async fn a_connection_whose_request_is_being_answered_is_in_use() {
        let touched = Semaphore::new(0);
        // The answer waits for it, again and again.
        let answered = async { touched.acquire_many(3).await.map(drop) };
        in_use(|| touched.add_permits(1), Duration::from_millis(1), answered).await.unwrap();
    }

    #[tokio::test]
    async fn tenants_with_all_their_connections_lock_no_administrator_out() {
        let folder = tempfile::tempdir().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listeners = Listeners { tcp, socket: UnixListener::bind(folder.path().join("socket")).unwrap() };
        // Sixteen addresses of this machine stand for tenants'.
        let tenants = TenantAddresses::new(
            "10.213.0.0/16".parse().unwrap(),
            ["127.0.1.0/29", "127.0.1.8/29"].map(|subnet| subnet.parse().unwrap()),
        );
        let router = Router::new().route("/", axum::routing::get(|| async {}));
        let (_stop, stopping) = watch::channel(false);
        tokio::spawn(serve(listeners, router, tenants, stopping));
        let tenant = |number| Ipv4Addr::new(127, 0, 1, number);
        let mut held = Vec::new();
        for number in 0..16 {
            for _ in 0..PER_TENANT {
                held.push(call(tenant(number), address).await);
            }
        }
        assert_eq!(held.len(), ALL);
        assert_eq!(ask(&mut held[0]).await, "HTTP/1.1 200");
        // Neither do two addresses that send nothing.
        for number in [2, 3] {
            for _ in 0..PER_ADDRESS {
                held.push(call(Ipv4Addr::new(127, 0, 0, number), address).await);
            }
        }
        assert_eq!(ask(&mut call(Ipv4Addr::LOCALHOST, address).await).await, "HTTP/1.1 200");
    }
}
