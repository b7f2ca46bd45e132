//! Finds out who is calling, and turns away those who may not.

use super::access::{self, Caller, Denied, Owner, Peer};
use super::{ApiError, App};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;

/// Leaves the [`Caller`] with the request.
pub(super) async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Result<Response, ApiError> {
    let peer = *request.extensions().get::<Peer>().ok_or_else(ApiError::internal)?;
    let owner = match peer.ipv4() {
        Some(address) => app.controller.tenant_at(address).await?,
        None => None,
    };
    let owner = owner.map(|tenant| Owner { id: tenant.id, key: tenant.decided.key_hash });
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let pool = app.controller.settings().pool;
    let caller = access::identify(peer, pool, owner, header.and_then(access::bearer), app.admin);
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Who is calling. Requests that nobody looked at are a stranger's.
fn caller(request: &Request) -> Caller {
    request.extensions().get::<Caller>().copied().unwrap_or(Caller::Stranger)
}

/// Lets those pass who come over the root-only socket. For all others there is nothing here.
pub(super) async fn socket_only(request: Request, next: Next) -> Result<Response, ApiError> {
    match request.extensions().get::<Peer>() {
        Some(Peer::Socket) => Ok(next.run(request).await),
        _ => Err(ApiError::of_status(StatusCode::NOT_FOUND)),
    }
}

/// Lets managers pass.
pub(super) async fn managers_only(request: Request, next: Next) -> Result<Response, ApiError> {
    caller(&request).may_manage()?;
    Ok(next.run(request).await)
}

/// Lets managers and tenants pass.
pub(super) async fn known_only(request: Request, next: Next) -> Result<Response, ApiError> {
    caller(&request).is_known()?;
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
