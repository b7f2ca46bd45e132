//! The self-check: it proves what the service is for, and leaves tenants and the host as they were.

use crate::host::{Answer, TestHost};
use landfall::engine::NetworkSpec;
use landfall::engine::fake::FakeContainer;
use landfall::identity::{CANARY_NAME, EnvId, KeyHash, KeyNonce, OrgId};
use landfall::network::{Pool, Subnet};
use landfall::store::NewEnvironment;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const SELF_CHECK: &str = "/api/v1/selfcheck";
const CANARY: &str = "convergence-tenant-0";

/// A host that lacks no image, with a pool of two subnets.
fn host() -> TestHost {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let mut host = TestHost::stopped();
    host.catalog.images.retain(|image| image.name == "hello");
    let pool = (std::process::id() * 8 + COUNTER.fetch_add(1, Ordering::Relaxed)) % (1 << 20);
    host.settings.pool = format!("{}/28", Ipv4Addr::from((10 << 24) + pool * 16)).parse().unwrap();
    host
}

fn canary_subnet(pool: Pool) -> Subnet {
    pool.lowest_free(&[].into(), &[]).unwrap()
}

/// Answers in the canary's place: the fake engine gives no container an address.
struct Stage(String);

impl Stage {
    async fn set(host: &TestHost) -> Self {
        // As the canary gets it: the lowest one that no tenant has.
        let taken = host.store().environments(None).await.unwrap();
        let taken = taken.into_iter().map(|tenant| tenant.decided.subnet).collect();
        let address = host.settings.pool.lowest_free(&taken, &[]).unwrap().tenant();
        let stage = Self(format!("{address}/32"));
        stage.ip("add");
        let listener = TcpListener::bind((address, 8080)).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            }
        });
        stage
    }

    fn ip(&self, what: &str) {
        let status = Command::new("ip").args(["address", what, &self.0, "dev", "lo"]).status();
        assert!(status.is_ok_and(|status| status.success()), "this test needs root and the package iproute2");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.ip("delete");
    }
}

async fn check(host: &TestHost) -> Answer {
    let answer = host.ask_as_root("POST", SELF_CHECK, "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
}

/// The detail of a check that went as expected.
fn detail<'a>(answer: &'a Answer, name: &str, ok: bool) -> &'a str {
    let check = answer.body["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap();
    assert_eq!(check["ok"], ok, "{}", answer.body);
    check["detail"].as_str().unwrap()
}

async fn assert_no_canary(host: &TestHost) {
    assert!(host.store().environment(EnvId::CANARY).await.unwrap().is_none());
    let state = host.engine.state();
    assert!(!state.containers.contains_key(CANARY) && !state.networks.contains_key(CANARY));
    assert!(!state.volumes.keys().any(|volume| volume.starts_with(CANARY)), "{:?}", state.volumes);
}

#[tokio::test]
async fn the_canarys_name_and_the_self_check_are_reserved() {
    let host = TestHost::new().await;
    let body = format!(r#"{{"name":"{CANARY_NAME}","language":"static"}}"#);
    assert_eq!(host.ask_as_root("POST", "/api/v1/tenant/spawn", &body).await.code(), "invalid_name");
    for method in ["POST", "GET"] {
        let answer = host.ask(method, SELF_CHECK, "").await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "not_found"), "over TCP, with the admin token");
    }
    assert_eq!(host.ask_as_root("GET", SELF_CHECK, "").await.status, 405);
}

#[tokio::test]
async fn without_a_free_port_subnet_or_image_the_canary_is_skipped() {
    let skipped = async |host: &TestHost, why: &str| {
        let answer = check(host).await;
        assert_eq!(answer.body["ok"], true, "{}", answer.body);
        let canary = detail(&answer, "canary", true);
        assert!(canary.starts_with("skipped: ") && canary.contains(why), "{canary}");
    };
    let mut imageless = host();
    imageless.catalog.images.clear();
    imageless.start().await;
    skipped(&imageless, "no tenant image").await;

    let mut portless = host();
    portless.settings.tenant_ports.1 = portless.settings.tenant_ports.0;
    portless.start().await;
    portless.spawn("acme").await;
    skipped(&portless, "every port").await;

    let mut full = host();
    full.start().await;
    full.spawn("acme").await;
    full.spawn("next").await;
    skipped(&full, "address pool").await;
    assert_eq!(full.engine.state().containers.len(), 2);
}

