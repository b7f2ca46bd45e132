//! The routes of the service itself: its health, its self-check, and what its release offers.

use super::App;
use super::access::Peer;
use crate::controller::{Problem, SelfCheck};
use crate::store::now;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
    /// `ok` or `unavailable`: whether the next tenant gets a network.
    pub network: String,
    /// `ok` or `short`: whether tenants leave as much of it as they have to.
    pub disk: String,
    /// What is wrong, in one line each, for people; in detail over the root-only socket. Empty where nothing is.
    pub problems: Vec<String>,
    /// The current time, RFC 3339 in UTC.
    pub time: String,
}

/// What tenants can be spawned from.
pub(super) async fn images(State(app): State<App>) -> Json<Value> {
    let catalog = app.controller.catalog();
    Json(json!({ "release": catalog.id(), "images": catalog.offers() }))
}

pub(super) async fn self_check(State(app): State<App>) -> Json<SelfCheck> {
    Json(app.controller.self_check().await)
}

pub(super) async fn health(State(app): State<App>, peer: Option<Extension<Peer>>) -> Response {
    let health = app.controller.health().await;
    let catalog = app.controller.catalog();
    let fit = health.is_ok();
    // The route needs no token, and tenants reach it, too: only root learns about the host.
    let is_root = matches!(peer, Some(Extension(Peer::Socket)));
    let shown = |problem: &Problem| if is_root { problem.detail.clone() } else { problem.summary.to_owned() };
    let word = |problem: &Option<Problem>| if problem.is_none() { "ok" } else { "unavailable" }.to_owned();
    let report = HealthReport {
        status: if fit { "ok" } else { "degraded" }.to_owned(),
        release: catalog.id(),
        version: catalog.version.clone(),
        serial: catalog.serial,
        engine: word(&health.engine),
        database: word(&health.database),
        network: word(&health.network),
        disk: if health.disk.is_none() { "ok" } else { "short" }.to_owned(),
        problems: health.problems().map(shown).collect(),
        time: now(),
    };
    let status = if fit { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}
