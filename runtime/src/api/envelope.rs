//! Middleware around every route: a request id, a time limit, errors as JSON, and a line in the log.

use super::{ApiError, host_header};
use crate::controller::SELF_CHECK_LIMIT;
use crate::identity::RequestId;
use crate::service::log;
use crate::service::log_rate_limit::LogRateLimit;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;
use std::time::{Duration, Instant};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long a response may take to begin: longer than a spawn on a slow disk behind others.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(2);
/// The same for a self-check.
const SELF_CHECK_TIMEOUT: Duration = SELF_CHECK_LIMIT.saturating_add(Duration::from_secs(2));
/// After how many seconds to retry when the service or its engine is not available.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// Most that is logged of a method or path, in bytes: those of the API are shorter.
const MAX_LOGGED: usize = 128;

/// Log limits for responses that a client without a token can cause: one for client errors, one for server errors.
#[derive(Debug, Clone, Default)]
pub(super) struct LogLimits(Arc<[LogRateLimit; 2]>);

impl LogLimits {
    /// Whether to log a response. One that is not an error always is: only administrators change anything.
    fn admit(&self, status: StatusCode) -> bool {
        let [client_errors, server_errors] = &*self.0;
        let limit = match status {
            status if status.is_client_error() => client_errors,
            status if status.is_server_error() => server_errors,
            _ => return true,
        };
        let admitted = limit.admit(Instant::now());
        if let Some(suppressed @ 1..) = admitted {
            log::warning!("requests_not_logged", count = suppressed);
        }
        admitted.is_some()
    }
}

/// Wraps every route.
pub(super) async fn wrap(State(limits): State<LogLimits>, request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    // The client's own id where it is safe to log, so that one id is found in both logs.
    let id = RequestId::adopt(given);
    let (method, path, start) = (request.method().clone(), request.uri().path().to_owned(), Instant::now());
    // The time until a response begins: a stream may last. What the handler began goes on in a task of its own.
    // The self-check bounds itself by the start period of the image that it tries.
    let limit = if path == super::SELF_CHECK { SELF_CHECK_TIMEOUT } else { RESPONSE_TIMEOUT };
    let responded = match host_header::check(request.version(), request.headers()) {
        Ok(()) => tokio::time::timeout(limit, next.run(request)).await,
        Err(refused) => Ok(refused.into_response()),
    };
    let mut response = write_errors(responded.unwrap_or_else(|_| ApiError::timeout().into_response()), &id);
    let status = response.status();
    if (method != Method::GET || status.is_server_error()) && limits.admit(status) {
        let (ms, method, path) = (start.elapsed().as_millis(), truncated(method.as_str()), truncated(&path));
        log::info!("request", method = method, path = path, status = status.as_u16(), ms = ms, request = id);
    }
    let headers = response.headers_mut();
    // Responses contain keys, and none stays valid for long.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

fn truncated(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_LOGGED)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logged_text_is_truncated_between_characters() {
        let long = "é".repeat(MAX_LOGGED);
        assert_eq!(truncated(&format!("/{long}")).len(), MAX_LOGGED - 1);
        assert_eq!(truncated("/health"), "/health");
    }

    #[test]
    fn a_flood_of_client_errors_suppresses_no_other_lines() {
        let limits = LogLimits::default();
        let admitted = (0..1000).filter(|_| limits.admit(StatusCode::UNAUTHORIZED)).count();
        assert!(admitted < 100, "{admitted}");
        assert!(limits.admit(StatusCode::CREATED) && limits.admit(StatusCode::BAD_GATEWAY));
    }
}
