//! A service that only looks like a runtime: it says that it is ready, and answers every request with the same claim.

use landfall::service::{FdStore, InheritedSockets};
use sd_notify::NotifyState;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::exit;

/// The API's port by default.
const PORT: u16 = 3000;

/// What it claims of itself.
#[derive(Debug)]
pub(crate) enum Claim {
    /// All is well, as this release.
    Fine(String),
    /// The work cannot be done, as this release.
    Degraded(String),
}

impl Claim {
    fn answer(&self) -> String {
        let (status, word, release) = match self {
            Self::Fine(release) => ("200 OK", "ok", release),
            Self::Degraded(release) => ("503 Service Unavailable", "degraded", release),
        };
        let body = format!("{{\"status\":\"{word}\",\"release\":\"{release}\"}}");
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
    }
}

/// Says to systemd that all is ready.
pub(crate) fn ready() {
    if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
        eprintln!("no message to systemd: {error}");
    }
}

/// Answers at the API's port until it is killed.
pub(crate) fn answer(claim: &Claim) -> ! {
    if let Err(error) = serve(&claim.answer()) {
        eprintln!("cannot serve at port {PORT}: {error}");
    }
    exit(1);
}

fn serve(answer: &str) -> io::Result<()> {
    let fd_store = FdStore::new(InheritedSockets::from_environment());
    let listener = fd_store.listen(PORT, SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)))?;
    // The runtime may have stored the socket, and makes its sockets non-blocking.
    listener.set_nonblocking(false)?;
    fd_store.store_port(PORT, &listener);
    ready();
    for caller in listener.incoming() {
        // A client that hung up concerns nobody else.
        let _ = reply(caller?, answer);
    }
    Ok(())
}

fn reply(mut caller: TcpStream, answer: &str) -> io::Result<()> {
    // The request fits into one piece; what it asks for does not matter.
    let _ = caller.read(&mut [0; 1024])?;
    caller.write_all(answer.as_bytes())
}
