//! Parses bodies and parameters, with errors that say what is wrong.

use super::ApiError;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{FromRequest, Query, Request};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON body. Unlike axum's, it needs no content type, and its errors name the place. Its type refuses fields that it does not know
/// (`deny_unknown_fields`): what a client asks for is done or refused, never dropped.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        // The limit on the connection ends with the head of the request.
        let arrived = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await;
        let bytes = arrived.map_err(|_| ApiError::invalid("the body takes too long to arrive"))?;
        let bytes = bytes.map_err(|rejection: BytesRejection| ApiError::of_status(rejection.status()))?;
        // Derived types take an array of their values as well, in an order that nobody promised.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(ApiError::invalid("the body is not valid: it has to be a JSON object"));
        }
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Self).map_err(|error| ApiError::invalid(format!("the body is not valid: {error}")))
    }
}

/// The parameters of a query string.
pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    query.map(|Query(parameters)| parameters).map_err(|rejection| ApiError::invalid(rejection.body_text()))
}

/// Parses a number in a path.
pub(super) fn number(text: &str) -> Result<i64, ApiError> {
    let parsed = text.parse().ok().filter(|number| *number > 0);
    parsed.ok_or_else(|| ApiError::invalid(format!("{:?} is not a number from 1 up", text.get(..32).unwrap_or(text))))
}
