//! Writing a response (RFC 9112).

use std::io::{self, Write};

use crate::json::Object;

/// A response; the connection is closed after it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Response {
    /// 200 with a JSON object.
    pub(crate) fn json(object: Object) -> Self {
        Self::with_status(200, object)
    }

    /// Another status with a JSON object.
    pub(crate) fn with_status(status: u16, object: Object) -> Self {
        let body = (object.finish() + "\n").into_bytes();
        Self { status, content_type: "application/json", body }
    }

    /// 200 with the content of a file, which browsers are told not to interpret.
    pub(crate) fn bytes(body: Vec<u8>) -> Self {
        Self { status: 200, content_type: "application/octet-stream", body }
    }

    /// An error in the form that Landfall's API has: `{"error": {"code", "message"}}`.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        let error = Object::new().text("code", code(status)).text("message", message);
        Self::with_status(status, Object::new().object("error", error))
    }

    /// Writes status line, headers and, unless the request was a HEAD, the body.
    pub(crate) fn write(&self, stream: &mut impl Write, with_body: bool) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nX-Content-Type-Options: nosniff\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n",
            self.status,
            reason(self.status),
            self.content_type,
            self.body.len()
        );
        // A response to HEAD has the head that one to GET would have (RFC 9110 section 9.3.2).
        let mut bytes = head.into_bytes();
        if with_body {
            bytes.extend_from_slice(&self.body);
        }
        stream.write_all(&bytes)
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        507 => "Insufficient Storage",
        _ => "Internal Server Error",
    }
}

fn code(status: u16) -> &'static str {
    match status {
        404 => "not_found",
        405 => "method_not_allowed",
        411 => "length_required",
        413 | 431 => "too_large",
        507 => "insufficient_storage",
        400..=499 => "bad_request",
        _ => "internal",
    }
}
