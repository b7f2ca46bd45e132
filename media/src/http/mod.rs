//! Files of a plain HTTP server (RFC 9110), read in place as those of a stick are. Nothing that comes is believed: the server, and whoever is between,
//! can only make a bundle unreadable.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, fs};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the server may send nothing.
const STALL: Duration = Duration::from_secs(30);
/// How often what was cut off is asked for again, without a byte in between.
const ATTEMPTS: usize = 5;
/// What is read from the connection at once, in bytes.
const BUFFER: usize = 64 << 10;
/// The head of a response, in bytes, and in fields.
const HEAD_BYTES: u64 = 16 << 10;
const HEAD_FIELDS: usize = 64;
/// As much is skipped rather than asked for, in bytes.
const SKIPPED: u64 = 256 << 10;
const HOSTS: &str = "/etc/hosts";
/// Of `/etc/hosts`, in bytes.
const HOSTS_BYTES: u64 = 1 << 20;
const AGENT: &str = concat!("landfall/", env!("CARGO_PKG_VERSION"));

const OK: u16 = 200;
const PARTIAL_CONTENT: u16 = 206;
const NOT_FOUND: u16 = 404;

/// A file of a server. Its size is the one that it had at first.
pub(crate) struct HttpFile {
    address: String,
    size: u64,
    /// The response that is being read.
    stream: Mutex<Option<Stream>>,
}

struct Stream {
    body: Body,
    /// Where it goes on, in bytes from the beginning of the file.
    offset: u64,
}

/// The rest of a connection: each asks for one file.
type Body = BufReader<TcpStream>;

/// What counts of a response.
struct Response {
    status: u16,
    length: Option<u64>,
    /// Where a range begins, and the size of all.
    range: Option<(u64, u64)>,
    body: Body,
}

/// Gets a file that may have at most `limit` bytes; none that is not there.
///
/// # Errors
/// The server cannot be reached, answers something else, or has more.
pub fn get(address: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let response = request(address, 0)?;
    if response.status == NOT_FOUND {
        return Ok(None);
    }
    let (size, stream) = begun(response, address, 0)?;
    if size > limit {
        let message = format!("{address} has more than the {limit} bytes that are read");
        return Err(io::Error::new(ErrorKind::FileTooLarge, message));
    }
    let mut content = Vec::new();
    stream.body.take(size).read_to_end(&mut content)?;
    // One that is cut off is no index, or no longer the one that was signed.
    Ok(Some(content))
}

impl HttpFile {
    /// Asks for a file.
    pub(crate) fn open(address: &str) -> io::Result<Self> {
        let response = request(address, 0)?;
        if response.status == NOT_FOUND {
            return Err(io::Error::new(ErrorKind::NotFound, format!("{address} is not there")));
        }
        let (size, stream) = begun(response, address, 0)?;
        Ok(Self { address: address.to_owned(), size, stream: Mutex::new(Some(stream)) })
    }

    /// Its size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Reads some bytes at `offset`, none only at the end. What is cut off is asked for again from there.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if buffer.is_empty() || offset >= self.size {
            return Ok(0);
        }
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failed = None;
        for _ in 0..ATTEMPTS {
            match self.attempt(&mut stream, buffer, offset) {
                Ok(read) => return Ok(read),
                Err(error) if is_fleeting(&error) => failed = Some(error),
                Err(error) => return Err(error),
            }
            *stream = None;
        }
        Err(failed.unwrap_or_else(|| ErrorKind::UnexpectedEof.into()))
    }

    fn attempt(&self, stream: &mut Option<Stream>, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let goes_on = |stream: &Stream| (stream.offset..=stream.offset + SKIPPED).contains(&offset);
        let mut going = match stream.take().filter(goes_on) {
            Some(going) => going,
            None => self.begin(offset)?,
        };
        while going.offset < offset {
            let least = buffer.len().min(usize::try_from(offset - going.offset).unwrap_or(usize::MAX));
            going.read(&mut buffer[..least])?;
        }
        let left = usize::try_from(self.size - offset).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let read = going.read(&mut buffer[..most])?;
        *stream = Some(going);
        Ok(read)
    }

    fn begin(&self, offset: u64) -> io::Result<Stream> {
        let (size, stream) = begun(request(&self.address, offset)?, &self.address, offset)?;
        if size == self.size {
            return Ok(stream);
        }
        let message =
            format!("{} changed while it was read: it had {} bytes, and now has {size}", self.address, self.size);
        Err(io::Error::new(ErrorKind::InvalidData, message))
    }
}

