//! Tenants do not use up the disk.

use crate::host::TestHost;
use landfall::controller::TenantStatus;
use landfall::disk::{Holding, Unnamed};
use landfall::store::Status;
use std::sync::atomic::Ordering;

const GIB: u64 = 1 << 30;
const FILES: [&str; 2] = ["convergence-tenant-1-files", "convergence-tenant-2-files"];

fn runs(host: &TestHost, tenant: u32) -> bool {
    let containers = &host.engine.state().containers;
    containers.get(&format!("convergence-tenant-{tenant}")).is_some_and(|container| container.started.is_some())
}

async fn status(host: &TestHost, tenant: u32) -> TenantStatus {
    let answer = host.ask("GET", &format!("/api/v1/tenant/{tenant}/status"), "").await;
    serde_json::from_value(answer.body).unwrap()
}

async fn reason(host: &TestHost, tenant: u32) -> String {
    status(host, tenant).await.stop_reason.unwrap_or_default()
}

/// A host with two tenants, which has measured them.
async fn host() -> TestHost {
    let mut host = TestHost::new().await;
    host.spawn("one").await;
    host.spawn("two").await;
    host.reconcile();
    host.until("both are measured", async |host| status(host, 2).await.disk_usage.is_some()).await;
    host
}

#[tokio::test]
async fn a_tenant_whose_volumes_hold_too_much_is_stopped_until_they_hold_less() {
    let mut host = host().await;
    host.disks.grow(FILES[0], 11 * GIB);
    host.until("it is stopped", async |host| !runs(host, 1)).await;
    host.until("its row says so", async |host| status(host, 1).await.status == Status::Stopped).await;
    let stopped = status(&host, 1).await;
    assert_eq!(stopped.disk_usage.as_deref(), Some("11811MB"));
    let why = stopped.stop_reason.unwrap();
    assert!(why.contains("more than 10.00 GiB (10737418240 bytes)") && why.contains("destroy it"), "{why}");
    let list = host.ask("GET", "/api/v1/tenant", "").await;
    assert_eq!(list.text("/tenants/0/stopReason"), why);
    assert!(list.body["tenants"][1]["stopReason"].is_null() && runs(&host, 2));
    assert_eq!(host.ask("GET", "/health", "").await.text("/status"), "ok", "there is room for others");

    // A service that starts anew does not start it either.
    host.stop().await;
    host.start().await;
    host.reconcile();
    host.until("the other one is adopted", async |host| status(host, 2).await.disk_usage.is_some()).await;
    host.until("it is known", async |host| !reason(host, 1).await.is_empty()).await;
    assert!(!runs(&host, 1));

    host.disks.held.lock().unwrap().clear();
    host.until("it is started", async |host| runs(host, 1)).await;
    assert_eq!(reason(&host, 1).await, "");
}

#[tokio::test]
async fn what_is_written_while_tenants_are_measured_for_the_first_time_is_seen() {
    let mut host = TestHost::new().await;
    host.disks.grown_when_counted.lock().unwrap().insert(FILES[0].to_owned(), 11 * GIB);
    host.spawn("one").await;
    host.reconcile();
    host.until("it is stopped", async |host| !runs(host, 1)).await;
}

#[tokio::test]
async fn a_raised_limit_lets_a_tenant_start_again() {
    let mut host = host().await;
    host.disks.grow(FILES[0], 11 * GIB);
    host.until("it is stopped", async |host| !runs(host, 1)).await;
    host.stop().await;
    host.settings.disk.tenant = 12 * GIB;
    host.start().await;
    host.reconcile();
    host.until("it is started", async |host| runs(host, 1)).await;
}

#[tokio::test]
async fn before_the_reserve_is_used_up_the_tenant_that_grows_most_is_stopped() {
    let host = host().await;
    host.disks.free.store(GIB + (200 << 20), Ordering::Relaxed);
    host.disks.grow(FILES[0], 1 << 20);
    // As long as it runs, more with each look; the other one writes little.
    host.until("it is stopped", async |host| {
        if runs(host, 2) {
            host.disks.grow(FILES[1], 1 << 20);
        }
        !runs(host, 2)
    })
    .await;
    let free = host.disks.free.load(Ordering::Relaxed);
    assert!(runs(&host, 1));
    let why = reason(&host, 2).await;
    assert!(why.contains("it took most") && why.contains("starts again when"), "{why}");
    println!("{} MiB above the reserve", (i64::try_from(free).unwrap() - (1 << 30)) >> 20);

    host.disks.free.store(GIB - 1, Ordering::Relaxed);
    let health = async |host: &TestHost| host.ask("GET", "/health", "").await;
    host.until("health says so", async |host| health(host).await.text("/disk") == "short").await;
    let degraded = health(&host).await;
    assert_eq!((degraded.status.as_u16(), degraded.text("/status")), (503, "degraded"));
    assert_eq!(degraded.text("/problems/0"), "the disk is short");
    let refused = host.ask("POST", "/api/v1/tenant/spawn", r#"{"name": "three", "language": "static"}"#).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (503, "disk_short"));
    assert!(runs(&host, 1), "it does not grow");

    host.disks.free.store(50 * GIB, Ordering::Relaxed);
    host.until("it is started", async |host| runs(host, 2)).await;
    assert_eq!(health(&host).await.text("/disk"), "ok");
}

#[tokio::test]
async fn a_tenant_that_fills_the_disk_with_files_without_a_name_is_stopped() {
    let host = host().await;
    let held = Holding { bytes: 99 * GIB + 1, files: 1, depth: 0 };
    let hidden = Unnamed { held, may_be_more: false };
    host.disks.unnamed.lock().unwrap().insert("convergence-tenant-2".to_owned(), hidden);
    host.disks.free.fetch_sub(held.bytes, Ordering::Relaxed);
    host.until("it is stopped", async |host| !runs(host, 2)).await;
    assert!(runs(&host, 1));
    // They went with its processes.
    host.disks.free.store(100 * GIB, Ordering::Relaxed);
    host.until("it is started", async |host| runs(host, 2)).await;
}

#[tokio::test]
async fn the_disk_is_watched_when_the_tenant_is_gone_by_whose_volume_it_was_found() {
    let host = host().await;
    assert_eq!(host.ask("DELETE", "/api/v1/tenant/1", "").await.status.as_u16(), 200);
    host.disks.gone.lock().unwrap().extend(["files", "history"].map(|name| format!("convergence-tenant-1-{name}")));
    host.disks.grow(FILES[1], 11 * GIB);
    host.until("the other one is stopped", async |host| !runs(host, 2)).await;
}

#[tokio::test]
async fn a_removed_tenant_is_forgotten() {
    let host = host().await;
    host.disks.grow(FILES[0], 11 * GIB);
    host.until("it is stopped", async |host| !runs(host, 1)).await;
    assert_eq!(host.ask("DELETE", "/api/v1/tenant/1", "").await.status.as_u16(), 200);
    assert_eq!(host.ask("GET", "/api/v1/tenant/1/status", "").await.code(), "not_found");
}
