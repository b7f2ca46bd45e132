//! Spawning: all of a tenant, or nothing.

use crate::host::TestHost;
use landfall::engine::fake::FakeContainer;
use landfall::engine::{Folder, Labels, NetworkSpec};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

const SPAWN: &str = "/api/v1/tenant/spawn";
const HELLO: &str = r#"{"name":"acme","language":"static"}"#;

#[tokio::test]
async fn a_spawn_is_answered_with_the_documented_fields() {
    let host = TestHost::new().await;
    let body = r#"{"name":"acme-corp-ai","language":"static","description":"for ACME"}"#;
    let answer = host.ask("POST", SPAWN, body).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["success"], true);
    let tenant = answer.body["tenant"].as_object().unwrap();
    let fields: Vec<_> = tenant.keys().map(String::as_str).collect();
    assert_eq!(fields, ["apiKey", "createdAt", "envId", "name", "orgId", "port", "status"]);
    assert_eq!((answer.number("/tenant/envId"), answer.number("/tenant/orgId")), (1, 1));
    assert_eq!((answer.text("/tenant/name"), answer.text("/tenant/status")), ("acme-corp-ai", "running"));
    assert!(answer.text("/tenant/apiKey").starts_with("sk_tenant_"));
    assert!(answer.text("/tenant/createdAt").ends_with('Z'));
    let (first, last) = host.settings.tenant_ports;
    assert!((i64::from(first)..=i64::from(last)).contains(&answer.number("/tenant/port")));
}

#[tokio::test]
async fn a_container_is_unprivileged_and_labelled() {
    let host = TestHost::new().await;
    let answer = host.spawn("acme").await;
    let state = host.engine.state();
    assert_eq!(state.containers.keys().collect::<Vec<_>>(), ["convergence-tenant-1"]);
    let container = &state.containers["convergence-tenant-1"];
    assert!(container.started.is_some());
    let spec = container.spec.as_ref().unwrap();
    assert_eq!(spec.user, "2000000001:2000000001", "a user that no other tenant has");
    assert_eq!(spec.network, ("convergence-tenant-1".into(), Ipv4Addr::new(10, 213, 0, 2)));
    assert!(spec.env.contains(&format!("CONVERGENCE_API_KEY={}", answer.text("/tenant/apiKey"))));
    assert_eq!(
        state.volumes.keys().collect::<Vec<_>>(),
        ["convergence-tenant-1-files", "convergence-tenant-1-history"]
    );
    assert!(state.volumes.values().all(|labels| labels["io.landfall.tenant"] == "1"));
    let network = &state.networks["convergence-tenant-1"];
    assert_eq!((network.bridge.as_str(), network.subnet.as_str()), ("lft1", "10.213.0.0/29"));
}

#[tokio::test]
async fn only_a_keys_hash_is_stored() {
    let host = TestHost::new().await;
    let answer = host.spawn("acme").await;
    let key = answer.text("/tenant/apiKey");
    let folder = host.database_folder();
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()));
    }
    let other = host.spawn("acme").await;
    assert_ne!(key, other.text("/tenant/apiKey"));
}

