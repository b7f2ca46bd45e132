//! Gives the answers to what is not HTTP the body that every error has.
//!
//! hyper answers a head that it cannot parse by itself, before any route is asked, with a status and nothing else, and offers no way to
//! change that. So the connection's stream recognizes that answer among the bytes that hyper writes: all answers of the routes carry a
//! request's id, and hyper's own does not.

use super::ApiError;
use crate::identity::RequestId;
use axum::http::StatusCode;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The end of a head without a body.
const END: &[u8] = b"\r\n\r\n";
/// The beginning of an answer to a client's error.
const CLIENT_ERROR: &[u8] = b"HTTP/1.1 4";
/// The field that the routes' answers have, as hyper spells names.
const REQUEST_ID: &[u8] = b"\r\nx-request-id:";

/// A connection on which errors of the protocol are answered as all others are.
#[derive(Debug)]
pub(super) struct WithErrorBodies<S> {
    stream: S,
    /// What is to be written instead of hyper's own answer, and how much of it was.
    answer: Vec<u8>,
    written: usize,
}

impl<S: AsyncWrite + Unpin> WithErrorBodies<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, answer: Vec::new(), written: 0 }
    }

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.answer.get(self.written..) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WithErrorBodies<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WithErrorBodies<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_answer(context))?;
        match bare_error(bytes) {
            Some((0, status)) => {
                self.answer = answer(status);
                self.written = 0;
                // It is written by this call, or by the flush that follows.
                match self.poll_answer(context)? {
                    Poll::Ready(()) | Poll::Pending => Poll::Ready(Ok(bytes.len())),
                }
            }
            // What comes before it belongs to an earlier request; hyper writes the rest again.
            Some((before, _)) => Pin::new(&mut self.stream).poll_write(context, &bytes[..before]),
            None => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Where hyper's own answer begins in what it writes, and its status. It comes last: hyper closes the connection after it.
fn bare_error(bytes: &[u8]) -> Option<(usize, StatusCode)> {
    if !bytes.ends_with(END) {
        return None;
    }
    let start = bytes.windows(CLIENT_ERROR.len()).rposition(|window| window == CLIENT_ERROR)?;
    let head = &bytes[start..];
    let contains = |what: &[u8]| head.windows(what.len()).any(|window| window == what);
    // One head to the end, of no route.
    let is_whole = head.windows(END.len()).position(|window| window == END) == Some(head.len() - END.len());
    let status = StatusCode::from_bytes(head.get(9..12)?).ok()?;
    (is_whole && !contains(REQUEST_ID)).then_some((start, status))
}

fn answer(status: StatusCode) -> Vec<u8> {
    let error = match status {
        StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ApiError::new(status, "too_large", "the head of the request is too long")
        }
        status => ApiError::new(status, "invalid_request", "the request is not valid HTTP/1.1"),
    };
    let id = RequestId::random();
    let body = serde_json::json!({
        "error": { "code": error.code, "message": error.message, "requestId": id.as_str() }
    })
    .to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nx-request-id: {}\r\n\
         cache-control: no-store\r\nconnection: close\r\n\r\n{body}",
        id.as_str()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_no_route_gets_a_body() {
        let bare = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let of_route = "HTTP/1.1 404 Not Found\r\nx-request-id: 1\r\ncontent-length: 0\r\n\r\n";
        let before = "HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-length: 2\r\n\r\nok";
        for (bytes, expected) in [
            (bare.to_owned(), Some((0, StatusCode::BAD_REQUEST))),
            (format!("{before}{bare}"), Some((before.len(), StatusCode::BAD_REQUEST))),
            (bare.replace("400", "431"), Some((0, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE))),
            (of_route.to_owned(), None),
            (format!("{bare}{of_route}"), None),
            (format!("{bare}x"), None),
            (format!("{bare}\r\n\r\n"), None),
            (before.to_owned(), None),
            ("HTTP/1.1 100 Continue\r\n\r\n".to_owned(), None),
            ("HTTP/1.1 4\r\n\r\n".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(bare_error(bytes.as_bytes()), expected, "{bytes:?}");
        }
    }
}
