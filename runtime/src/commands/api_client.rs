//! A client of the running service's API, over its root-only socket.

use super::error::ClientError;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http_body_util::{BodyExt as _, BodyStream, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use landfall_host::Layout;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;

/// Most that is read of a response, in bytes: the limit of the logs, quoted.
const MAX_RESPONSE: usize = 8 << 20;
/// Most that is shown of a line of a stream, in bytes.
const MAX_LINE: usize = 64 * 1024;

/// A response of the service.
pub(super) struct ApiResponse {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl ApiResponse {
    /// The body of a successful response.
    pub(super) fn success(self) -> Result<Value, ClientError> {
        if self.status.is_success() { Ok(self.body) } else { Err(refused(self.status, &self.body)) }
    }
}

/// Sends a request, and returns the response whatever its status.
pub(super) fn send(
    layout: &Layout,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<ApiResponse, ClientError> {
    runtime()?.block_on(request(layout, method, path, body))
}

/// As [`send`]; fails when the response takes longer than `limit`.
pub(super) fn send_within(
    layout: &Layout,
    method: Method,
    path: &str,
    limit: Duration,
) -> Result<ApiResponse, ClientError> {
    runtime()?.block_on(async {
        let response = tokio::time::timeout(limit, request(layout, method, path, None)).await;
        response.map_err(|_| ClientError::Timeout { limit })?
    })
}

/// Reads a typed value from a response's body.
pub(super) fn parse<T: DeserializeOwned>(body: Value) -> Result<T, ClientError> {
    serde_json::from_value(body).map_err(ClientError::Unreadable)
}

/// Requests a stream of events, and passes the data of each to `show` until the stream ends.
pub(super) fn follow<E: From<ClientError>>(
    layout: &Layout,
    path: &str,
    mut show: impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    runtime()?.block_on(async {
        let response = connect_and_send(&layout.socket(), Method::GET, path, None).await?;
        let status = response.status();
        if !status.is_success() {
            let body = Limited::new(response.into_body(), MAX_RESPONSE).collect().await;
            let body = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
            return Err(refused(status, &serde_json::from_slice(&body).unwrap_or_default()).into());
        }
        let mut frames = BodyStream::new(response.into_body());
        let mut pending = Vec::new();
        while let Some(frame) = frames.try_next().await.map_err(ClientError::Closed)? {
            pending.extend(frame.into_data().unwrap_or_default());
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                // text/event-stream (WHATWG HTML, section 9.2). Other fields and comments keep the connection alive.
                if let Some(data) = line.trim_end().strip_prefix("data:") {
                    show(data.strip_prefix(' ').unwrap_or(data))?;
                }
            }
            // A tenant may write a line without an end: what lies behind the limit is dropped, not kept in memory.
            pending.truncate(MAX_LINE);
        }
        Ok(())
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, ClientError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ClientError::Runtime)
}

async fn request(layout: &Layout, method: Method, path: &str, body: Option<Value>) -> Result<ApiResponse, ClientError> {
    let response = connect_and_send(&layout.socket(), method, path, body).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_RESPONSE).collect().await;
    let body = body.map_err(ClientError::Interrupted)?.to_bytes();
    let body = serde_json::from_slice(&body).map_err(ClientError::Unreadable)?;
    Ok(ApiResponse { status, body })
}

async fn connect_and_send(
    socket: &Path,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<Response<Incoming>, ClientError> {
    let stream = UnixStream::connect(socket).await;
    let stream = stream.map_err(|source| ClientError::Connect { socket: socket.to_owned(), source })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::Closed)?;
    // Drives the connection. It ends with the runtime, which lives for one request.
    tokio::spawn(connection);
    let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
    let request = Request::builder()
        .method(method)
        .uri(path)
        // A unix socket has no name, and HTTP/1.1 requires one (RFC 9112 section 3.2).
        .header(HOST, "landfall")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(ClientError::Request)?;
    sender.send_request(request).await.map_err(ClientError::Closed)
}

/// The error that the service sent.
fn refused(status: StatusCode, body: &Value) -> ClientError {
    let text =
        |key: &str| body.pointer(&format!("/error/{key}")).and_then(Value::as_str).unwrap_or_default().to_owned();
    ClientError::Refused { status, code: text("code"), message: text("message"), request: text("requestId") }
}
