//! The line that a request leaves in the log: who asked for what, from where, and what came of it.

use super::access::{Client, Peer};
use crate::identity::RequestId;
use crate::service::log;
use crate::service::log_rate_limit::LogRateLimit;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use std::fmt::Display;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tracing::field::display;

/// Most that is logged of a method or path, in bytes: those of the API are shorter.
const MAX_LOGGED: usize = 128;
/// What stands in the log for the status of a request whose client did not wait for it. No answer has it.
const CLIENT_GONE: u16 = 499;
/// What the paths of requests about one tenant begin with.
const TENANT_PATHS: &str = "/api/v1/tenant/";

/// Log limits for responses that a client without a token can cause: one for client errors, one for server errors.
#[derive(Debug, Clone, Default)]
pub(super) struct LogLimits(Arc<[LogRateLimit; 2]>);

impl LogLimits {
    /// Whether to log a response. One that is not an error always is: only administrators change anything.
    fn admit(&self, status: StatusCode) -> bool {
        let [client_errors, server_errors] = &*self.0;
        let limit = match status {
            status if status.is_client_error() => client_errors,
            status if status.is_server_error() => server_errors,
            _ => return true,
        };
        let admitted = limit.admit(Instant::now());
        if let Some(suppressed @ 1..) = admitted {
            log::warning!("requests_not_logged", count = suppressed);
        }
        admitted.is_some()
    }
}

/// Who sent a request, once that is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Identified(Arc<OnceLock<Client>>);

impl Identified {
    /// It was this client.
    pub(super) fn as_client(&self, client: Client) {
        let _ = self.0.set(client);
    }
}

/// What is known of a request before it is answered. Its headers and its body, in which secrets are, are not kept. It is logged also where its
/// client does not wait for the answer: what it began goes on.
pub(super) struct Asked {
    id: RequestId,
    limits: LogLimits,
    client: Identified,
    is_answered: bool,
    peer: Option<Peer>,
    method: Method,
    path: String,
    route: Option<MatchedPath>,
    start: Instant,
}

impl Asked {
    /// The request, and where to say who sent it.
    pub(super) fn new(request: &Request, id: RequestId, limits: LogLimits) -> (Self, Identified) {
        let client = Identified::default();
        let asked = Self {
            id,
            limits,
            client: client.clone(),
            is_answered: false,
            peer: request.extensions().get().copied(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            route: request.extensions().get().cloned(),
            start: Instant::now(),
        };
        (asked, client)
    }

    /// It was answered so.
    pub(super) fn answered(mut self, status: StatusCode) {
        self.is_answered = true;
        self.log(status.as_u16(), status.is_server_error(), || self.limits.admit(status));
    }

    /// Logs what came of it, unless it only looked, or too much of its kind was logged.
    fn log(&self, status: u16, is_fault: bool, is_admitted: impl FnOnce() -> bool) {
        if (self.method == Method::GET && !is_fault) || !is_admitted() {
            return;
        }
        let client = self.client.0.get().copied();
        // A path that is no route's says what was tried.
        let route = self.route.as_ref().map_or(self.path.as_str(), MatchedPath::as_str);
        let [method, route] = [self.method.as_str(), route].map(truncated);
        let source = self.peer.as_ref().map(|peer| display(peer as &dyn Display));
        let caller = client.as_ref().map_or("unidentified".to_owned(), ToString::to_string);
        let tenant = self.tenant(client).map(display);
        let ms = display(self.start.elapsed().as_millis());
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(
                    target: log::TARGET,
                    tracing::Level::$level,
                    event = "request",
                    request = %self.id,
                    caller,
                    tenant,
                    source,
                    method,
                    route,
                    status,
                    ms
                )
            };
        }
        if is_fault { event!(WARN) } else { event!(INFO) }
    }

    /// The tenant that asked, or that the request is about.
    fn tenant(&self, client: Option<Client>) -> Option<i64> {
        match client {
            Some(Client::Tenant(own)) => Some(own.0),
            _ => self.path.strip_prefix(TENANT_PATHS)?.split('/').next()?.parse().ok(),
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_answered {
            // Nothing that is refused takes long enough to hang up before, so that this is no flood.
            self.log(CLIENT_GONE, false, || true);
        }
    }
}

fn truncated(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_LOGGED)]
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::identity::EnvId;
    use crate::service::log::tests::entries;
    use axum::body::Body;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn logged_text_is_truncated_between_characters() {
        let long = "é".repeat(MAX_LOGGED);
        assert_eq!(truncated(&format!("/{long}")).len(), MAX_LOGGED - 1);
        assert_eq!(truncated("/health"), "/health");
    }

    #[test]
    fn a_flood_of_client_errors_suppresses_no_other_lines() {
        let limits = LogLimits::default();
        let admitted = (0..1000).filter(|_| limits.admit(StatusCode::UNAUTHORIZED)).count();
        assert!(admitted < 100, "{admitted}");
        assert!(limits.admit(StatusCode::CREATED) && limits.admit(StatusCode::BAD_GATEWAY));
    }

    #[test]
    fn a_requests_line_says_who_asked_for_what_and_no_secret() {
        let limits = LogLimits::default();
        let asked = |method: Method, path: &str, client: Option<Client>| {
            let peer = Peer::Address(IpAddr::V4(Ipv4Addr::new(10, 213, 0, 2)));
            let request = Request::builder().method(method).uri(format!("{path}?token=sk_secret"));
            let request = request.header("authorization", "Bearer sk_secret").extension(peer);
            let id = RequestId::adopt(Some("req-1"));
            let (asked, identified) = Asked::new(&request.body(Body::empty()).unwrap(), id, limits.clone());
            if let Some(client) = client {
                identified.as_client(client);
            }
            asked
        };
        let entries = entries(|| {
            asked(Method::DELETE, "/api/v1/tenant/7", Some(Client::Admin)).answered(StatusCode::OK);
            let own = Some(Client::Tenant(EnvId(3)));
            asked(Method::GET, "/api/v1/tenant/7/status", own).answered(StatusCode::BAD_GATEWAY);
            asked(Method::GET, "/health", None).answered(StatusCode::OK);
            asked(Method::POST, "/elsewhere", None).answered(StatusCode::NOT_FOUND);
            drop(asked(Method::DELETE, "/api/v1/tenant/8", Some(Client::Admin)));
            drop(asked(Method::GET, "/api/v1/tenant/8/logs", Some(Client::Admin)));
        });
        let fields = ["PRIORITY", "REQUEST", "CALLER", "TENANT", "SOURCE", "METHOD", "ROUTE", "STATUS"];
        let found = entries.iter().map(|entry| fields.map(|name| entry.get(name).map_or("", String::as_str)));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [
                ["6", "req-1", "admin", "7", "10.213.0.2", "DELETE", "/api/v1/tenant/7", "200"],
                ["4", "req-1", "tenant", "3", "10.213.0.2", "GET", "/api/v1/tenant/7/status", "502"],
                ["6", "req-1", "unidentified", "", "10.213.0.2", "POST", "/elsewhere", "404"],
                ["6", "req-1", "admin", "8", "10.213.0.2", "DELETE", "/api/v1/tenant/8", "499"],
            ]
        );
        assert!(entries.iter().all(|entry| entry["MS"].parse::<u64>().is_ok()));
        assert!(!format!("{entries:?}").contains("sk_secret"));
    }
}
