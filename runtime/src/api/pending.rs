//! Routes that tenants know and this release does not serve.

use super::ApiError;
use axum::http::StatusCode;

pub(super) async fn not_implemented() -> ApiError {
    ApiError::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", "this release does not serve this route")
}
