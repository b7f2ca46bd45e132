//! Middleware: identifies the client of each request, and refuses those that may not use a route.

use super::access::{self, Client, Denied, Peer, SubnetOwner};
use super::request_log::Identified;
use super::{ApiError, App};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;

/// Adds the [`Client`] to the request.
pub(super) async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Result<Response, ApiError> {
    let peer = *request.extensions().get::<Peer>().ok_or_else(ApiError::internal)?;
    // By the connection's address, never by a header: a tenant could write that it is somebody else.
    let owner = match peer.ipv4() {
        Some(address) => app.controller.tenant_at(address).await?,
        None => None,
    };
    let owner = owner.map(|tenant| SubnetOwner { id: tenant.id, key: tenant.decided.key_hash });
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let pool = app.controller.settings().pool;
    let client = access::identify(peer, pool, owner, header.and_then(access::bearer), app.admin);
    if let Some(identified) = request.extensions().get::<Identified>() {
        identified.as_client(client);
    }
    request.extensions_mut().insert(client);
    Ok(next.run(request).await)
}

/// The request's client; unknown where [`identify`] did not run.
fn client(request: &Request) -> Client {
    request.extensions().get::<Client>().copied().unwrap_or(Client::Unknown)
}

/// Passes requests over the root-only socket. For all others, the route does not exist.
pub(super) async fn socket_only(request: Request, next: Next) -> Result<Response, ApiError> {
    match request.extensions().get::<Peer>() {
        Some(Peer::Socket) => Ok(next.run(request).await),
        // Not 403: a client over TCP does not learn that the route exists.
        _ => Err(ApiError::of_status(StatusCode::NOT_FOUND)),
    }
}

/// Passes administrators' requests.
pub(super) async fn admins_only(request: Request, next: Next) -> Result<Response, ApiError> {
    client(&request).may_administer()?;
    Ok(next.run(request).await)
}

/// Passes administrators' and tenants' requests.
pub(super) async fn known_only(request: Request, next: Next) -> Result<Response, ApiError> {
    client(&request).is_known()?;
    Ok(next.run(request).await)
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthorized => Self::unauthorized(),
            Denied::Forbidden => Self::forbidden(),
        }
    }
}