#[tokio::test]
async fn the_volumes_belong_to_the_images_own_user() {
    let host = TestHost::new().await;
    let folders = |host: &TestHost| {
        let state = host.engine.state();
        state.containers.get("convergence-tenant-1-prepare").map(|container| container.folders.clone())
    };
    // Whatever comes after the folders is held up until they have been seen.
    let gates = ["create_container", "remove_container"].map(|method| host.engine.hold(method));
    let asked = host.ask("POST", SPAWN, r#"{"name":"acme","baseImage":"node"}"#);
    let seen = async {
        let mut seen = Vec::new();
        host.until("the folders are put", async |host| {
            seen = folders(host).unwrap_or_default();
            !seen.is_empty()
        })
        .await;
        drop(gates);
        seen
    };
    let (answer, seen) = tokio::join!(asked, seen);
    assert_eq!(answer.status, 201, "{}", answer.body);
    let folder = |name: &str| Folder { name: name.into(), uid: 1000, gid: 1000 };
    assert_eq!(seen, [folder("users"), folder("db")]);
    assert_eq!(host.engine.state().containers["convergence-tenant-1"].spec.as_ref().unwrap().user, "1000:1000");
}

#[tokio::test]
async fn a_failure_at_any_step_leaves_nothing() {
    for step in ["create_network", "create_volume", "create_preparation", "put_folders", "create_container", "start"] {
        let host = TestHost::new().await;
        host.engine.fail_next(step);
        let answer = host.ask("POST", SPAWN, HELLO).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (502, "engine_failed"), "{step}");
        host.assert_empty(step).await;
        let (first, _) = host.settings.tenant_ports;
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, first)).is_ok(), "{step}: the port is still held");
        let again = host.spawn("acme").await;
        assert_eq!(again.number("/tenant/envId"), 2, "{step}: numbers are not assigned twice");
    }
}

#[tokio::test]
async fn a_container_that_ends_at_once_is_no_tenant_and_its_end_is_reported() {
    let mut host = TestHost::stopped();
    host.settle_for = std::time::Duration::from_mins(5);
    host.start().await;
    host.reconcile();
    host.engine.state().ending = Some(3);
    let answer = host.ask("POST", SPAWN, HELLO).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (502, "tenant_ended"));
    let message = answer.text("/error/message");
    assert!(message.contains("ended at once with exit code 3") && message.contains("line 3"), "{message}");
    host.assert_empty("it ended").await;
    let (first, _) = host.settings.tenant_ports;
    assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, first)).is_ok(), "the port is still held");
}

#[tokio::test]
async fn an_engine_that_is_down_is_reported_and_leaves_nothing() {
    let host = TestHost::new().await;
    host.engine.state().down = true;
    let answer = host.ask("POST", SPAWN, HELLO).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "engine_unavailable"));
    assert!(answer.headers.contains_key("retry-after"));
    host.assert_empty("the engine is down").await;
}

#[tokio::test]
async fn an_undo_that_fails_is_finished_later() {
    let mut host = TestHost::new().await;
    host.engine.fail_next("start");
    host.engine.fail_next("remove_network");
    host.engine.state().failing.insert("remove_network", 20);
    let answer = host.ask("POST", SPAWN, HELLO).await;
    assert_eq!(answer.code(), "engine_failed");
    let rows = host.store().environments(None).await.unwrap();
    assert_eq!(rows.len(), 1);
    host.engine.state().failing.clear();
    host.reconcile();
    host.until("nothing is left", async |host| host.store().environments(None).await.unwrap().is_empty()).await;
    host.assert_empty("the engine works again").await;
}

