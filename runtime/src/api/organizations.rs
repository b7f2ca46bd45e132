//! The routes of organizations.

use super::body::{Body, number};
use super::{ApiError, App};
use crate::identity::{Name, OrgId};
use crate::store::Organization;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// The body of `POST /api/v1/organizations`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    name: String,
    plan: Option<String>,
}

pub(super) async fn create(
    State(app): State<App>,
    Body(new): Body<New>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let name = Name::parse(&new.name)?;
    let plan = new.plan.as_deref().map(Name::parse).transpose()?;
    let organization = app.controller.create_organization(name, plan).await?;
    Ok((StatusCode::CREATED, Json(json!({ "success": true, "organization": organization }))))
}

pub(super) async fn list(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let organizations = app.controller.organizations().await?;
    Ok(Json(json!({ "organizations": organizations })))
}

pub(super) async fn show(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Organization>, ApiError> {
    Ok(Json(app.controller.organization(OrgId(number(&id)?)).await?))
}

pub(super) async fn remove(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    app.controller.remove_organization(OrgId(number(&id)?)).await?;
    Ok(Json(json!({ "success": true, "result": "Organization removed successfully" })))
}
