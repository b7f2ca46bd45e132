//! Asks the running service over its root-only socket.

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http_body_util::{BodyExt as _, BodyStream, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use landfall_console::{Exit, Failure};
use landfall_host::Layout;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;

/// Most that an answer may hold: the logs' limit, quoted.
const ANSWER_BYTES: usize = 8 << 20;
/// Most of a line that is shown of a stream.
const LINE_BYTES: usize = 64 * 1024;

/// What the service said.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

/// Asks and returns the answer, whatever its status.
pub(super) fn ask(layout: &Layout, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Answer> {
    runtime()?.block_on(answered(layout, method, path, body))
}

async fn answered(layout: &Layout, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Answer> {
    let response = send(&layout.socket(), method, path, body).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("the service's answer broke off: {error}"))?.to_bytes();
    let body = serde_json::from_slice(&body).context("the service's answer does not parse")?;
    Ok(Answer { status, body })
}

/// Asks and returns the answer of a request that succeeded.
pub(super) fn demand(layout: &Layout, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
    let Answer { status, body } = ask(layout, method, path, body)?;
    if status.is_success() { Ok(body) } else { Err(refusal(status, &body).into()) }
}

/// The same, of a service that is given up on after `limit`.
pub(super) fn demand_within(
    layout: &Layout,
    method: &str,
    path: &str,
    body: Option<Value>,
    limit: Duration,
) -> anyhow::Result<Value> {
    let Answer { status, body } = runtime()?.block_on(async {
        let late = |_| Failure::new(Exit::Unfit, "no_answer", format!("no answer within {} s", limit.as_secs()));
        tokio::time::timeout(limit, answered(layout, method, path, body)).await.map_err(late)?
    })?;
    if status.is_success() { Ok(body) } else { Err(refusal(status, &body).into()) }
}

/// Asks for a stream of events and hands each line to `show` until the stream ends.
pub(super) fn follow(
    layout: &Layout,
    path: &str,
    mut show: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let response = send(&layout.socket(), "GET", path, None).await?;
        let status = response.status();
        if !status.is_success() {
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            let body = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
            return Err(refusal(status, &serde_json::from_slice(&body).unwrap_or_default()).into());
        }
        let mut frames = BodyStream::new(response.into_body());
        let mut pending = Vec::new();
        while let Some(frame) = frames.try_next().await.context("the stream broke off")? {
            pending.extend(frame.into_data().unwrap_or_default());
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                // text/event-stream (WHATWG HTML, section 9.2): other fields and comments keep the connection alive.
                if let Some(data) = line.trim_end().strip_prefix("data:") {
                    show(data.strip_prefix(' ').unwrap_or(data))?;
                }
            }
            pending.truncate(LINE_BYTES);
        }
        Ok(())
    })
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")
}

async fn send(socket: &Path, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Response<Incoming>> {
    let stream = UnixStream::connect(socket).await.map_err(|error| {
        Failure::new(Exit::Unfit, "not_running", format!("cannot reach the service at {}: {error}", socket.display()))
            .hint("start it with `systemctl start landfall`; only root may ask it here")
    })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.context("the service hung up")?;
    tokio::spawn(connection);
    let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
    let request = Request::builder()
        .method(Method::from_bytes(method.as_bytes())?)
        .uri(path)
        .header("host", "landfall")
        .header("content-type", "application/json")
        .body(Full::new(body))?;
    sender.send_request(request).await.context("the service hung up")
}

/// What the service refused, in the words that it chose.
fn refusal(status: StatusCode, body: &Value) -> Failure {
    let text =
        |key: &str| body.pointer(&format!("/error/{key}")).and_then(Value::as_str).unwrap_or_default().to_owned();
    let exit = match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Exit::Unfit,
        status if status.is_client_error() => Exit::Usage,
        _ => Exit::Unexpected,
    };
    let (code, message) = (text("code"), text("message"));
    let failure = Failure::new(exit, "refused", format!("{message} ({code})"));
    // What the caller did wrong is not in the log.
    if !status.is_server_error() {
        return failure;
    }
    failure.hint(format!("the service's log has it as request={}: journalctl -u landfall", text("requestId")))
}