#[tokio::test]
async fn only_loaded_images_of_the_release_can_be_spawned() {
    let host = TestHost::new().await;
    for (body, status, code) in [
        (r#"{"name":"a","language":"cobol"}"#, 422, "unknown_image"),
        (r#"{"name":"a","baseImage":"python:3.12-slim"}"#, 422, "unknown_image"),
        (r#"{"name":"a","language":"static","framework":"rails"}"#, 422, "unknown_image"),
        (r#"{"name":"a","language":"lost"}"#, 503, "image_not_loaded"),
        (r#"{"name":"a","language":"static","orgId":9}"#, 422, "unknown_organization"),
        (r#"{"name":"a"}"#, 400, "invalid_request"),
        (r#"{"name":"a/b","language":"static"}"#, 400, "invalid_name"),
        (r#"{"name":"","language":"static"}"#, 400, "invalid_name"),
        (r#"{"language":"static"}"#, 400, "invalid_request"),
        (r#"{"name":1,"language":"static"}"#, 400, "invalid_request"),
        (r#"{"name":"a","language":["static"]}"#, 400, "invalid_request"),
        ("", 400, "invalid_request"),
        ("[]", 400, "invalid_request"),
    ] {
        let answer = host.ask("POST", SPAWN, body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{body}: {}", answer.body);
    }
    host.assert_empty("all were refused").await;
}

#[tokio::test]
async fn an_image_whose_layers_differ_is_not_the_releases() {
    let host = TestHost::new().await;
    for (layers, _) in host.engine.state().images.values_mut() {
        layers.push("sha256:00".into());
    }
    assert_eq!(host.ask("POST", SPAWN, HELLO).await.code(), "image_not_loaded");
    host.assert_empty("the image was refused").await;
}

#[tokio::test]
async fn a_volume_of_another_tenant_is_never_mounted() {
    let host = TestHost::new().await;
    host.engine.state().volumes.insert("convergence-tenant-1-files".into(), [].into());
    host.disks.held.lock().unwrap().insert("convergence-tenant-1-files".into(), 1);
    let answer = host.ask("POST", SPAWN, HELLO).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (502, "engine_failed"), "{}", answer.body);
    let state = host.engine.state();
    assert!(state.containers.is_empty());
    assert_eq!(state.volumes.keys().collect::<Vec<_>>(), ["convergence-tenant-1-files"], "it is not ours to remove");
}

#[tokio::test]
async fn volumes_that_a_killed_engine_was_making_are_removed_with_the_spawn() {
    let host = TestHost::new().await;
    for volume in ["files", "history"] {
        host.engine.state().volumes.insert(format!("convergence-tenant-1-{volume}"), [].into());
    }
    // Another installation's, which has labels, and a name that no tenant's volume has.
    for (volume, labels) in
        [("convergence-tenant-2-files", vec![("a", "b")]), ("convergence-tenant-1-files-copy", vec![])]
    {
        let labels = labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        host.engine.state().volumes.insert(volume.to_owned(), labels);
    }
    assert_eq!(host.ask("POST", SPAWN, HELLO).await.code(), "engine_failed");
    let left = ["convergence-tenant-1-files-copy", "convergence-tenant-2-files"];
    assert_eq!(host.engine.state().volumes.keys().collect::<Vec<_>>(), left);
}

/// What an engine holds of a tenant 1 that the database does not know.
fn put_stranger(host: &TestHost, labels: &Labels) {
    let name = "convergence-tenant-1".to_owned();
    let mut state = host.engine.state();
    let volumes = vec![format!("{name}-files")];
    let container = FakeContainer { labels: labels.clone(), volumes, ..FakeContainer::default() };
    state.volumes.insert(format!("{name}-files"), labels.clone());
    state.containers.insert(name.clone(), container);
    state.networks.insert(name.clone(), network(&name, labels));
}

/// A network at the lowest addresses of the pool.
fn network(name: &str, labels: &Labels) -> NetworkSpec {
    NetworkSpec {
        name: name.into(),
        bridge: "lft1".into(),
        subnet: "10.213.0.0/29".into(),
        gateway: Ipv4Addr::new(10, 213, 0, 1),
        labels: labels.clone(),
    }
}

fn assert_stranger(host: &TestHost, when: &str) {
    let state = host.engine.state();
    assert!(state.containers.contains_key("convergence-tenant-1"), "{when}: the container is gone");
    assert!(state.networks.contains_key("convergence-tenant-1"), "{when}: the network is gone");
    assert!(state.volumes.contains_key("convergence-tenant-1-files"), "{when}: the data is gone");
}

#[tokio::test]
async fn an_older_database_assigns_no_number_that_the_engine_knows() {
    let mut host = TestHost::lived_in().await;
    // The service that ran before has looked at the engine already.
    host.stop().await;
    host.start().await;
    let labels = [("io.landfall.tenant", "9"), ("io.landfall.instance", "0123456789abcdef")];
    put_stranger(&host, &host.labels(labels));
    host.engine.fail_next("list");
    assert_eq!(host.ask("POST", SPAWN, HELLO).await.code(), "engine_failed", "nothing is made unseen");
    assert_eq!(host.spawn("acme").await.number("/tenant/envId"), 10);
    assert_stranger(&host, "after a spawn");
}

#[tokio::test]
async fn an_undone_spawn_removes_only_what_it_created() {
    let host = TestHost::new().await;
    put_stranger(&host, &Labels::new());
    assert_eq!(host.ask("POST", SPAWN, HELLO).await.code(), "engine_failed");
    assert_stranger(&host, "after an undone spawn");
    let state = host.engine.state();
    assert_eq!((state.containers.len(), state.networks.len(), state.volumes.len()), (1, 1, 1));
}

#[tokio::test]
async fn addresses_of_other_networks_are_skipped() {
    let host = TestHost::new().await;
    host.engine.state().networks.insert("office".into(), network("office", &Labels::new()));
    host.spawn("acme").await;
    assert_eq!(host.engine.state().networks["convergence-tenant-1"].subnet, "10.213.0.8/29");
}

#[tokio::test]
async fn a_tenant_that_cannot_be_recorded_holds_no_port() {
    let host = TestHost::new().await;
    let database = rusqlite::Connection::open(host.database_folder().join("landfall.db")).unwrap();
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON environments BEGIN SELECT RAISE(ABORT, 'configured to fail'); END";
    database.execute_batch(refuse).unwrap();
    assert_eq!(host.ask("POST", SPAWN, HELLO).await.code(), "database_unavailable");
    let (first, _) = host.settings.tenant_ports;
    assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, first)).is_ok(), "the port is still held");
    host.assert_empty("nothing was recorded").await;
}

#[tokio::test]
async fn parallel_spawns_get_ports_subnets_and_keys_of_their_own() {
    let host = Arc::new(TestHost::new().await);
    let start = host.engine.hold("start");
    let mut spawning = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let host = Arc::clone(&host);
        spawning.spawn(async move { host.spawn("acme").await });
    }
    host.until("some are about to start", async |host| host.engine.state().containers.len() > 1).await;
    drop(start);
    let answers = spawning.join_all().await;
    let distinct = |pointer: &str| {
        answers.iter().map(|answer| answer.body.pointer(pointer).unwrap().to_string()).collect::<BTreeSet<_>>()
    };
    for pointer in ["/tenant/envId", "/tenant/port", "/tenant/apiKey"] {
        assert_eq!(distinct(pointer).len(), 12, "{pointer}");
    }
    let state = host.engine.state();
    let subnets: BTreeSet<_> = state.networks.values().map(|network| network.subnet.clone()).collect();
    assert_eq!((subnets.len(), state.containers.len()), (12, 12));
}

#[tokio::test]
async fn a_port_that_another_program_holds_is_skipped() {
    let host = TestHost::new().await;
    let (first, _) = host.settings.tenant_ports;
    let _held = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
    assert_ne!(host.spawn("acme").await.number("/tenant/port"), i64::from(first));
}

#[tokio::test]
async fn without_a_free_port_nothing_is_created() {
    let mut host = TestHost::stopped();
    host.settings.tenant_ports.1 = host.settings.tenant_ports.0;
    host.start().await;
    host.spawn("first").await;
    let answer = host.ask("POST", SPAWN, HELLO).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "no_free_port"));
    assert_eq!(host.engine.state().containers.len(), 1);
}

#[tokio::test]
async fn a_client_that_disconnects_leaves_a_whole_tenant() {
    let host = Arc::new(TestHost::new().await);
    let start = host.engine.hold("start");
    tokio::select! {
        _ = host.ask("POST", SPAWN, HELLO) => panic!("there is nothing to answer yet"),
        () = host.until("the tenant is made", async |host| !host.engine.state().containers.is_empty()) => {}
    }
    drop(start);
    host.until("the tenant runs", async |host| {
        let listed = host.ask("GET", "/api/v1/tenant", "").await;
        listed.body.pointer("/tenants/0/status").is_some_and(|status| status == "running")
    })
    .await;
    assert!(host.engine.state().containers["convergence-tenant-1"].started.is_some());
}
