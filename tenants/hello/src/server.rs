//! Accepting connections with a fixed number of threads, and stopping when asked to.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::environment::Environment;
use crate::log;
use crate::request::{Refusal, Request};
use crate::response::Response;
use crate::routes::Routes;

/// Requests that are answered at once; others wait in the kernel's backlog.
const WORKERS: usize = 16;

/// A request needs no deep stack; the default would be 2 MiB of address space a thread.
const STACK_BYTES: usize = 256 * 1024;

/// From accepting a connection to having read its request.
const READ_DEADLINE: Duration = Duration::from_secs(5);

/// For writing the response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of a refused request is read, at most.
const MAX_DRAIN_BYTES: u64 = 1024 * 1024;

/// After running out of descriptors or the like, so that a worker does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound server.
pub(crate) struct Server {
    listener: TcpListener,
    routes: Arc<Routes>,
    stopping: Arc<AtomicBool>,
}

impl Server {
    /// Binds to the port on all addresses: which of them a client can reach is the container's network's decision.
    pub(crate) fn bind(environment: Environment) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, environment.port))?;
        Ok(Self { listener, routes: Arc::new(Routes::new(environment)), stopping: Arc::default() })
    }

    /// Serves until SIGTERM or SIGINT, then finishes what is under way. PID 1 of a container has no default action for these
    /// signals: without a handler, stopping the container would take until the engine kills it.
    pub(crate) fn run(self) -> io::Result<()> {
        // Before the first worker, so that a signal during the start is not lost.
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        let address = self.listener.local_addr()?;
        let workers: Vec<JoinHandle<()>> = (0..WORKERS).map(|_| self.worker()).collect::<io::Result<_>>()?;
        log::info(&format!("Listening on port {}", address.port()));
        signals.forever().next();
        log::info("Stopping");
        self.stopping.store(true, Ordering::Release);
        // Each of them waits in `accept`, where it does not see the flag: one connection wakes one worker.
        for _ in &workers {
            wake(address.port());
        }
        for worker in workers {
            if worker.join().is_err() {
                log::error("a worker panicked");
            }
        }
        Ok(())
    }

    fn worker(&self) -> io::Result<JoinHandle<()>> {
        let listener = self.listener.try_clone()?;
        let routes = Arc::clone(&self.routes);
        let stopping = Arc::clone(&self.stopping);
        thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            while !stopping.load(Ordering::Acquire) {
                match listener.accept() {
                    Ok((stream, _)) => serve(&stream, &routes),
                    Err(_) => thread::sleep(ACCEPT_PAUSE),
                }
            }
        })
    }
}

/// Ends one worker's `accept`.
fn wake(port: u16) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    // Fails where the queue is full, and then the workers do not wait.
    let _ = TcpStream::connect_timeout(&address, WRITE_TIMEOUT);
}

/// Answers one request. Whatever goes wrong with the connection concerns its client alone.
fn serve(stream: &TcpStream, routes: &Routes) {
    let request = Request::read(&mut Deadline::new(stream));
    let (response, with_body) = match &request {
        Ok(request) => (routes.answer(request), request.method != "HEAD"),
        Err(Refusal::Status(status, message)) => (Response::error(*status, message), true),
        Err(Refusal::Gone) => return,
    };
    if let Ok(Request { method, path, .. }) = &request
        // The runtime asks every few seconds, and the log of a tenant is limited in size.
        && path != "/health"
    {
        log::info(&format!("{method} {path} {}", response.status));
    }
    let _ = reply(stream, &response, with_body);
}

/// Writes the response. What the client is still sending is read and dropped for a while: closing the connection over it would
/// reset it, and the client might never see why it was refused.
fn reply(mut stream: &TcpStream, response: &Response, with_body: bool) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    response.write(&mut stream, with_body)?;
    stream.shutdown(Shutdown::Write)?;
    // Any other response is to a request that was read whole.
    if response.status >= 400 {
        let rest = &mut Deadline::new(stream).take(MAX_DRAIN_BYTES);
        io::copy(rest, &mut io::sink())?;
    }
    Ok(())
}

/// A stream that can be read until a point in time, however slowly bytes arrive.
struct Deadline<'a> {
    stream: &'a TcpStream,
    end: Instant,
}

impl<'a> Deadline<'a> {
    fn new(stream: &'a TcpStream) -> Self {
        Self { stream, end: Instant::now() + READ_DEADLINE }
    }
}

impl io::Read for Deadline<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // Before each read: one timeout for all would begin again with every byte.
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}
