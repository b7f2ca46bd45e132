//! A web server that does what a test says, also what no server should do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a client asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// With its query.
    pub(crate) path: String,
    /// Names are in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first byte that is asked for.
    pub(crate) fn offset(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// The length that it is said to have, if that is another one.
    pub(crate) said: Option<usize>,
    pub(crate) end: End,
}

/// What comes after the body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// The end of the connection.
    #[default]
    Close,
    /// Nothing, until the client is gone.
    Silence,
}

impl Response {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Only the first `length` bytes come of what is announced.
    pub(crate) fn cut(mut self, length: usize) -> Self {
        self.said = Some(self.said.unwrap_or(self.body.len()));
        self.body.truncate(length);
        self
    }
}

/// Answers until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("its address");
        let (seen, stopped) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (answer, requests, end) = (Arc::new(answer), Arc::clone(&seen), Arc::clone(&stopped));
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let (answer, requests) = (Arc::clone(&answer), Arc::clone(&requests));
                // A client that is gone is no fault of the server's.
                thread::spawn(move || _ = serve(&connection, &*answer, &requests));
            }
        });
        Self { address, seen, stopped }
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("no thread panicked").clone()
    }

    /// How often something was asked for whose path has `part` in it.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.seen().iter().filter(|request| request.path.contains(part)).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    mut connection: &TcpStream,
    answer: &dyn Fn(&Request) -> Response,
    seen: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    // It speaks no TLS.
    if reader.fill_buf()?.first() == Some(&0x16) {
        return connection.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
    }
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let [_, path, _] = words.as_slice() else { return Ok(()) };
    let mut request = Request { path: path.clone(), headers: Vec::new(), body: String::new() };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    (&mut reader).take(length).read_to_string(&mut request.body)?;
    seen.lock().expect("no thread panicked").push(request.clone());
    let response = answer(&request);
    let mut head = format!("HTTP/1.1 {} Status\r\nConnection: close\r\n", response.status);
    let length = response.said.unwrap_or(response.body.len()).to_string();
    for (name, value) in response.headers.iter().chain([&("Content-Length", length)]) {
        head.extend([name, ": ", value, "\r\n"]);
    }
    connection.write_all(format!("{head}\r\n").as_bytes())?;
    connection.write_all(&response.body)?;
    if response.end == End::Silence {
        connection.set_read_timeout(Some(Duration::from_mins(10)))?;
        reader.read_to_end(&mut Vec::new())?;
    }
    connection.shutdown(Shutdown::Both)
}
