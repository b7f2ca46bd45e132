//! The program as a container runs it: environment in, HTTP and log lines out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

const KEY: &str = "sk_tenant_0123456789abcdef";

struct Tenant {
    child: Child,
    log: BufReader<ChildStdout>,
    port: u16,
}

impl Tenant {
    fn start(data: &Path, api_url: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hello"))
            .env_clear()
            .envs([("PORT", "0"), ("TENANT_NAME", "acme \"ai\""), ("TENANT_ID", "tenant_7")])
            .envs([("CONVERGENCE_ORG_ID", "1"), ("CONVERGENCE_ENV_ID", "7")])
            .envs([("CONVERGENCE_API_URL", api_url), ("CONVERGENCE_API_KEY", KEY)])
            .env("DATA_DIR", data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let port = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended before it listened");
            if let Some((_, port)) = line.trim().split_once("[INFO] Listening on port ") {
                break port.parse().unwrap();
            }
        };
        Self { child, log, port }
    }

    fn raw(&self, request: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(5))).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn get(&self, target: &str) -> (u16, String) {
        self.raw(format!("GET {target} HTTP/1.1\r\nHost: tenant\r\n\r\n").as_bytes())
    }

    fn json(&self, target: &str) -> Value {
        let (status, body) = self.get(target);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    fn put(&self, target: &str, body: &str) -> (u16, String) {
        let length = body.len();
        self.raw(format!("PUT {target} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes())
    }

    /// Asks it to stop as the engine does; the exit code and the rest of its log.
    fn stop(mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tenant() -> (TempDir, Tenant) {
    let data = tempfile::tempdir().unwrap();
    let tenant = Tenant::start(data.path(), "http://127.0.0.1:1/api/v1");
    (data, tenant)
}

#[test]
fn is_healthy_and_greets_without_giving_its_key_away() {
    let (_data, tenant) = tenant();
    assert_eq!(tenant.json("/health")["status"], "ok");
    let greeting = tenant.json("/");
    assert_eq!(greeting["message"], "Hello from acme \"ai\"");
    assert_eq!(greeting["tenant"], json!({"id": "tenant_7", "name": "acme \"ai\"", "orgId": "1", "envId": "7"}));
    assert_eq!(greeting["parent"]["hasApiKey"], true);
    let (status, log) = tenant.stop();
    assert_eq!(status, Some(0));
    assert!(!greeting.to_string().contains(KEY) && !log.contains(KEY));
}

#[test]
fn files_outlive_the_process() {
    let (data, tenant) = tenant();
    assert_eq!(tenant.put("/data/note", "kept").0, 200);
    tenant.stop();
    let tenant = Tenant::start(data.path(), "");
    assert_eq!(tenant.get("/data/note"), (200, "kept".to_owned()));
    assert_eq!(tenant.get("/data/other").0, 404);
    assert_eq!(tenant.get("/data/..").0, 400);
    assert_eq!(tenant.get("/data/a/b").0, 400);
}

#[test]
fn a_volume_that_cannot_be_written_is_an_error_and_not_the_end() {
    let tenant = Tenant::start(Path::new("/proc/1/no-such-folder"), "");
    assert_eq!(tenant.put("/data/note", "x").0, 500);
    assert_eq!(tenant.get("/health").0, 200);
}

#[test]
fn a_probe_tells_what_can_be_reached() {
    let (_data, tenant) = tenant();
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = open.local_addr().unwrap().port();
    assert_eq!(tenant.json(&format!("/probe?host=127.0.0.1&port={port}"))["reachable"], true);
    assert_ne!(tenant.json(&format!("/probe?host=localhost&port={port}"))["address"], Value::Null);
    // A port that a client has: nobody listens there, and nobody else gets it meanwhile.
    let client = TcpStream::connect(open.local_addr().unwrap()).unwrap();
    let port = client.local_addr().unwrap().port();
    let answer = tenant.json(&format!("/probe?host=127.0.0.1&port={port}"));
    assert_eq!(answer["reachable"], false);
    assert!(answer["error"].as_str().unwrap().contains("refused"), "{answer}");
    for query in ["", "?host=127.0.0.1", "?host=127.0.0.1&port=0", "?host=127.0.0.1&port=70000", "?host=&port=1"] {
        assert_eq!(tenant.get(&format!("/probe{query}")).0, 400, "{query}");
    }
}

#[test]
fn a_probe_into_nothing_ends() {
    let (_data, tenant) = tenant();
    // TEST-NET-1 of RFC 5737: nobody answers there.
    assert_eq!(tenant.json("/probe?host=192.0.2.1&port=9")["reachable"], false);
}

#[test]
fn tells_whether_the_parent_answers() {
    let data = tempfile::tempdir().unwrap();
    let parent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/v1", parent.local_addr().unwrap());
    let tenant = Tenant::start(data.path(), &url);
    let serving = thread::spawn(move || {
        let (mut stream, _) = parent.accept().unwrap();
        // All of the request: a connection that is closed with bytes unread is reset, and the answer may be lost.
        let mut lines = BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
        let line = lines.next().unwrap();
        lines.for_each(drop);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        line
    });
    let answer = tenant.json("/parent");
    assert_eq!((&answer["reachable"], &answer["status"]), (&json!(true), &json!(200)));
    assert_eq!(serving.join().unwrap(), "GET /health HTTP/1.1");
    assert_eq!(tenant.json("/parent")["reachable"], false);
}

#[test]
fn refuses_bad_requests_and_goes_on() {
    let (_data, tenant) = tenant();
    let large = format!("PUT /data/x HTTP/1.1\r\nContent-Length: 500000\r\n\r\n{}", "x".repeat(500_000));
    for (request, expected) in [
        (b"nonsense\r\n\r\n".as_slice(), 400),
        (b"\xff\xfe\r\n\r\n", 400),
        (b"POST /health HTTP/1.1\r\n\r\n", 405),
        (b"DELETE /data/x HTTP/1.1\r\n\r\n", 405),
        (b"GET /nothing HTTP/1.1\r\n\r\n", 404),
        (b"PUT /data/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (large.as_bytes(), 413),
    ] {
        assert_eq!(tenant.raw(request).0, expected);
    }
    assert_eq!(tenant.raw(b"HEAD /health HTTP/1.1\r\n\r\n"), (200, String::new()));
    assert_eq!(tenant.get("/health").0, 200);
}

#[test]
fn clients_that_send_nothing_are_disconnected_and_do_not_block_others_for_long() {
    let (_data, tenant) = tenant();
    let silent: Vec<_> = (0..20).map(|_| TcpStream::connect(("127.0.0.1", tenant.port)).unwrap()).collect();
    assert_eq!(tenant.get("/health").0, 200);
    drop(silent);
}

#[test]
fn ends_when_asked_to() {
    let (_data, tenant) = tenant();
    let (status, log) = tenant.stop();
    assert_eq!(status, Some(0));
    assert!(log.contains("[INFO] Stopping"), "{log}");
}

#[test]
fn check_says_by_its_exit_code_whether_the_tenant_is_healthy() {
    let (_data, tenant) = tenant();
    let check = |port: u16| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hello"));
        command.arg("check").env_clear().env("PORT", port.to_string()).status().unwrap().code()
    };
    assert_eq!(check(tenant.port), Some(0));
    let port = tenant.port;
    tenant.stop();
    assert_eq!(check(port), Some(1));
}
