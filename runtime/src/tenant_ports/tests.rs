#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::{Backend, TenantPort, TenantPorts};
use crate::network::{ConnectionLimits, Subnet, TenantAddresses};
use crate::service::FdStore;
use crate::service::fd_store::MemoryStore;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long to wait for what must happen.
const LIMIT: Duration = Duration::from_mins(5);

fn tenants() -> TenantAddresses {
    TenantAddresses::new("10.213.0.0/16".parse().unwrap(), [])
}

fn ports() -> TenantPorts {
    TenantPorts::new(Ipv4Addr::LOCALHOST, tenants(), FdStore::disabled()).unwrap()
}

/// An open port, and its number.
fn open(ports: &TenantPorts) -> (TenantPort, u16) {
    let reserved = ports.reserve(0).unwrap();
    let number = reserved.port();
    (ports.open(reserved).unwrap(), number)
}

/// A tenant that sends back what it receives.
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

/// Sends `request` on a connection of its own, and returns all that comes back.
async fn exchange(number: u16, request: &str) -> String {
    exchange_from(Ipv4Addr::LOCALHOST, number, request).await
}

#[tokio::test]
async fn a_client_waits_until_the_tenant_is_ready() {
    let ports = ports();
    let (port, number) = open(&ports);
    let client = tokio::spawn(async move { exchange(number, "hello").await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!client.is_finished());
    port.backend().set(Backend::Ready(echo().await));
    assert_eq!(client.await.unwrap(), "hello");
}

#[tokio::test]
async fn a_client_of_a_tenant_that_is_down_is_refused() {
    let ports = ports();
    let (port, number) = open(&ports);
    port.backend().set(Backend::Down);
    let answer = exchange(number, "GET / HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("tenant_unavailable"), "{answer}");
    assert!(answer.contains("Retry-After: "), "{answer}");
}

#[tokio::test]
async fn a_tenant_that_does_not_listen_is_a_bad_gateway() {
    let ports = ports();
    let (port, number) = open(&ports);
    let unused = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    port.backend().set(Backend::Ready(SocketAddrV4::new(Ipv4Addr::LOCALHOST, unused)));
    let answer = exchange(number, "GET / HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("tenant_unreachable"), "{answer}");
}

#[tokio::test]
async fn a_tenant_may_answer_and_close_before_it_has_read_the_request() {
    let ports = ports();
    let (port, number) = open(&ports);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.read_exact(&mut [0; 1]).await.unwrap();
            stream.write_all(b"too large").await.unwrap();
        }
    });
    port.backend().set(Backend::Ready(address));
    for length in [20_000, 5_000_000] {
        let request = "x".repeat(length);
        for _ in 0..20 {
            assert_eq!(exchange(number, &request).await, "too large");
        }
    }
}

#[test]
fn the_hosts_memory_is_known_without_proc_meminfo_and_the_same() {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")).unwrap();
    assert_eq!(super::host_memory(), total.parse::<u64>().unwrap() * 1024);
}

/// Ports for at most `total` connections, of which none counts as idle.
fn ports_for(total: usize) -> TenantPorts {
    let limits = ConnectionLimits { total, per_port: total, per_address: total, idle: Duration::MAX };
    TenantPorts::with_limits(Ipv4Addr::LOCALHOST, tenants(), FdStore::disabled(), limits).unwrap()
}

