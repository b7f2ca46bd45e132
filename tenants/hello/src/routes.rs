//! What a request gets.

use std::io;
use std::time::Instant;

use crate::data::{self, FileName};
use crate::environment::Environment;
use crate::json::Object;
use crate::outbound;
use crate::query::parameter;
use crate::request::Request;
use crate::response::Response;

/// The tenant's routes.
#[derive(Debug)]
pub(crate) struct Routes {
    environment: Environment,
    started: Instant,
}

impl Routes {
    /// Routes for this environment; the uptime begins now.
    pub(crate) fn new(environment: Environment) -> Self {
        Self { environment, started: Instant::now() }
    }

    /// Answers a request.
    pub(crate) fn answer(&self, request: &Request) -> Response {
        // HEAD is GET without the body (RFC 9110 section 9.3.2), which the server leaves out.
        let method = if request.method == "HEAD" { "GET" } else { request.method.as_str() };
        match (method, request.path.as_str()) {
            ("GET", "/") => self.greeting(),
            ("GET", "/health") => self.health(),
            ("GET", "/parent") => self.parent(),
            ("GET", "/probe") => probe(&request.query),
            (method, path) => match path.strip_prefix("/data/") {
                Some(name) => self.data(method, name, &request.body),
                None if matches!(path, "/" | "/health" | "/parent" | "/probe") => {
                    Response::error(405, "this route has nothing but GET")
                }
                None => Response::error(404, "no such route"),
            },
        }
    }

    fn greeting(&self) -> Response {
        let Environment { tenant_name, tenant_id, org_id, env_id, api_url, has_api_key, .. } = &self.environment;
        let name = if tenant_name.is_empty() { "a tenant without a name" } else { tenant_name };
        let tenant =
            Object::new().text("id", tenant_id).text("name", tenant_name).text("orgId", org_id).text("envId", env_id);
        let parent = Object::new().text("apiUrl", api_url).flag("hasApiKey", *has_api_key);
        Response::json(
            Object::new()
                .text("message", &format!("Hello from {name}"))
                .object("tenant", tenant)
                .object("parent", parent),
        )
    }

    fn health(&self) -> Response {
        Response::json(Object::new().text("status", "ok").number("uptime", self.started.elapsed().as_secs()))
    }

    fn parent(&self) -> Response {
        let url = &self.environment.api_url;
        let answer = match outbound::origin(url) {
            None => Err(io::Error::new(io::ErrorKind::InvalidInput, "CONVERGENCE_API_URL is not an http:// URL")),
            // A route that needs no key.
            Some((host, port)) => outbound::get_status(&host, port, "/health"),
        };
        let object = Object::new().text("apiUrl", url).flag("reachable", answer.is_ok());
        Response::json(match answer {
            Ok(status) => object.number("status", status.into()).optional("error", None),
            Err(error) => object.text("error", &error.to_string()),
        })
    }

    fn data(&self, method: &str, name: &str, content: &[u8]) -> Response {
        let Some(name) = FileName::new(name) else {
            return Response::error(400, "a name has 1 to 64 letters, digits, dots, dashes and underscores");
        };
        let folder = &self.environment.data;
        match method {
            "GET" => match data::read(folder, &name) {
                Ok(Some(content)) => Response::bytes(content),
                Ok(None) => Response::error(404, "no such file"),
                Err(error) => storage_error(&error),
            },
            "PUT" => match data::write(folder, &name, content) {
                Ok(()) => Response::json(Object::new().number("size", content.len() as u64)),
                Err(error) => storage_error(&error),
            },
            _ => Response::error(405, "a file has GET and PUT"),
        }
    }
}

fn storage_error(error: &io::Error) -> Response {
    let full = matches!(error.kind(), io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull);
    Response::error(if full { 507 } else { 500 }, &error.to_string())
}

/// Connects to an address from where this tenant is. A service that others can reach would not offer this; a demo tenant does,
/// so that tests prove, from the inside, that tenants are apart.
fn probe(query: &str) -> Response {
    let host = parameter(query, "host").filter(|host| !host.is_empty());
    let port = parameter(query, "port").and_then(|port| port.parse().ok()).filter(|port| *port != 0);
    let (Some(host), Some(port)) = (host, port) else {
        return Response::error(400, "say where to connect to: /probe?host=10.0.0.1&port=22");
    };
    let (address, outcome) = outbound::connect(&host, port);
    let error = outcome.as_ref().err().map(ToString::to_string);
    Response::json(
        Object::new()
            .flag("reachable", outcome.is_ok())
            .optional("address", address.map(|address| address.to_string()).as_deref())
            .optional("error", error.as_deref()),
    )
}
