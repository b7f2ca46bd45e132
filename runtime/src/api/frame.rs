//! What every answer has: a request id, a time limit, errors as JSON, and a line in the log where it matters.

use super::ApiError;
use crate::log;
use crate::request_id::RequestId;
use axum::Json;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::time::{Duration, Instant};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long an answer may take to begin: longer than a spawn on a slow disk behind others.
const ANSWER: Duration = Duration::from_mins(2);
/// After how many seconds to ask again when the service or its engine is not there.
const AGAIN: HeaderValue = HeaderValue::from_static("5");

/// Wraps every route.
pub(super) async fn frame(request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let id = RequestId::adopt(given);
    let (method, path, start) = (request.method().clone(), request.uri().path().to_owned(), Instant::now());
    let answered = tokio::time::timeout(ANSWER, next.run(request)).await;
    let mut response = written(answered.unwrap_or_else(|_| ApiError::timeout().into_response()), &id);
    let status = response.status();
    if method != Method::GET || status.is_server_error() {
        let ms = start.elapsed().as_millis();
        log::info!("request", method = method, path = path, status = status.as_u16(), ms = ms, request = id);
    }
    let headers = response.headers_mut();
    // Answers hold keys, and none is true for long.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// Writes errors, also those that the router and the extractors gave in their own words.
fn written(mut response: Response, id: &RequestId) -> Response {
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
        written.headers_mut().insert(RETRY_AFTER, AGAIN);
    }
    // A method that is not allowed comes with those that are (RFC 9110 section 15.5.6).
    if let Some(allowed) = response.headers_mut().remove(axum::http::header::ALLOW) {
        written.headers_mut().insert(axum::http::header::ALLOW, allowed);
    }
    written
}

fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(axum::http::header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}