impl fmt::Debug for HttpFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpFile").field("address", &self.address).field("size", &self.size).finish_non_exhaustive()
    }
}

impl Stream {
    /// Reads at least one byte.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.body.read(buffer)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.offset += read as u64;
                Ok(read)
            }
        }
    }
}

/// The size of the file, and its content from where the response begins: a server without ranges sends all of it.
fn begun(response: Response, address: &str, offset: u64) -> io::Result<(u64, Stream)> {
    let (size, begin) = match response.status {
        // A range that was not asked for (RFC 9110, section 15.3.7) is no answer.
        PARTIAL_CONTENT => (response.range.filter(|(begin, _)| *begin == offset).map(|(_, size)| size), offset),
        OK => (response.length, 0),
        status => return Err(invalid(format!("the server answers {status} for {address}"))),
    };
    let size = size.ok_or_else(|| invalid(format!("the server of {address} does not say how large it is")))?;
    Ok((size, Stream { body: response.body, offset: begin }))
}

/// Asks for a file from `offset` on (RFC 9112, section 3). A redirect is no answer: it is the operator who says where to look, and not a server.
fn request(address: &str, offset: u64) -> io::Result<Response> {
    let rest = address.strip_prefix("http://").unwrap_or(address);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut connection = connect(host, address)?;
    let range = if offset == 0 { String::new() } else { format!("Range: bytes={offset}-\r\n") };
    let head =
        format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {AGENT}\r\nConnection: close\r\n{range}\r\n");
    connection.write_all(head.as_bytes())?;
    response(BufReader::with_capacity(BUFFER, connection), address)
}

fn connect(host: &str, address: &str) -> io::Result<TcpStream> {
    let socket = socket_address(host)?.ok_or_else(|| {
        let message = format!("no address is known for the host of {address}: this program asks no name server, and looks into {HOSTS} alone");
        io::Error::new(ErrorKind::AddrNotAvailable, message)
    })?;
    let connection = TcpStream::connect_timeout(&socket, CONNECT)?;
    connection.set_read_timeout(Some(STALL))?;
    connection.set_write_timeout(Some(STALL))?;
    Ok(connection)
}

/// The head of a response (RFC 9112, section 4); what follows it is the body.
fn response(mut body: Body, address: &str) -> io::Result<Response> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let left = HEAD_BYTES.saturating_sub(head.len() as u64);
        if body.by_ref().take(left).read_until(b'\n', &mut head)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let mut fields = [httparse::EMPTY_HEADER; HEAD_FIELDS];
    let mut parsed = httparse::Response::new(&mut fields);
    parsed.parse(&head).map_err(|error| invalid(format!("{address}: {error}")))?;
    let field = |name: &str| parsed.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    let text = |name: &str| field(name).and_then(|field| std::str::from_utf8(field.value).ok());
    if field("Transfer-Encoding").or(field("Content-Encoding")).is_some() {
        return Err(invalid(format!("the server of {address} does not send the file as it is")));
    }
    let length = text("Content-Length").and_then(|length| length.parse().ok());
    let range = text("Content-Range").and_then(content_range);
    Ok(Response { status: parsed.code.unwrap_or_default(), length, range, body })
}

/// Where a range begins, and the size of all (RFC 9110, section 14.4).
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, size.parse().ok()?))
}

fn invalid(message: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}

/// Whether a connection only broke.
fn is_fleeting(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof, WouldBlock};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut | UnexpectedEof | WouldBlock)
}

/// The address of a host with or without a port: as it is written, or as `/etc/hosts` has it (hosts(5)).
fn socket_address(host: &str) -> io::Result<Option<SocketAddr>> {
    let bracket = host.rfind(']').map_or(0, |bracket| bracket + 1);
    let (name, port) = match host[bracket..].rfind(':') {
        Some(colon) => (&host[..bracket + colon], host[bracket + colon + 1..].parse().ok()),
        None => (host, Some(80)),
    };
    let mut address = name.trim_start_matches('[').trim_end_matches(']').parse().ok();
    if address.is_none() {
        let mut hosts = String::new();
        fs::File::open(HOSTS)?.take(HOSTS_BYTES).read_to_string(&mut hosts)?;
        address = address_of(name, &hosts);
    }
    Ok(address.zip(port).map(SocketAddr::from))
}

/// The first address that `hosts` has for a name.
fn address_of(name: &str, hosts: &str) -> Option<IpAddr> {
    hosts.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|known| known.eq_ignore_ascii_case(name)).then_some(address)
    })
}

#[cfg(test)]
mod tests;
