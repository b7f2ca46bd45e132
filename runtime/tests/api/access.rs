//! Which client may do what, over real connections and from tenants' addresses.

use crate::host::{ADMIN, TestHost};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use landfall::api::access::Peer;
use landfall::api::router;
use tower::ServiceExt as _;

const MANAGEMENT: [(&str, &str); 8] = [
    ("POST", "/api/v1/tenant/spawn"),
    ("GET", "/api/v1/tenant"),
    ("DELETE", "/api/v1/tenant/1"),
    ("GET", "/api/v1/images"),
    ("POST", "/api/v1/organizations"),
    ("GET", "/api/v1/organizations"),
    ("GET", "/api/v1/organizations/1"),
    ("DELETE", "/api/v1/organizations/1"),
];
const OWN: [&str; 2] = ["/api/v1/tenant/1/status", "/api/v1/tenant/1/logs"];

#[tokio::test]
async fn administration_needs_the_admin_token() {
    let host = TestHost::new().await;
    let key = host.spawn("acme").await.text("/tenant/apiKey").to_owned();
    let routes = MANAGEMENT.into_iter().chain(OWN.map(|path| ("GET", path)));
    for (method, path) in routes {
        for token in [
            None,
            Some("Bearer sk_admin_4567".to_owned()),
            Some(format!("Basic {ADMIN}")),
            Some(format!("Bearer {key}")),
        ] {
            let headers: Vec<_> = token.iter().map(|token| ("authorization", token.as_str())).collect();
            let answer = host.ask_with(method, path, "{}", &headers).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (401, "unauthorized"), "{method} {path} {token:?}");
        }
    }
    assert_eq!(host.engine.state().containers.len(), 1);
}

#[tokio::test]
async fn the_unix_socket_needs_no_token() {
    let host = TestHost::new().await;
    let answer = host.ask_as_root("POST", MANAGEMENT[0].1, r#"{"name":"acme","language":"static"}"#).await;
    assert_eq!(answer.status, 201);
    assert_eq!(host.ask_as_root("GET", OWN[0], "").await.status, 200);
    assert_eq!(host.ask_as_root("DELETE", "/api/v1/tenant/1", "").await.status, 200);
}

#[tokio::test]
async fn health_needs_no_token() {
    let host = TestHost::new().await;
    let answer = host.ask_with("GET", "/health", "", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!((answer.text("/status"), answer.text("/release")), ("ok", "1.2.3-4"));
    assert_eq!((answer.text("/engine"), answer.text("/database")), ("ok", "ok"));
}

#[tokio::test]
async fn health_reports_that_the_engine_is_down() {
    let host = TestHost::new().await;
    host.engine.state().down = true;
    let answer = host.ask_with("GET", "/health", "", &[]).await;
    assert_eq!(answer.status, 503);
    assert_eq!((answer.text("/status"), answer.text("/engine")), ("degraded", "unavailable"));
}

#[tokio::test]
async fn health_reports_that_the_database_fails() {
    let host = TestHost::new().await;
    let database = rusqlite::Connection::open(host.database_folder().join("landfall.db")).unwrap();
    database.execute_batch("PRAGMA foreign_keys = OFF; DROP TABLE environments; DROP TABLE organizations").unwrap();
    let answer = host.ask_with("GET", "/health", "", &[]).await;
    assert_eq!(answer.status, 503);
    assert_eq!((answer.text("/status"), answer.text("/database")), ("degraded", "unavailable"));
    assert_eq!(host.ask("GET", "/api/v1/tenant", "").await.code(), "database_unavailable");
}

/// The status of a response to a client at `address`.
async fn from(host: &TestHost, address: &str, method: &str, path: &str, token: Option<&str>) -> StatusCode {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "x")
        .extension(Peer::Address(address.parse().unwrap()));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    router(host.app()).oneshot(request.body(Body::from("{}")).unwrap()).await.unwrap().status()
}

#[tokio::test]
async fn a_tenant_reads_itself_only_and_only_from_its_own_subnet() {
    let host = TestHost::new().await;
    let first = host.spawn("first").await.text("/tenant/apiKey").to_owned();
    let second = host.spawn("second").await.text("/tenant/apiKey").to_owned();
    let (at_first, at_second, elsewhere) = ("10.213.0.2", "10.213.0.10", "10.213.7.2");
    for path in OWN {
        assert_eq!(from(&host, at_first, "GET", path, Some(&first)).await, 200, "{path}");
        // Its key from another tenant's subnet; another's key from its own; a subnet without tenant; no key; the admin token.
        assert_eq!(from(&host, at_second, "GET", path, Some(&first)).await, 401, "{path}");
        assert_eq!(from(&host, at_first, "GET", path, Some(&second)).await, 401, "{path}");
        assert_eq!(from(&host, elsewhere, "GET", path, Some(&first)).await, 401, "{path}");
        assert_eq!(from(&host, at_first, "GET", path, None).await, 401, "{path}");
        assert_eq!(from(&host, at_first, "GET", path, Some(ADMIN)).await, 401, "{path}");
        // The other tenant, with its own valid key.
        assert_eq!(from(&host, at_second, "GET", path, Some(&second)).await, 403, "{path}");
    }
    for (method, path) in MANAGEMENT {
        assert_eq!(from(&host, at_first, method, path, Some(&first)).await, 403, "{method} {path}");
        assert_eq!(from(&host, at_first, method, path, Some(ADMIN)).await, 401, "{method} {path}");
    }
    assert_eq!(from(&host, at_first, "GET", "/health", None).await, 200);
    assert_eq!(host.engine.state().containers.len(), 2);
}

#[tokio::test]
async fn routes_that_are_not_implemented_need_a_token_too() {
    let host = TestHost::new().await;
    let key = host.spawn("acme").await.text("/tenant/apiKey").to_owned();
    for (method, path) in [("POST", "/api/v1/converge"), ("GET", "/api/v1/status/7"), ("GET", "/api/v1/usage?org_id=1")]
    {
        assert_eq!(from(&host, "10.213.0.2", method, path, Some(&key)).await, 501, "{path}");
        assert_eq!(from(&host, "10.213.0.2", method, path, None).await, 401, "{path}");
        assert_eq!(host.ask(method, path, "").await.code(), "not_implemented", "{path}");
    }
}