#[tokio::test]
async fn an_engine_that_is_down_fails_the_check() {
    let mut host = host();
    host.start().await;
    host.engine.state().down = true;
    let answer = check(&host).await;
    detail(&answer, "database", true);
    for name in ["engine", "images", "canary"] {
        assert!(detail(&answer, name, false).contains("the fake engine is down"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_written_fails_the_check() {
    let mut host = host();
    host.start().await;
    let other = rusqlite::Connection::open(host.database_folder().join("landfall.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = check(&host).await;
    assert!(detail(&answer, "database", false).contains("locked"), "{}", answer.body);
    detail(&answer, "canary", false);
    assert!(host.engine.state().containers.is_empty());
}

#[tokio::test]
async fn a_canary_that_ends_fails_the_check_with_its_last_output_and_is_removed() {
    let mut host = host();
    host.start().await;
    let end = async {
        let started = async |host: &TestHost| {
            host.engine.state().containers.get(CANARY).is_some_and(|container| container.started.is_some())
        };
        host.until("the canary runs", started).await;
        host.engine.state().containers.get_mut(CANARY).unwrap().started = None;
    };
    let (answer, ()) = tokio::join!(check(&host), end);
    let canary = detail(&answer, "canary", false);
    assert!(canary.contains("ended with exit code 0") && canary.contains("line 3"), "{canary}");
    host.assert_empty("it failed").await;
}

#[tokio::test]
async fn a_canary_that_cannot_be_spawned_leaves_nothing() {
    let mut host = host();
    host.start().await;
    host.engine.fail_next("start");
    let answer = check(&host).await;
    assert!(detail(&answer, "canary", false).contains("a test asked for it"), "{}", answer.body);
    host.assert_empty("it failed").await;
}

#[tokio::test]
async fn a_service_that_is_stopped_removes_its_canary_and_ends() {
    let mut host = host();
    host.start().await;
    let app = host.app();
    let checking = tokio::spawn(async move { app.controller.self_check().await });
    host.until("the canary runs", async |host| host.engine.state().containers.contains_key(CANARY)).await;
    host.stop().await;
    let found = checking.await.unwrap();
    let canary = found.checks.iter().find(|check| check.name == "canary").unwrap();
    assert!(!found.ok && canary.detail.ends_with("the service is ending"), "{canary:?}");
    host.assert_empty("the service ended").await;
}

/// What a killed service left of a canary in the engine.
fn leave_behind(host: &TestHost, instance: &str) {
    let labels = host.labels([("io.landfall.tenant", "0"), ("io.landfall.instance", instance)]);
    let subnet = canary_subnet(host.settings.pool);
    let network = NetworkSpec {
        name: CANARY.into(),
        bridge: "lft0".into(),
        subnet: subnet.to_string(),
        gateway: subnet.gateway(),
        labels: labels.clone(),
    };
    let volumes = vec![format!("{CANARY}-files"), format!("{CANARY}-history")];
    let mut state = host.engine.state();
    state.volumes.extend(volumes.iter().map(|volume| (volume.clone(), labels.clone())));
    state.networks.insert(CANARY.into(), network);
    let container = FakeContainer { labels, volumes, ..FakeContainer::default() };
    state.containers.insert(CANARY.into(), container);
}

#[tokio::test]
async fn a_killed_services_canary_is_removed_at_the_next_start() {
    let mut host = host();
    let key = KeyHash::of("canary");
    let row = NewEnvironment {
        org: OrgId::DEFAULT,
        name: CANARY_NAME.into(),
        port: host.settings.tenant_ports.1,
        subnet: canary_subnet(host.settings.pool),
        nonce: KeyNonce::random().unwrap(),
        key_hash: key,
        image: host.catalog.images[0].clone(),
    };
    host.store().insert_canary(row).await.unwrap();
    leave_behind(&host, &key.to_hex()[..16]);
    host.start().await;
    let listed = host.ask("GET", "/api/v1/tenant", "").await;
    assert!(listed.body["tenants"].as_array().unwrap().is_empty());
    host.reconcile();
    host.until("it is gone", async |host| host.store().environments(None).await.unwrap().is_empty()).await;
    host.assert_empty("it was left behind").await;
}

/// What needs root, for an address on the loopback interface besides; `make check` leaves it out.
mod needs_root {
    use super::*;

    #[tokio::test]
    async fn a_self_check_spawns_a_healthy_tenant_and_removes_it() {
        let mut host = host();
        host.start().await;
        let _stage = Stage::set(&host).await;
        let answer = check(&host).await;
        assert_eq!((&answer.body["ok"], answer.text("/release")), (&true.into(), "1.2.3-4"), "{}", answer.body);
        let names: Vec<_> = answer.body["checks"].as_array().unwrap().iter().map(|check| &check["name"]).collect();
        assert_eq!(names, ["database", "engine", "images", "canary"]);
        assert!(answer.body["checks"].as_array().unwrap().iter().all(|check| check["ms"].is_u64()));
        assert_eq!(detail(&answer, "images", true), "the engine holds hello");
        assert!(detail(&answer, "canary", true).starts_with("a tenant of hello was healthy after "));
        host.assert_empty("the canary is gone").await;
    }

    #[tokio::test]
    async fn the_canary_is_in_no_list_and_changes_no_tenant() {
        let mut host = host();
        host.start().await;
        host.reconcile();
        let first = host.spawn("acme").await;
        let _stage = Stage::set(&host).await;
        let container = host.engine.state().containers["convergence-tenant-1"].clone();
        let start = host.engine.hold("start");
        let look = async {
            host.until("the canary is being made", async |host| host.engine.state().containers.contains_key(CANARY))
                .await;
            let row = host.store().environment(EnvId::CANARY).await.unwrap().unwrap();
            assert_eq!((row.decided.name.as_str(), row.decided.port), (CANARY_NAME, host.settings.tenant_ports.1));
            for path in ["/api/v1/tenant", "/api/v1/tenant?org_id=1"] {
                let listed = host.ask("GET", path, "").await;
                assert_eq!(listed.body["tenants"].as_array().unwrap().len(), 1, "{}", listed.body);
            }
            for (method, path) in [("GET", "/api/v1/tenant/0/status"), ("DELETE", "/api/v1/tenant/0")] {
                assert_eq!(host.ask_as_root(method, path, "").await.status, 400);
            }
            drop(start);
        };
        let (answer, ()) = tokio::join!(check(&host), look);
        assert_eq!(answer.body["ok"], true, "{}", answer.body);
        assert_no_canary(&host).await;
        assert_eq!(host.engine.state().containers["convergence-tenant-1"].started, container.started);
        let second = host.spawn("next").await;
        assert_eq!(second.number("/tenant/envId"), first.number("/tenant/envId") + 1);
        assert_eq!(second.number("/tenant/port"), first.number("/tenant/port") + 1);
    }

    #[tokio::test]
    async fn an_image_that_the_engine_lacks_fails_the_check_and_not_the_canary() {
        let mut host = host();
        host.catalog = crate::host::catalog();
        host.start().await;
        let _stage = Stage::set(&host).await;
        let answer = check(&host).await;
        assert_eq!(answer.body["ok"], false);
        let missing = detail(&answer, "images", false);
        assert!(missing.contains("the image lost") && !missing.contains("hello"), "{missing}");
        detail(&answer, "canary", true);
    }

    #[tokio::test]
    async fn a_canary_without_a_row_is_removed() {
        let mut host = host();
        leave_behind(&host, "0123456789abcdef");
        host.start().await;
        host.reconcile();
        host.until("it is gone", async |host| host.engine.state().volumes.is_empty()).await;
        host.assert_empty("the row was lost").await;

        // Or by the next self-check, which may come first.
        host.stop().await;
        leave_behind(&host, "0123456789abcdef");
        host.start().await;
        let _stage = Stage::set(&host).await;
        assert_eq!(check(&host).await.body["ok"], true);
        host.assert_empty("the check is over").await;
    }
}
