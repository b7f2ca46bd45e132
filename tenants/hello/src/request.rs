//! Reading a request (RFC 9112), with a bound on everything.

use std::io::Read;

/// Request line and headers together. Browsers and proxies stay below.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// The largest body: what one file of `/data` may hold.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// A request of which everything was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// For instance `GET`.
    pub(crate) method: String,
    /// Begins with a slash; visible ASCII only, so that it can be logged.
    pub(crate) path: String,
    /// What stood behind the question mark, not decoded.
    pub(crate) query: String,
    /// At most [`MAX_BODY_BYTES`].
    pub(crate) body: Vec<u8>,
}

/// A request that is not answered by a route.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The client went away, or was too slow: there is nobody to answer.
    Gone,
    /// The status and what to say.
    Status(u16, &'static str),
}

/// What the head of a request says.
struct Head {
    method: String,
    target: String,
    content_length: usize,
}

impl Request {
    /// Reads one request. `stream` must end by itself: a deadline is its owner's business.
    pub(crate) fn read(stream: &mut impl Read) -> Result<Self, Refusal> {
        let mut bytes = Vec::with_capacity(1024);
        let end = read_head(stream, &mut bytes)?;
        let head = Head::parse(&bytes[..end])?;
        let mut body = bytes.split_off(end);
        // Pipelining (RFC 9112 section 9.3.2): there would be no answer to the second request.
        if body.len() > head.content_length {
            return Err(Refusal::Status(400, "more than one request on a connection"));
        }
        let missing = head.content_length - body.len();
        stream.take(missing as u64).read_to_end(&mut body).map_err(|_| Refusal::Gone)?;
        if body.len() < head.content_length {
            return Err(Refusal::Gone);
        }
        let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
        Ok(Self { method: head.method, path: path.to_owned(), query: query.to_owned(), body })
    }
}

/// Reads until the empty line and answers where it ends.
fn read_head(stream: &mut impl Read, bytes: &mut Vec<u8>) -> Result<usize, Refusal> {
    let mut chunk = [0; 1024];
    loop {
        // In all that was read: the empty line may have come in two pieces.
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            return Ok(end + 4);
        }
        if bytes.len() > MAX_HEAD_BYTES {
            return Err(Refusal::Status(431, "the request's headers are too large"));
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return Err(Refusal::Gone),
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
        }
    }
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let malformed = Refusal::Status(400, "not an HTTP/1.1 request");
        let Ok(text) = str::from_utf8(bytes) else { return Err(malformed) };
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed);
        };
        let fits = version.starts_with("HTTP/1.")
            && target.starts_with('/')
            && !method.is_empty()
            && method.bytes().chain(target.bytes()).all(|byte| byte.is_ascii_graphic());
        if !fits {
            return Err(malformed);
        }
        let content_length = content_length(lines)?;
        Ok(Self { method: method.to_owned(), target: target.to_owned(), content_length })
    }
}

/// Zero without the header. A body of unknown length is refused (RFC 9110, section 15.5.12), and so are two lengths.
fn content_length<'a>(lines: impl Iterator<Item = &'a str>) -> Result<usize, Refusal> {
    let mut length = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(Refusal::Status(411, "send the body with a Content-Length"));
        }
        if name.eq_ignore_ascii_case("content-length") {
            let value = value.trim();
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            if !digits || length.is_some() {
                return Err(Refusal::Status(400, "the Content-Length is not a single number"));
            }
            // Digits that overflow are beyond the limit as well.
            length = Some(value.parse().unwrap_or(usize::MAX));
        }
    }
    match length.unwrap_or(0) {
        length if length > MAX_BODY_BYTES => Err(Refusal::Status(413, "the body is larger than 64 KiB")),
        length => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn read(text: &str) -> Result<Request, Refusal> {
        Request::read(&mut text.as_bytes())
    }

    fn status(text: &str) -> Option<u16> {
        match read(text) {
            Err(Refusal::Status(status, _)) => Some(status),
            Ok(_) | Err(Refusal::Gone) => None,
        }
    }

    #[test]
    fn reads_a_request_with_a_body() {
        let request = read("PUT /data/a?x=1 HTTP/1.1\r\nhost: h\r\ncontent-LENGTH: 3\r\n\r\nabc").unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/data/a"));
        assert_eq!((request.query.as_str(), request.body.as_slice()), ("x=1", b"abc".as_slice()));
    }

    #[test]
    fn refuses_what_is_no_request() {
        for text in [
            "\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / HTTP/2\r\n\r\n",
            "GET relative HTTP/1.1\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "GET /\u{1b}[2J HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n1",
            "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
            "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(status(text), Some(400), "{text:?}");
        }
    }

    #[test]
    fn refuses_what_is_too_large_or_of_unknown_length() {
        assert_eq!(status(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(10_000))), Some(431));
        assert_eq!(status("PUT / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n"), Some(413));
        assert_eq!(status(&format!("PUT / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", "9".repeat(40))), Some(413));
        assert_eq!(status("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), Some(411));
    }

    #[test]
    fn does_not_answer_a_caller_that_went_away() {
        for text in ["", "GET / HT", "PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"] {
            assert_eq!(read(text), Err(Refusal::Gone), "{text:?}");
        }
    }
}
