//! The routes of the service itself: its health, and its self-check.

use super::App;
use crate::controller::SelfCheck;
use crate::store::now;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

/// The response of `GET /health`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct HealthReport {
    /// `ok`, or `degraded` with status 503.
    pub status: String,
    /// The installed release, `<version>-<serial>`.
    pub release: String,
    /// Its version.
    pub version: String,
    /// Its serial.
    pub serial: u64,
    /// `ok` or `unavailable`.
    pub engine: String,
    /// `ok` or `unavailable`.
    pub database: String,
    /// The current time, RFC 3339 in UTC.
    pub time: String,
}

pub(super) async fn self_check(State(app): State<App>) -> Json<SelfCheck> {
    Json(app.controller.self_check().await)
}

pub(super) async fn health(State(app): State<App>) -> Response {
    let health = app.controller.health().await;
    let catalog = app.controller.catalog();
    let fit = health.engine && health.database;
    let word = |ok: bool| if ok { "ok" } else { "unavailable" }.to_owned();
    let report = HealthReport {
        status: if fit { "ok" } else { "degraded" }.to_owned(),
        release: catalog.id(),
        version: catalog.version.clone(),
        serial: catalog.serial,
        engine: word(health.engine),
        database: word(health.database),
        time: now(),
    };
    let status = if fit { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}
