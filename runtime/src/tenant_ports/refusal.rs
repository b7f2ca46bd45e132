//! The answer to a client that cannot be connected to its tenant. It is HTTP, because that is what tenants speak.

use crate::identity::RequestId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

/// How long sending the answer may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);
/// How much of a request is read and dropped, in bytes, so that closing does not reset the connection before the answer is read
/// (RFC 9112 section 9.6).
const MAX_DISCARDED: u64 = 256 * 1024;

/// Why a client is not connected to its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The tenant did not become ready in time.
    NotReady,
    /// The tenant does not run.
    Down,
    /// The tenant runs, and its port accepts no connections.
    Unreachable,
    /// The host, or the client's address, has as many connections as are allowed.
    TooManyConnections,
}

impl Refusal {
    fn response(self) -> String {
        let (status, code, message, retry) = match self {
            Self::NotReady => ("503 Service Unavailable", "tenant_not_ready", "the tenant is still starting", true),
            Self::Down => ("503 Service Unavailable", "tenant_unavailable", "the tenant does not run", true),
            Self::Unreachable => ("502 Bad Gateway", "tenant_unreachable", "the tenant accepts no connections", false),
            Self::TooManyConnections => {
                ("503 Service Unavailable", "too_many_connections", "too many connections are open", true)
            }
        };
        let id = RequestId::random();
        let body = format!(r#"{{"error":{{"code":"{code}","message":"{message}","requestId":"{id}"}}}}"#);
        let retry = if retry { "Retry-After: 5\r\n" } else { "" };
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             X-Request-Id: {id}\r\n{retry}Connection: close\r\n\r\n{body}"
        )
    }
}

/// Sends the answer and closes the connection.
pub(super) async fn send(mut client: TcpStream, refusal: Refusal) {
    let sent = async {
        // Without having read the request: what it asks for changes
        // nothing, and a hostile client decides how long reading takes.
        client.write_all(refusal.response().as_bytes()).await?;
        // Half-closed: the client sees the answer's end, while what it still sends is read and dropped.
        client.shutdown().await?;
        tokio::io::copy(&mut (&mut client).take(MAX_DISCARDED), &mut tokio::io::sink()).await
    };
    // A client that does not read misses the answer; nothing else depends on it.
    let _ = timeout(SEND_TIMEOUT, sent).await;
}
