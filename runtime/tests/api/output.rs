//! A tenant that writes output without end costs the others little.

use crate::host::TestHost;
use std::fs::File;

const CONTAINER: &str = "convergence-tenant-1";

fn is_paused(host: &TestHost) -> bool {
    host.engine.state().containers[CONTAINER].paused
}

#[tokio::test]
async fn a_tenant_that_floods_its_log_is_paused_in_between_and_never_for_good() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let log = File::create(&path).unwrap();
    host.engine.state().containers.get_mut(CONTAINER).unwrap().log = Some(path);
    host.reconcile();
    let mut size = 0;
    host.until("it is paused", async |host| {
        size += 1 << 20;
        log.set_len(size).unwrap();
        is_paused(host)
    })
    .await;
    let status = host.ask("GET", "/api/v1/tenant/1/status", "").await;
    assert_eq!(status.text("/status"), "running");
    assert!(status.text("/warnings/0").contains("paused in between"), "{}", status.body);
    host.until("it goes on", async |host| !is_paused(host)).await;

    // A service that stops lets it go on, and one that was killed meanwhile is followed by one that does.
    host.until("it is paused again", async |host| {
        size += 1 << 20;
        log.set_len(size).unwrap();
        is_paused(host)
    })
    .await;
    host.stop().await;
    assert!(!is_paused(&host));
    host.engine.state().containers.get_mut(CONTAINER).unwrap().paused = true;
    host.start().await;
    host.reconcile();
    host.until("it goes on", async |host| !is_paused(host)).await;
}