/// A client of this address, which sends `request` and returns what comes back.
async fn exchange_from(from: Ipv4Addr, number: u16, request: &str) -> String {
    let mut stream = connect_from(from, number).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn connect_from(from: Ipv4Addr, number: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect((Ipv4Addr::LOCALHOST, number).into()).await.unwrap()
}

#[tokio::test]
async fn where_all_connections_are_busy_the_next_client_is_told_so_at_once() {
    let ports = ports_for(2);
    let (port, number) = open(&ports);
    port.backend().set(Backend::Ready(echo().await));
    let others = [2, 3].map(|last| ports.connections.admit(Ipv4Addr::new(127, 0, 0, last).into(), number).unwrap());
    let answer = exchange(number, "GET / HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("too_many_connections"), "{answer}");
    drop(others);
    assert_eq!(exchange(number, "hello").await, "hello");
}

#[tokio::test]
async fn clients_that_send_nothing_keep_no_other_client_out() {
    let ports = ports_for(8);
    let (port, number) = open(&ports);
    port.backend().set(Backend::Ready(echo().await));
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(connect_from(Ipv4Addr::new(127, 0, 0, 2), number).await);
    }
    for _ in 0..20 {
        assert_eq!(exchange_from(Ipv4Addr::new(127, 0, 0, 3), number, "hello").await, "hello");
    }
    // The flood goes on: each further connection of it replaces one of its own.
    silent.push(connect_from(Ipv4Addr::new(127, 0, 0, 2), number).await);
    assert_eq!(exchange_from(Ipv4Addr::new(127, 0, 0, 3), number, "hello").await, "hello");
}

#[tokio::test]
async fn connections_from_tenants_of_an_earlier_pool_are_closed() {
    // The address of this test's client stands for such a tenant's.
    let loopback = Subnet::around(Ipv4Addr::LOCALHOST);
    let tenants = TenantAddresses::new("10.213.0.0/16".parse().unwrap(), [loopback]);
    let ports = TenantPorts::new(Ipv4Addr::LOCALHOST, tenants, FdStore::disabled()).unwrap();
    let (_port, number) = open(&ports);
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, number)).await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn draining_waits_for_open_connections() {
    let ports = ports();
    let (port, number) = open(&ports);
    port.backend().set(Backend::Ready(echo().await));
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, number)).await.unwrap();
    client.write_all(b"a").await.unwrap();
    client.read_exact(&mut [0; 1]).await.unwrap();
    let wait = Duration::from_millis(50);
    assert!(timeout(wait, ports.drain(Duration::MAX)).await.is_err());
    drop(client);
    timeout(LIMIT, ports.drain(Duration::MAX)).await.unwrap();
}

#[tokio::test]
async fn draining_waits_no_longer_than_its_time_limit() {
    let ports = ports();
    let (port, number) = open(&ports);
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, number)).await.unwrap();
    port.backend().set(Backend::Ready(echo().await));
    client.write_all(b"a").await.unwrap();
    client.read_exact(&mut [0; 1]).await.unwrap();
    timeout(LIMIT, ports.drain(Duration::from_millis(50))).await.unwrap();
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0, "without a store, the connection is closed");
}

#[tokio::test]
async fn the_next_process_continues_waiting_and_connected_clients() {
    let store = MemoryStore::default();
    let process = || TenantPorts::new(Ipv4Addr::LOCALHOST, tenants(), FdStore::in_memory(&store)).unwrap();
    let ports = process();
    let (port, number) = open(&ports);
    let mut waiting = TcpStream::connect((Ipv4Addr::LOCALHOST, number)).await.unwrap();
    waiting.write_all(b"waited").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    port.backend().set(Backend::Ready(echo().await));
    let mut connected = TcpStream::connect((Ipv4Addr::LOCALHOST, number)).await.unwrap();
    connected.write_all(b"a").await.unwrap();
    connected.read_exact(&mut [0; 1]).await.unwrap();
    port.backend().set(Backend::Pending);
    let mut late = TcpStream::connect((Ipv4Addr::LOCALHOST, number)).await.unwrap();
    late.write_all(b"late").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    timeout(LIMIT, ports.drain(Duration::ZERO)).await.unwrap();
    drop((port, ports));
    // Between the two processes.
    connected.write_all(b"b").await.unwrap();

    let ports = process();
    let port = ports.open(ports.reserve(number).unwrap()).unwrap();
    connected.read_exact(&mut [0; 1]).await.unwrap();
    assert_eq!(store.names(), [format!("port-{number}")], "only the listening socket is still stored");
    port.backend().set(Backend::Ready(echo().await));
    let rest = async |client: &mut TcpStream| {
        client.shutdown().await.unwrap();
        let mut rest = String::new();
        timeout(LIMIT, client.read_to_string(&mut rest)).await.unwrap().unwrap();
        rest
    };
    assert_eq!(
        (rest(&mut waiting).await, rest(&mut late).await, rest(&mut connected).await),
        ("waited".into(), "late".into(), String::new())
    );
}

#[tokio::test]
async fn closing_a_port_frees_its_number() {
    let ports = ports();
    let (port, number) = open(&ports);
    assert!(ports.reserve(number).is_err());
    port.close().await;
    assert!(ports.reserve(number).is_ok());
}
