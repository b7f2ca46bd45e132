//! Routes of the API that this release does not implement.

use super::ApiError;
use axum::http::StatusCode;

pub(super) async fn respond() -> ApiError {
    ApiError::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", "this release does not serve this route")
}
