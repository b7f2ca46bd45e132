//! What all error responses have in common.

use crate::host::TestHost;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn every_error_is_an_object_with_the_requests_id() {
    let host = TestHost::new().await;
    for (method, path, body, status, code) in [
        ("GET", "/", "", 404, "not_found"),
        ("GET", "/api/v1/tenant/1", "", 405, "method_not_allowed"),
        ("PUT", "/health", "", 405, "method_not_allowed"),
        ("GET", "/api/v1/tenant/9/status", "", 404, "not_found"),
        ("GET", "/api/v1/tenant/9/logs", "", 404, "not_found"),
        ("DELETE", "/api/v1/tenant/9", "", 404, "not_found"),
        ("GET", "/api/v1/tenant/x/status", "", 400, "invalid_request"),
        ("GET", "/api/v1/tenant/0/status", "", 400, "invalid_request"),
        ("GET", "/api/v1/tenant?org_id=x", "", 400, "invalid_request"),
        ("GET", "/api/v1/tenant/1/logs?tail=10001", "", 400, "invalid_request"),
        ("GET", "/api/v1/tenant/1/logs?follow=perhaps", "", 400, "invalid_request"),
        ("GET", "/api/v1/organizations/9", "", 404, "not_found"),
        ("POST", "/api/v1/tenant/spawn", "{", 400, "invalid_request"),
    ] {
        let headers = [("authorization", "Bearer sk_admin_0123"), ("x-request-id", "my-id.7")];
        let answer = host.ask_with(method, path, body, &headers).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{method} {path}: {}", answer.body);
        assert_eq!(answer.text("/error/requestId"), "my-id.7");
        assert_eq!(answer.headers["x-request-id"], "my-id.7");
        assert!(!answer.text("/error/message").is_empty());
    }
}

#[tokio::test]
async fn a_body_with_a_field_that_is_not_known_is_refused_by_its_name() {
    let host = TestHost::new().await;
    for (path, known) in
        [("/api/v1/tenant/spawn", r#""name":"a","language":"static""#), ("/api/v1/organizations", r#""name":"acme""#)]
    {
        for field in ["env", "Name", "memory", ""] {
            let answer = host.ask("POST", path, &format!(r#"{{{known},"{field}":{{"A":"b"}}}}"#)).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (400, "invalid_request"), "{path} {field}");
            let message = answer.text("/error/message");
            assert!(message.contains(&format!("unknown field `{field}`")) && message.contains("`name`"), "{message}");
        }
        let twice = host.ask("POST", path, &format!(r#"{{{known},"name":"b"}}"#)).await;
        assert_eq!((twice.status.as_u16(), twice.code()), (400, "invalid_request"), "{path}: {}", twice.body);
    }
    host.assert_empty("all were refused").await;
    assert_eq!(host.ask("GET", "/api/v1/organizations", "").await.body["organizations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_method_that_is_not_allowed_is_answered_with_those_that_are() {
    let host = TestHost::new().await;
    let answer = host.ask("PUT", "/health", "").await;
    assert_eq!(answer.headers["allow"], "GET,HEAD");
}

#[tokio::test]
async fn an_id_that_could_break_the_log_is_replaced() {
    let host = TestHost::new().await;
    let answer = host.ask_with("GET", "/health", "", &[("x-request-id", "a level=error")]).await;
    assert_eq!(answer.headers["x-request-id"].len(), 16);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let host = TestHost::new().await;
    let body = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    let answer = host.ask("POST", "/api/v1/tenant/spawn", &body).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (413, "too_large"));
}

/// The status and the body of the answer to these bytes.
async fn answered(host: &TestHost, bytes: &[u8]) -> (u16, serde_json::Value) {
    let mut stream = TcpStream::connect(host.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_mins(5), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8(answer).unwrap();
    // The last one, where there are several.
    let (head, body) = answer.rsplit_once("\r\n\r\n").unwrap();
    let head = &head[head.rfind("HTTP/1.").unwrap()..];
    let length = format!("content-length: {}", body.len());
    assert!(head.contains(&length) && head.contains("x-request-id: "), "{answer}");
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn what_is_not_http_gets_the_documented_error() {
    let host = TestHost::new().await;
    let many = "x-field: y\r\n".repeat(100);
    for (request, status, code) in [
        ("nonsense\r\n\r\n".to_owned(), 400, "invalid_request"),
        ("GET /health HTTP/3.7\r\nhost: x\r\n\r\n".to_owned(), 400, "invalid_request"),
        ("GET /health HTTP/1.1\r\nhost : x\r\n\r\n".to_owned(), 400, "invalid_request"),
        ("GET / h HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 400, "invalid_request"),
        ("POST /health HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n".to_owned(), 400, "invalid_request"),
        (format!("GET /health HTTP/1.1\r\nhost: x\r\n{many}\r\n"), 431, "too_large"),
        ("GET /health HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), 400, "invalid_request"),
        ("GET /health HTTP/1.1\r\nhost: x\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(), 400, "invalid_request"),
        // After a request that was answered.
        ("GET /health HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n".to_owned(), 400, "invalid_request"),
    ] {
        let (found, body) = answered(&host, request.as_bytes()).await;
        assert_eq!((found, &body["error"]["code"]), (status, &code.into()), "{request:?}: {body}");
        assert!(!body["error"]["message"].as_str().unwrap().is_empty(), "{body}");
        assert!(!body["error"]["requestId"].as_str().unwrap().is_empty(), "{body}");
    }
    let (status, _) = answered(&host, b"GET /health HTTP/1.0\r\n\r\n").await;
    assert_eq!(status, 200, "HTTP/1.0 needs no Host");
}

#[tokio::test]
async fn a_head_beyond_the_limit_is_refused() {
    let host = TestHost::new().await;
    let mut stream = TcpStream::connect(host.address()).await.unwrap();
    let head = format!("GET /health HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(64 * 1024));
    // The service may close the connection before it has read all.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = [0; 12];
    let read = tokio::time::timeout(Duration::from_mins(5), stream.read(&mut answer)).await.unwrap();
    assert!(read.is_err() || !answer.starts_with(b"HTTP/1.1 200"));
}
