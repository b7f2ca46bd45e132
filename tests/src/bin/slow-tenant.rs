//! A tenant that takes its time, or more than its share: `GET /slow/<ms>` is answered over so many milliseconds, a piece at a time. From
//! `GET /fill` on it writes fifty megabytes a second into its volume, from `GET /hide` on into a file there that has no name, and from
//! `GET /flood` on lines of output as fast as it can, for good.
//! Everything else, `/health` included, is answered at once.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

/// The port that a definition gives to tenants' images of the tests.
const PORT: u16 = 3000;
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
        _ => {}
    }
    let millis = path.strip_prefix("/slow/").and_then(|millis| millis.parse().ok()).unwrap_or(0);
    let pieces = Duration::from_millis(millis).as_millis() / PIECE.as_millis() + 1;
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {pieces}\r\nConnection: close\r\n\r\n")?;
    for piece in 0..pieces {
        if piece > 0 {
            std::thread::sleep(PIECE);
        }
        stream.write_all(b".")?;
    }
    Ok(())
}
