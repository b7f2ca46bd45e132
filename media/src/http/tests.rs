#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a server answers; the number of the request counts from 0.
type Answer = dyn Fn(usize, usize) -> Vec<u8> + Send + Sync;

/// A server on loopback for as long as the process runs; the address of a file on it, and the number of its requests.
fn server(answer: impl Fn(usize, usize) -> Vec<u8> + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/a.landfall.tar", listener.local_addr().unwrap());
    let (answer, count): (Arc<Answer>, _) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            // Whoever asks may have what it wants already, and hang up.
            let _ = serve(&mut connection.unwrap(), |offset| answer(number, offset));
        }
    });
    (address, count)
}

/// Answers one request, and closes the connection.
fn serve(connection: &mut TcpStream, answer: impl Fn(usize) -> Vec<u8>) -> io::Result<()> {
    let (mut offset, mut lines) = (0, BufReader::new(connection.try_clone()?).lines());
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        let range = line.to_ascii_lowercase();
        let range = range.strip_prefix("range: bytes=").and_then(|range| range.strip_suffix('-')?.parse().ok());
        offset = range.unwrap_or(offset);
    }
    connection.write_all(&answer(offset))
}

fn content() -> Vec<u8> {
    (0..125_000_u64).flat_map(|number| (number * number).to_le_bytes()).collect()
}

fn whole(content: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", content.len());
    [head.as_bytes(), content].concat()
}

fn ranged(content: &[u8], offset: usize) -> Vec<u8> {
    let (size, rest) = (content.len(), &content[offset..]);
    let range = format!("Content-Range: bytes {offset}-{}/{size}\r\nContent-Length: {}", size - 1, rest.len());
    [format!("HTTP/1.1 206 Partial Content\r\nConnection: close\r\n{range}\r\n\r\n").as_bytes(), rest].concat()
}

fn read(file: &HttpFile) -> io::Result<Vec<u8>> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; 10_000]);
    loop {
        match file.read_at(&mut buffer, all.len() as u64)? {
            0 => return Ok(all),
            read => all.extend_from_slice(&buffer[..read]),
        }
    }
}

#[test]
fn a_file_is_read_in_one_response_and_after_a_jump_in_another() {
    let (address, requests) =
        server(|_, offset| if offset == 0 { whole(&content()) } else { ranged(&content(), offset) });
    let file = HttpFile::open(&address).unwrap();
    assert!(read(&file).unwrap() == content());
    assert_eq!(requests.load(Ordering::SeqCst), 1);
    let mut some = [0; 5];
    assert_eq!(file.read_at(&mut some, 500_000).unwrap(), 5);
    assert_eq!((&some[..], requests.load(Ordering::SeqCst)), (&content()[500_000..500_005], 2));
    assert_eq!(file.read_at(&mut some, file.size()).unwrap(), 0);
}

#[test]
fn what_is_cut_off_goes_on_with_or_without_ranges() {
    for has_ranges in [true, false] {
        // Each response ends early, and later than the one before.
        let (address, _) = server(move |number, offset| {
            let response = if has_ranges && offset > 0 { ranged(&content(), offset) } else { whole(&content()) };
            let most = if has_ranges { 300_000 } else { 300_000 * (number + 1) };
            response[..response.len().min(most)].to_vec()
        });
        let file = HttpFile::open(&address).unwrap();
        assert!(read(&file).unwrap() == content(), "{has_ranges}");
    }
}

#[test]
fn a_server_that_never_goes_on_is_given_up() {
    let (address, requests) = server(|_, _| whole(&content())[..200].to_vec());
    let file = HttpFile::open(&address).unwrap();
    let error = read(&file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(requests.load(Ordering::SeqCst) <= 2 + ATTEMPTS);
}

#[test]
fn what_is_no_answer_is_told() {
    let moved = || b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_vec();
    let chunked = || b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec();
    let endless = || b"HTTP/1.1 200 OK\r\n\r\nall".to_vec();
    for (answer, told) in [
        (moved(), "the server answers 302"),
        (chunked(), "does not send the file as it is"),
        (endless(), "does not say how large it is"),
    ] {
        let (address, _) = server(move |_, _| answer.clone());
        let error = HttpFile::open(&address).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
    let error = HttpFile::open("http://no-such-host.example/a").unwrap_err().to_string();
    assert!(error.contains("this program asks no name server"), "{error}");
}

#[test]
fn another_file_in_its_place_is_told_and_so_is_another_range() {
    let (address, _) = server(|number, offset| {
        let content = if number == 0 { content() } else { content()[..900_000].to_vec() };
        if offset == 0 { whole(&content) } else { ranged(&content, offset) }
    });
    let file = HttpFile::open(&address).unwrap();
    let error = file.read_at(&mut [0; 5], 800_000).unwrap_err().to_string();
    assert!(error.contains("changed while it was read"), "{error}");
    let (address, _) = server(|_, offset| if offset == 0 { whole(&content()) } else { ranged(&content(), offset - 1) });
    let file = HttpFile::open(&address).unwrap();
    assert_eq!(file.read_at(&mut [0; 5], 800_000).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn a_small_file_is_bounded_and_may_be_missing() {
    let (address, _) = server(|_, _| whole(&content()));
    assert!(get(&address, 1_000_000).unwrap().unwrap() == content());
    assert_eq!(get(&address, 999_999).unwrap_err().kind(), ErrorKind::FileTooLarge);
    let (address, _) = server(|_, _| b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec());
    assert_eq!(get(&address, 10).unwrap(), None);
}

#[test]
fn a_head_without_end_is_no_answer() {
    for answer in [vec![b'a'; 1 << 20], b"HTTP/1.1 200 OK\r\n".repeat(5000), b"SSH-2.0-x\r\n\r\n".to_vec(), Vec::new()]
    {
        let (address, _) = server(move |_, _| answer.clone());
        assert!(HttpFile::open(&address).is_err());
    }
}

#[test]
fn an_address_has_a_port_or_80() {
    for (host, found) in [
        ("10.0.0.1", Some("10.0.0.1:80")),
        ("10.0.0.1:8000", Some("10.0.0.1:8000")),
        ("[fd00::1]", Some("[fd00::1]:80")),
        ("[fd00::1]:81", Some("[fd00::1]:81")),
        ("10.0.0.1:x", None),
        ("no-such-host.example:1", None),
    ] {
        assert_eq!(socket_address(host).unwrap(), found.map(|found| found.parse().unwrap()), "{host}");
    }
}

#[test]
fn names_are_those_of_the_hosts_file() {
    let hosts = "127.0.0.1 localhost\n# 10.0.0.1 mirror\n10.0.0.2\tmirror.lan MIRROR # 10.0.0.3\nnone mirror\n";
    for (name, found) in [("mirror", Some("10.0.0.2")), ("mirror.lan", Some("10.0.0.2")), ("lan", None), ("none", None)]
    {
        assert_eq!(address_of(name, hosts), found.map(|address| address.parse().unwrap()), "{name}");
    }
}
