//! Connections that this tenant opens: how tests see what it can reach.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::hosts;

/// Long enough for a loaded bridge on the same host, short enough for a test that expects nothing to answer.
const TIMEOUT: Duration = Duration::from_secs(1);

/// How much of the parent's answer is read: its status line is all that matters.
const MAX_ANSWER_BYTES: u64 = 4 * 1024;

/// Connects, and closes the connection. Answers the address that a name turned out to be.
pub(crate) fn connect(host: &str, port: u16) -> (Option<IpAddr>, io::Result<TcpStream>) {
    match hosts::resolve(host) {
        Err(error) => (None, Err(error)),
        Ok(address) => (Some(address), TcpStream::connect_timeout(&SocketAddr::new(address, port), TIMEOUT)),
    }
}

/// Host and port of an `http://` URL, the latter 80 unless it says otherwise.
pub(crate) fn origin(url: &str) -> Option<(String, u16)> {
    let authority = url.strip_prefix("http://")?.split(['/', '?', '#']).next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, 80),
    };
    // A name and a password before an `@` would be taken for a part of the host.
    let fits = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@');
    fits.then(|| (host.to_owned(), port))
}

/// `GET path` at a host; the status of the answer.
pub(crate) fn get_status(host: &str, port: u16, path: &str) -> io::Result<u16> {
    let started = Instant::now();
    let mut stream = connect(host, port).1?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut chunk = [0; 512];
    let mut stream = stream.take(MAX_ANSWER_BYTES);
    // The stream's timeout begins again with each read: this bounds all of them.
    while !answer.contains(&b'\n') && started.elapsed() < 3 * TIMEOUT {
        match stream.read(&mut chunk)? {
            0 => break,
            length => answer.extend_from_slice(&chunk[..length]),
        }
    }
    status(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

/// The code in `HTTP/1.1 200 OK`.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let mut words = str::from_utf8(line).ok()?.split(' ');
    words.next()?.starts_with("HTTP/1.").then_some(())?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_origin_of_a_url() {
        let cases = [
            ("http://host.docker.internal:3000/api/v1", Some(("host.docker.internal", 3000))),
            ("http://10.213.0.1/", Some(("10.213.0.1", 80))),
            ("http://[fe80::1]:81?x", Some(("[fe80::1]", 81))),
            ("http://[::1]/", Some(("[::1]", 80))),
            ("https://secure/", None),
            ("http://", None),
            ("http://host:port/", None),
            ("http://user@host/", None),
            ("", None),
        ];
        for (url, expected) in cases {
            assert_eq!(origin(url), expected.map(|(host, port)| (host.to_owned(), port)), "{url}");
        }
    }

    #[test]
    fn reads_the_status_of_an_answer() {
        assert_eq!(status(b"HTTP/1.1 404 Not Found\r\nServer: x\r\n"), Some(404));
        assert_eq!(status(b"HTTP/1.0 200 OK\r\n"), Some(200));
        for answer in [b"".as_slice(), b"SSH-2.0-x\r\n", b"HTTP/1.1\r\n", b"HTTP/1.1 \xff\r\n"] {
            assert_eq!(status(answer), None);
        }
    }
}
