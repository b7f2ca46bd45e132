//! What a caller is told whose connection leads nowhere, as HTTP: that is what tenants speak.

use crate::request_id::RequestId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

/// How long a caller may take to hear us out.
const FAREWELL: Duration = Duration::from_secs(2);
/// How much of a request is read and dropped, so that closing does not reset the connection before the answer is read
/// (RFC 9112 section 9.6).
const DRAINED: u64 = 256 * 1024;

/// Why a connection leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The tenant did not become ready in time.
    NotReady,
    /// The tenant does not run.
    Down,
    /// The tenant runs, and its port takes no connections.
    Unreachable,
    /// The doors of this host hold as many connections as they can, or as many of this caller as they may.
    Crowded,
}

impl Refusal {
    fn text(self) -> String {
        let (status, code, message, retry) = match self {
            Self::NotReady => ("503 Service Unavailable", "tenant_not_ready", "the tenant is still starting", true),
            Self::Down => ("503 Service Unavailable", "tenant_unavailable", "the tenant does not run", true),
            Self::Unreachable => ("502 Bad Gateway", "tenant_unreachable", "the tenant takes no connections", false),
            Self::Crowded => ("503 Service Unavailable", "too_many_connections", "no connection is left for you", true),
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

/// Answers and hangs up.
pub(super) async fn answer(mut caller: TcpStream, refusal: Refusal) {
    let farewell = async {
        caller.write_all(refusal.text().as_bytes()).await?;
        caller.shutdown().await?;
        tokio::io::copy(&mut (&mut caller).take(DRAINED), &mut tokio::io::sink()).await
    };
    // A caller who does not listen misses the answer.
    let _ = timeout(FAREWELL, farewell).await;
}
