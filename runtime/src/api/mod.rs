//! The HTTP API: requests are parsed into typed values, handed to the controller, and its answers written as JSON.
//!
//! | route | who may |
//! | --- | --- |
//! | `GET /health` | anybody |
//! | `POST /api/v1/tenant/spawn`, `GET /api/v1/tenant?org_id=`, `DELETE /api/v1/tenant/{envId}` | managers |
//! | `POST`, `GET /api/v1/organizations`, `GET`, `DELETE /api/v1/organizations/{id}` | managers |
//! | `GET /api/v1/tenant/{envId}/status`, `GET /api/v1/tenant/{envId}/logs?tail=&follow=` | managers, and the tenant itself |
//! | `POST /api/v1/selfcheck` | root, over the unix socket; elsewhere there is no such route |
//! | `/api/v1/converge`, `/api/v1/status/{taskId}`, `/api/v1/usage` | whoever has a token; not there yet (501) |
//!
//! A manager has the admin token, or comes over the root-only unix socket. A tenant comes from its own subnet with its own key, and
//! from there nobody is a manager. Errors are `{"error": {"code", "message", "requestId"}}`.

pub mod access;
mod authenticate;
mod body;
mod error;
mod frame;
pub(crate) mod listen;
mod organizations;
mod pending;
pub mod server;
mod service;
mod tenants;

pub use error::ApiError;

use crate::controller::Controller;
use crate::identity::KeyHash;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, delete, get, post};
use axum::{Router, middleware};
use std::sync::Arc;
use tokio::sync::watch;

/// Most that a request's body may hold: the largest is a few names.
const BODY_BYTES: usize = 64 * 1024;

/// What requests are answered from.
#[derive(Clone)]
pub struct App {
    /// Decides and acts.
    pub controller: Arc<Controller>,
    /// The hash of the admin token.
    pub admin: KeyHash,
    /// Turns true when the service ends: streams end with it.
    pub ending: watch::Receiver<bool>,
}

/// All routes. Each request must carry its [`access::Peer`] as an extension.
pub fn router(app: App) -> Router {
    let managers = Router::new()
        .route("/api/v1/tenant/spawn", post(tenants::spawn))
        .route("/api/v1/tenant", get(tenants::list))
        .route("/api/v1/tenant/{env_id}", delete(tenants::destroy))
        .route("/api/v1/organizations", post(organizations::create).get(organizations::list))
        .route("/api/v1/organizations/{id}", get(organizations::show).delete(organizations::remove))
        .route_layer(middleware::from_fn(authenticate::managers_only));
    let known = Router::new()
        .route("/api/v1/tenant/{env_id}/status", get(tenants::status))
        .route("/api/v1/tenant/{env_id}/logs", get(tenants::logs))
        .route("/api/v1/converge", any(pending::not_implemented))
        .route("/api/v1/status/{task_id}", any(pending::not_implemented))
        .route("/api/v1/usage", any(pending::not_implemented))
        .route_layer(middleware::from_fn(authenticate::known_only));
    let root = Router::new()
        .route("/api/v1/selfcheck", post(service::self_check))
        .route_layer(middleware::from_fn(authenticate::socket_only));
    let identified =
        managers.merge(known).route_layer(middleware::from_fn_with_state(app.clone(), authenticate::identify));
    // Who is calling is asked of the database, whose failure must not keep health from being told.
    Router::new()
        .route("/health", get(service::health))
        .merge(root)
        .merge(identified)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn_with_state(frame::LogLimits::default(), frame::frame))
        .with_state(app)
}
