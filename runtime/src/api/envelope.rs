//! Middleware around every route: a request id, a time limit, errors as JSON, and a line in the log.

use super::request_log::{Asked, LogLimits};
use super::{ApiError, host_header};
use crate::controller::SELF_CHECK_LIMIT;
use crate::identity::RequestId;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::time::Duration;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long a response may take to begin: longer than a spawn on a slow disk behind others.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(2);
/// The same for a self-check.
const SELF_CHECK_TIMEOUT: Duration = SELF_CHECK_LIMIT.saturating_add(Duration::from_secs(2));
/// After how many seconds to retry when the service or its engine is not available.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// Wraps every route.
pub(super) async fn wrap(State(limits): State<LogLimits>, mut request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    // The client's own id where it is safe to log, so that one id is found in both logs.
    let id = RequestId::adopt(given);
    let (asked, identified) = Asked::new(&request, id.clone(), limits);
    request.extensions_mut().insert(identified);
    // The time until a response begins: a stream may last. What the handler began goes on in a task of its own.
    // The self-check bounds itself by the start period of the image that it tries.
    let limit = if request.uri().path() == super::SELF_CHECK { SELF_CHECK_TIMEOUT } else { RESPONSE_TIMEOUT };
    let responded = match host_header::check(request.version(), request.headers()) {
        Ok(()) => tokio::time::timeout(limit, next.run(request)).await,
        Err(refused) => Ok(refused.into_response()),
    };
    let response = responded.unwrap_or_else(|_| ApiError::timeout().into_response());
    let mut response = write_errors(response, &id);
    asked.answered(response.status());
    let headers = response.headers_mut();
    // Responses contain keys, and none stays valid for long.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// Writes errors as JSON, including those of the router and the extractors.
fn write_errors(mut response: Response, id: &RequestId) -> Response {
    let status = response.status();
    let error = match response.extensions_mut().remove::<ApiError>() {
        Some(error) => error,
        None if is_json(&response) || !(status.is_client_error() || status.is_server_error()) => return response,
        None => ApiError::of_status(status),
    };
    let body = serde_json::json!({
        "error": { "code": error.code, "message": error.message, "requestId": id.as_str() }
    });
    let mut written = (error.status, Json(body)).into_response();
    if error.status == StatusCode::SERVICE_UNAVAILABLE {
        written.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
    }
    // The response to a method that is not allowed lists those that are (RFC 9110 section 15.5.6).
    if let Some(allowed) = response.headers_mut().remove(axum::http::header::ALLOW) {
        written.headers_mut().insert(axum::http::header::ALLOW, allowed);
    }
    written
}

fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(axum::http::header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}
