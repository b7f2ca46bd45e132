//! What an image needs: paths to write to, memory.

use crate::host::TestHost;
use landfall_manifests::Writable;

const SPAWN: &str = "/api/v1/tenant/spawn";
const HELLO: &str = r#"{"name":"acme","language":"static"}"#;
const CONTAINER: &str = "convergence-tenant-1";

/// A host whose image `hello` keeps `/var/lib/hello`.
async fn keeping() -> (TestHost, String) {
    let mut host = TestHost::stopped();
    let path: landfall_manifests::WritablePath = "/var/lib/hello".parse().unwrap();
    let volume = landfall::identity::EnvId(1).volume_at(&path);
    host.catalog.images[0].tenant.writable = vec![Writable::Volume { path }];
    host.start().await;
    (host, volume)
}

#[tokio::test]
async fn a_writable_path_that_is_kept_is_a_volume_of_the_tenants() {
    let (mut host, volume) = keeping().await;
    host.spawn("acme").await;
    let labels = host.engine.state().volumes[&volume].clone();
    assert_eq!(labels["io.landfall.tenant"], "1");
    assert_eq!(labels, host.engine.state().volumes["convergence-tenant-1-files"]);
    let mounted = host.engine.state().containers[CONTAINER].volumes.clone();
    assert!(mounted.contains(&volume), "{mounted:?}");
    // It is the same volume when the container is made again.
    host.stop().await;
    host.engine.state().containers.clear();
    host.start().await;
    host.reconcile();
    let runs = |host: &TestHost| host.engine.state().containers.contains_key(CONTAINER);
    host.until("it runs", async |host| runs(host)).await;
    assert_eq!(host.engine.state().volumes[&volume], labels);
    let status = host.ask("GET", "/api/v1/tenant/1/status", "").await;
    assert_eq!(status.body["warnings"], serde_json::json!([]));
    assert_eq!(host.ask("DELETE", "/api/v1/tenant/1", "").await.status, 200);
    host.assert_empty("it was destroyed").await;
}

#[tokio::test]
async fn a_kept_path_whose_volume_is_gone_is_reported_like_any_other() {
    let (mut host, volume) = keeping().await;
    host.spawn("acme").await;
    host.stop().await;
    {
        let mut state = host.engine.state();
        state.containers.clear();
        state.volumes.remove(&volume).unwrap();
    }
    host.start().await;
    host.reconcile();
    host.until("it runs", async |host| host.engine.state().containers.contains_key(CONTAINER)).await;
    let status = host.ask("GET", "/api/v1/tenant/1/status", "").await;
    let warnings = status.body["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{}", status.body);
    assert!(warnings[0].as_str().unwrap().starts_with(&format!("the volume {volume} was gone")), "{}", status.body);
}

#[tokio::test]
async fn an_image_that_needs_more_memory_than_a_tenant_may_use_is_not_spawned() {
    let mut host = TestHost::stopped();
    let limit = u64::try_from(host.settings.limits.memory).unwrap();
    host.catalog.images[0].tenant.memory = Some(limit);
    host.catalog.images[1].tenant.memory = Some(limit + 1);
    host.start().await;
    host.spawn("fits").await;
    let answer = host.ask("POST", SPAWN, &HELLO.replace("static", "node")).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "too_little_memory"));
    assert!(answer.text("/error/message").contains("raise [tenants] memory"), "{}", answer.body);
    assert_eq!(host.engine.state().containers.len(), 1);
}
