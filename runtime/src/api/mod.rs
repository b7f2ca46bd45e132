//! The HTTP API: parses requests into typed values, passes them to the controller, and writes its results as JSON.
//!
//! | route | for |
//! | --- | --- |
//! | `GET /health` | everybody |
//! | `POST /api/v1/tenant/spawn`, `GET /api/v1/tenant?org_id=`, `DELETE /api/v1/tenant/{envId}` | administrators |
//! | `GET /api/v1/images` | administrators |
//! | `POST`, `GET /api/v1/organizations`, `GET`, `DELETE /api/v1/organizations/{id}` | administrators |
//! | `GET /api/v1/tenant/{envId}/status`, `GET /api/v1/tenant/{envId}/logs?tail=&follow=` | administrators, and the tenant itself |
//! | `POST /api/v1/selfcheck` | root, over the unix socket; it does not exist over TCP |
//! | `/api/v1/converge`, `/api/v1/status/{taskId}`, `/api/v1/usage` | everybody with a token; not implemented yet (501) |
//!
//! An administrator has the admin token, or uses the root-only unix socket. A tenant uses its own key from its own subnet, from which no
//! token is an administrator's. Errors are `{"error": {"code", "message", "requestId"}}`.

pub mod access;
mod authenticate;
mod body;
mod envelope;
mod error;
mod host_header;
pub(crate) mod listen;
mod malformed;
mod not_implemented;
mod organizations;
mod request_log;
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

/// The largest body of a request, in bytes: the longest is a few names.
const MAX_BODY: usize = 64 * 1024;
/// The route of the self-check, which takes longer than others.
const SELF_CHECK: &str = "/api/v1/selfcheck";

/// The state that requests are answered from.
#[derive(Clone)]
pub struct App {
    /// Decides and acts.
    pub controller: Arc<Controller>,
    /// The hash of the admin token.
    pub admin: KeyHash,
    /// Turns true when the service stops, which ends streams.
    pub stopping: watch::Receiver<bool>,
}

/// All routes. Each request must carry its [`access::Peer`] as an extension.
pub fn router(app: App) -> Router {
    // `route_layer`, here and below: with `layer`, a path without a route would be answered 401 rather than 404.
    let admins = Router::new()
        .route("/api/v1/tenant/spawn", post(tenants::spawn))
        .route("/api/v1/tenant", get(tenants::list))
        .route("/api/v1/tenant/{env_id}", delete(tenants::destroy))
        .route("/api/v1/images", get(service::images))
        .route("/api/v1/organizations", post(organizations::create).get(organizations::list))
        .route("/api/v1/organizations/{id}", get(organizations::show).delete(organizations::remove))
        .route_layer(middleware::from_fn(authenticate::admins_only));
    let known = Router::new()
        .route("/api/v1/tenant/{env_id}/status", get(tenants::status))
        .route("/api/v1/tenant/{env_id}/logs", get(tenants::logs))
        .route("/api/v1/converge", any(not_implemented::respond))
        .route("/api/v1/status/{task_id}", any(not_implemented::respond))
        .route("/api/v1/usage", any(not_implemented::respond))
        .route_layer(middleware::from_fn(authenticate::known_only));
    let root = Router::new()
        .route(SELF_CHECK, post(service::self_check))
        .route_layer(middleware::from_fn(authenticate::socket_only));
    let identified =
        admins.merge(known).route_layer(middleware::from_fn_with_state(app.clone(), authenticate::identify));
    // Identifying a client needs the database, whose failure must not keep /health from reporting it.
    Router::new()
        .route("/health", get(service::health))
        .merge(root)
        .merge(identified)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(request_log::LogLimits::default(), envelope::wrap))
        .with_state(app)
}
