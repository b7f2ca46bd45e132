//! The routes of tenants.

use super::access::Client;
use super::body::{Body, number, query};
use super::{ApiError, App};
use crate::controller::{DEFAULT_TAIL, LogQuery, MAX_TAIL, SpawnRequest, TenantStatus};
use crate::identity::{EnvId, MAX_NAME, Name, OrgId};
use crate::release::Choice;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use std::convert::Infallible;

/// The body of `POST /api/v1/tenant/spawn`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spawn {
    name: String,
    /// For whoever reads the request; it is not kept.
    #[serde(default, rename = "description")]
    _description: Option<String>,
    language: Option<String>,
    framework: Option<String>,
    base_image: Option<String>,
    org_id: Option<OrgId>,
}

impl Spawn {
    fn parse(self) -> Result<SpawnRequest, ApiError> {
        let name = Name::parse(&self.name)?;
        let choice = Choice { base_image: self.base_image, language: self.language, framework: self.framework };
        let words = [&choice.base_image, &choice.language, &choice.framework];
        // Limited, because error messages repeat them.
        if words.into_iter().flatten().any(|word| word.len() > MAX_NAME) {
            return Err(ApiError::invalid(format!("language, framework and baseImage have at most {MAX_NAME} bytes")));
        }
        Ok(SpawnRequest { name, org: self.org_id, choice })
    }
}

pub(super) async fn spawn(
    State(app): State<App>,
    Body(body): Body<Spawn>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let spawned = app.controller.spawn(body.parse()?).await?;
    let tenant = &spawned.tenant;
    let answer = json!({
        "success": true,
        "tenant": {
            "envId": tenant.id,
            "name": tenant.decided.name,
            "orgId": tenant.decided.org,
            "status": tenant.status,
            "port": tenant.decided.port,
            "apiKey": spawned.key.reveal(),
            "createdAt": tenant.created_at,
        }
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

#[derive(Deserialize)]
pub(super) struct Filter {
    org_id: Option<OrgId>,
}

pub(super) async fn list(
    State(app): State<App>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let tenants = app.controller.tenants(query(filter)?.org_id).await?;
    Ok(Json(json!({ "tenants": tenants })))
}

pub(super) async fn status(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path(id): Path<String>,
) -> Result<Json<TenantStatus>, ApiError> {
    let id = EnvId(number(&id)?);
    client.may_read(id)?;
    Ok(Json(app.controller.status(id).await?))
}

pub(super) async fn destroy(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    app.controller.destroy(EnvId(number(&id)?)).await?;
    Ok(Json(json!({ "success": true, "result": "Environment removed successfully" })))
}

#[derive(Deserialize)]
pub(super) struct Window {
    #[serde(default)]
    follow: bool,
    tail: Option<u32>,
}

pub(super) async fn logs(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path(id): Path<String>,
    window: Result<Query<Window>, QueryRejection>,
) -> Result<Response, ApiError> {
    let id = EnvId(number(&id)?);
    client.may_read(id)?;
    let Window { follow, tail } = query(window)?;
    let tail = tail.unwrap_or(DEFAULT_TAIL);
    if tail > MAX_TAIL {
        return Err(ApiError::invalid(format!("tail is at most {MAX_TAIL}")));
    }
    let lines = LogQuery { tenant: id, tail, by_tenant: matches!(client, Client::Tenant(_)) };
    if follow {
        stream_lines(app, lines).await
    } else {
        Ok(Json(json!({ "logs": app.controller.logs(lines).await? })).into_response())
    }
}

/// Sends each line as an event (`text/event-stream`), until the tenant's container ends, the client disconnects or the service stops.
async fn stream_lines(app: App, lines: LogQuery) -> Result<Response, ApiError> {
    let lines = app.controller.follow_logs(lines).await?;
    let mut stopping = app.stopping;
    let stopped = async move { stopping.wait_for(|stopping| *stopping).await.map(drop) };
    let events = lines
        // The status was sent with the head: all that an error can still do is end the stream.
        .take_while(|line| std::future::ready(line.is_ok()))
        // A carriage return ends a line of an event (WHATWG HTML, section 9.2), and would cut a tenant's line in two.
        .map(|line| Ok::<_, Infallible>(Event::default().data(line.unwrap_or_default().replace('\r', " "))))
        .take_until(Box::pin(stopped));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}
