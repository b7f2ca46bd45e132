//! A tenant that takes its time, or more than its share: `GET /slow/<ms>` is answered over so many milliseconds, a piece at a time. From
//! `GET /fill` on it writes fifty megabytes a second into its volume, from `GET /hide` on into a file there that has no name, and, as fast
//! as it can, from `GET /flood` on lines of output, from `GET /call` on connections to the API, from `GET /scatter` on packets to ports
//! of its gateway; from `GET /compute` on it only computes. `GET /hoard` takes all that the kernel grants its user, and `GET /take` a
//! little of the same, which is answered by 507 where the kernel does not grant it.
//! Everything else, `/health` included, is answered at once.

use rustix::fs::inotify;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The port that a definition gives to tenants' images of the tests.
const PORT: u16 = 3000;
/// The API, as tenants are told.
const API: (&str, u16) = ("convergence-api", 3000);
/// Who calls it at a time, and how long each waits for a connection.
const CALLERS: usize = 8;
const PATIENCE: Duration = Duration::from_millis(1);
/// Pages of a pipe are counted by user: more than a user may have are as many pipes.
const LARGE_PIPE: usize = 1 << 20;
/// Between two pieces.
const PIECE: Duration = Duration::from_millis(50);
/// Between two mebibytes.
const PIECE_OF_FILE: Duration = Duration::from_millis(20);

fn main() -> io::Result<()> {
    for stream in TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))?.incoming() {
        let stream = stream?;
        // A client that hung up concerns nobody else.
        std::thread::spawn(move || answer(&stream).is_ok());
    }
    Ok(())
}

fn fill(hide: bool) -> io::Result<()> {
    let path = "/app/data/users/fill";
    let mut file = std::fs::File::create(path)?;
    if hide {
        std::fs::remove_file(path)?;
    }
    let piece = vec![b'x'; 1 << 20];
    loop {
        file.write_all(&piece)?;
        std::thread::sleep(PIECE_OF_FILE);
    }
}

fn flood() -> io::Result<()> {
    let lines = "y\n".repeat(1 << 14);
    loop {
        io::stdout().write_all(lines.as_bytes())?;
    }
}

fn call() -> io::Result<()> {
    let api = API.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    for _ in 0..CALLERS {
        std::thread::spawn(move || {
            loop {
                // Most of them come to nothing.
                drop(TcpStream::connect_timeout(&api, PATIENCE));
            }
        });
    }
    Ok(())
}

fn scatter() -> io::Result<()> {
    let mut api = API.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    std::thread::spawn(move || {
        loop {
            for port in 1..=u16::MAX {
                api.set_port(port);
                // From another port each time: what a kernel that tracks connections takes for another one.
                let sent = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| socket.send_to(b"x", api));
                drop((sent, TcpStream::connect_timeout(&SocketAddr::new(api.ip(), port), Duration::from_micros(1))));
            }
        }
    });
    Ok(())
}

fn compute() {
    let mut number = 1_u64;
    loop {
        number = std::hint::black_box(number.wrapping_mul(3));
    }
}

/// What the kernel counts by user, and grants so far: instances of inotify, and pages of pipes.
fn take() -> io::Result<(OwnedFd, OwnedFd)> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC)?;
    let (_read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    fcntl_setpipe_size(&write, LARGE_PIPE)?;
    Ok((watch, write))
}

/// Takes each of both until there is no more, for good.
fn hoard() {
    let watches: Vec<OwnedFd> = std::iter::from_fn(|| inotify::init(inotify::CreateFlags::CLOEXEC).ok()).collect();
    let pipes = std::iter::from_fn(|| {
        let (_read, write) = pipe_with(PipeFlags::CLOEXEC).ok()?;
        fcntl_setpipe_size(&write, LARGE_PIPE).ok().map(|_| write)
    });
    std::mem::forget((watches, pipes.collect::<Vec<OwnedFd>>()));
}

fn answer(mut stream: &TcpStream) -> io::Result<()> {
    let mut request = String::new();
    let mut reader = BufReader::new(stream);
    reader.read_line(&mut request)?;
    let mut header = String::from("more");
    while !header.trim_end().is_empty() {
        header.clear();
        reader.read_line(&mut header)?;
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    match path {
        "/fill" | "/hide" => {
            let hide = path == "/hide";
            drop(std::thread::spawn(move || fill(hide)));
        }
        "/flood" => drop(std::thread::spawn(flood)),
        "/call" => call()?,
        "/scatter" => scatter()?,
        "/compute" => drop(std::thread::spawn(compute)),
        "/hoard" => hoard(),
        _ => {}
    }
    let status = if path == "/take" && take().is_err() { "507 Insufficient Storage" } else { "200 OK" };
    let millis = path.strip_prefix("/slow/").and_then(|millis| millis.parse().ok()).unwrap_or(0);
    let pieces = Duration::from_millis(millis).as_millis() / PIECE.as_millis() + 1;
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {pieces}\r\nConnection: close\r\n\r\n")?;
    for piece in 0..pieces {
        if piece > 0 {
            std::thread::sleep(PIECE);
        }
        stream.write_all(b".")?;
    }
    Ok(())
}
