use crate::controller::ActionError;
use crate::engine::EngineError;
use crate::identity::InvalidName;
use crate::release::ChoiceError;
use crate::service::log;
use crate::store::StoreError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// An error as the client sees it. `envelope` writes it, because it knows the request's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    pub(super) fn unauthorized() -> Self {
        let message = "a valid token is needed: Authorization: Bearer <token>";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    pub(super) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "this token may not do this")
    }

    pub(super) fn timeout() -> Self {
        let message = "the response takes too long; what was begun is finished";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message)
    }

    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the service failed; its log has the reason")
    }

    /// The error for a status that the router or a limit gave without a message.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(status, "not_found", "there is no such route"),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::new(status, "method_not_allowed", "this route does not take that method")
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(status, "too_large", format!("the body holds more than {} bytes", super::MAX_BODY))
            }
            status if status.is_client_error() => Self::new(status, "invalid_request", "the request is not valid"),
            _ => Self::internal(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<InvalidName> for ApiError {
    fn from(error: InvalidName) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_name", error.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NameTaken(_) => Self::new(StatusCode::CONFLICT, "name_taken", error.to_string()),
            error => {
                // Logged here, because the client is told no cause.
                log::error!("database_failed", error = log::chain(&error));
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", "the database does not answer")
            }
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let code = if error.is_unavailable() { "engine_unavailable" } else { "engine_failed" };
        // 502 where the engine answered with an error: to it, this service is a gateway (RFC 9110 section 15.6.3).
        let status = if error.is_unavailable() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_GATEWAY };
        Self::new(status, code, log::chain(&error))
    }
}

impl From<ActionError> for ApiError {
    fn from(error: ActionError) -> Self {
        let (status, code) = match error {
            ActionError::Store(error) => return error.into(),
            ActionError::Engine(error) => return error.into(),
            ActionError::NoSuchTenant(_) | ActionError::NoSuchOrganization(_) => (StatusCode::NOT_FOUND, "not_found"),
            ActionError::BeingRemoved(_) => (StatusCode::CONFLICT, "being_removed"),
            ActionError::NoContainer(_) => (StatusCode::CONFLICT, "no_container"),
            ActionError::UnknownOrganization(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_organization"),
            ActionError::OrganizationNotEmpty(_) => (StatusCode::CONFLICT, "organization_not_empty"),
            ActionError::DefaultOrganization(_) => (StatusCode::CONFLICT, "default_organization"),
            ActionError::Image(ChoiceError::Nothing) => (StatusCode::BAD_REQUEST, "invalid_request"),
            ActionError::Image(ChoiceError::Unknown { .. }) => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_image"),
            ActionError::Image(ChoiceError::Ambiguous { .. }) => (StatusCode::UNPROCESSABLE_ENTITY, "ambiguous_image"),
            ActionError::UnknownUser { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_user"),
            ActionError::EndedAtOnce { .. } => (StatusCode::BAD_GATEWAY, "tenant_ended"),
            ActionError::ImageNotLoaded { .. } => (StatusCode::SERVICE_UNAVAILABLE, "image_not_loaded"),
            ActionError::DiskShort { .. } => (StatusCode::SERVICE_UNAVAILABLE, "disk_short"),
            ActionError::TooLittleMemory { .. } => (StatusCode::SERVICE_UNAVAILABLE, "too_little_memory"),
            ActionError::NoFreePort { .. } => (StatusCode::SERVICE_UNAVAILABLE, "no_free_port"),
            ActionError::NoFreeSubnet(_) | ActionError::Routes(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "no_free_subnet")
            }
            ActionError::OpenPort { .. } => (StatusCode::SERVICE_UNAVAILABLE, "port_unavailable"),
            ActionError::DatabaseLost { .. } => (StatusCode::SERVICE_UNAVAILABLE, "database_lost"),
            ActionError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            ActionError::Ending => (StatusCode::SERVICE_UNAVAILABLE, "ending"),
            ActionError::RemovalPending { .. } => (StatusCode::SERVICE_UNAVAILABLE, "removal_pending"),
            ActionError::Key(ref error) => {
                log::error!("key_failed", error = log::chain(error));
                return Self::internal();
            }
        };
        Self::new(status, code, log::chain(&error))
    }
}
