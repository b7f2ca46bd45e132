//! Asks the runtime whether it is healthy: `GET /health`.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const ANSWER_BYTES: u64 = 64 << 10;

/// The runtime's answer.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
struct Health {
    status: String,
    #[serde(default)]
    release: String,
    #[serde(default)]
    engine: String,
    #[serde(default)]
    database: String,
}

impl Health {
    /// Whether the release works. What it lacks besides engine and database, such as a free subnet for a further tenant, is the host's,
    /// and no other release would have more of it.
    fn is_release_ok(&self) -> bool {
        self.status == "ok" || (self.status == "degraded" && self.engine == "ok" && self.database == "ok")
    }
}

/// Asks once. The error is the reason why it is not healthy.
pub(crate) fn check(address: Ipv4Addr, port: u16, release: &str) -> Result<(), String> {
    // 0.0.0.0 is an address to listen on, not one to connect to (ip(7), INADDR_ANY).
    let address = if address.is_unspecified() { Ipv4Addr::LOCALHOST } else { address };
    let answer = ask(SocketAddrV4::new(address, port)).map_err(|error| format!("no answer at port {port}: {error}"))?;
    judge(&answer, release)
}

/// HTTP/1.0 (RFC 1945), so that the answer is not chunked and ends with the connection.
fn ask(address: SocketAddrV4) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address.into(), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET /health HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    // Bounded: at this port another program may answer, and without end.
    stream.take(ANSWER_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn judge(answer: &str, release: &str) -> Result<(), String> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("what answers does not speak HTTP")?;
    let status = head.lines().next().unwrap_or_default();
    if !matches!(status.split_whitespace().nth(1), Some("200" | "503")) {
        return Err(format!("it answers {status:?}"));
    }
    let health: Health = serde_json::from_str(body).map_err(|_| "its answer is not that of a Landfall runtime")?;
    match health {
        health if !health.is_release_ok() => Err(format!("its status is {:?}", health.status)),
        // The release from before may still answer while the service restarts.
        Health { release: found, .. } if found != release => {
            Err(format!("it reports release {found:?}, not {release}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_a_healthy_answer_of_the_release_that_was_started() {
        let ok = "HTTP/1.1 200 OK\r\nx: y\r\n\r\n{\"status\":\"ok\",\"release\":\"1.0.0-1\",\"more\":1}";
        assert_eq!(judge(ok, "1.0.0-1"), Ok(()));
        let full = "HTTP/1.1 503 No\r\nx: y\r\n\r\n{\"status\":\"degraded\",\"release\":\"1.0.0-1\",\"engine\":\"ok\",\
                    \"database\":\"ok\",\"network\":\"unavailable\"}";
        assert_eq!(judge(full, "1.0.0-1"), Ok(()));
        for (answer, release) in [
            (ok, "1.0.0-2"),
            (&ok.replace("200 OK", "500 No"), "1.0.0-1"),
            (&full.replace("\"database\":\"ok\"", "\"database\":\"unavailable\""), "1.0.0-1"),
            (&full.replace("\"engine\":\"ok\",", ""), "1.0.0-1"),
            (&ok.replace("\"ok\"", "\"starting\""), "1.0.0-1"),
            (&ok.replace("{\"status", "<html>"), "1.0.0-1"),
            ("HTTP/1.1 200 OK\r\n", "1.0.0-1"),
            ("SSH-2.0-x\r\n", "1.0.0-1"),
            ("", "1.0.0-1"),
        ] {
            assert!(judge(answer, release).is_err(), "{answer}");
        }
    }
}
