//! Looking at tenants, and removing them.

use crate::host::{ADMIN, TestHost};
use http_body_util::BodyExt as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

#[tokio::test]
async fn a_status_has_the_documented_fields() {
    let host = TestHost::new().await;
    let port = host.spawn("acme").await.number("/tenant/port");
    let status = host.ask("GET", "/api/v1/tenant/1/status", "").await;
    assert_eq!((status.status.as_u16(), status.number("/envId"), status.number("/port")), (200, 1, port));
    assert_eq!((status.text("/name"), status.text("/status")), ("acme", "running"));
    assert_eq!((status.text("/containerName"), status.text("/image")), ("convergence-tenant-1", "hello"));
    assert_eq!((status.text("/memoryUsage"), status.text("/health")), ("128MB", "starting"));
    assert!(status.number("/uptime") >= 0 && status.text("/cpuUsage").ends_with('%'));
}

#[tokio::test]
async fn what_can_be_spawned_is_listed_before_any_tenant_exists() {
    let host = TestHost::new().await;
    let listed = host.ask("GET", "/api/v1/images", "").await;
    assert_eq!((listed.status.as_u16(), listed.text("/release")), (200, "1.2.3-4"));
    let offers = listed.body["images"].as_array().unwrap();
    assert_eq!(offers.len(), 3);
    let expected = serde_json::json!(
        { "name": "hello", "language": "static", "framework": null, "port": 8080, "health": "/health" }
    );
    assert_eq!(offers[0], expected);
    // Whatever is listed can be named in a spawn, where the engine holds it.
    let body = format!(r#"{{"name":"acme","baseImage":{}}}"#, offers[1]["name"]);
    assert_eq!(host.ask("POST", "/api/v1/tenant/spawn", &body).await.status, 201);
}

#[tokio::test]
async fn a_status_tells_how_a_container_ended_and_how_often_it_was_started_again() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    let status = async |host: &TestHost| host.ask("GET", "/api/v1/tenant/1/status", "").await;
    let fresh = status(&host).await;
    assert_eq!((&fresh.body["exitCode"], fresh.number("/restarts")), (&serde_json::Value::Null, 0));
    {
        let mut state = host.engine.state();
        state.ending = Some(7);
        state.containers.get_mut("convergence-tenant-1").unwrap().started = None;
    }
    host.reconcile();
    host.until("it was started in vain", async |host| status(host).await.number("/restarts") > 1).await;
    assert_eq!(status(&host).await.number("/exitCode"), 7);
}

#[tokio::test]
async fn a_status_needs_no_engine() {
    let host = TestHost::new().await;
    host.spawn("acme").await;
    host.engine.state().down = true;
    let status = host.ask("GET", "/api/v1/tenant/1/status", "").await;
    assert_eq!((status.status.as_u16(), status.text("/status")), (200, "running"));
    assert!(status.body["uptime"].is_null() && status.body["cpuUsage"].is_null());
}

#[tokio::test]
async fn logs_are_lines_with_their_time() {
    let host = TestHost::new().await;
    host.spawn("acme").await;
    let logs = host.ask("GET", "/api/v1/tenant/1/logs", "").await;
    assert_eq!(logs.body["logs"].as_array().unwrap().len(), 3);
    assert_eq!(logs.text("/logs/0"), "2026-11-22T00:00:01Z line 1");
    let last = host.ask("GET", "/api/v1/tenant/1/logs?tail=1", "").await;
    assert_eq!(last.body["logs"].as_array().unwrap().len(), 1);
    assert_eq!(last.text("/logs/0"), "2026-11-22T00:00:03Z line 3");
}

#[tokio::test]
async fn logs_of_a_tenant_that_is_being_removed_are_no_failure_of_the_engine() {
    let host = TestHost::new().await;
    host.spawn("acme").await;
    let logs = async || host.ask("GET", "/api/v1/tenant/1/logs", "").await;
    host.engine.state().failing.insert("remove_volume", 1);
    assert_eq!(host.ask("DELETE", "/api/v1/tenant/1", "").await.code(), "removal_pending");
    let answer = logs().await;
    assert_eq!((answer.status.as_u16(), answer.code()), (409, "being_removed"));
    assert_eq!(host.ask("DELETE", "/api/v1/tenant/1", "").await.status, 200);
    assert_eq!(logs().await.code(), "not_found");
    // Its container was removed by hand, and the reconcile loop has not made it again yet.
    host.spawn("next").await;
    host.engine.state().containers.clear();
    let answer = host.ask("GET", "/api/v1/tenant/2/logs", "").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (409, "no_container"));
}

#[tokio::test]
async fn a_tenant_whose_state_is_unknown_stops_no_other() {
    let mut host = TestHost::new().await;
    host.spawn("odd").await;
    host.spawn("plain").await;
    host.stop().await;
    let database = rusqlite::Connection::open(host.database_folder().join("landfall.db")).unwrap();
    database.execute("UPDATE environments SET status = 'paused' WHERE id = 1", []).unwrap();
    for container in host.engine.state().containers.values_mut() {
        container.started = None;
    }
    host.start().await;
    host.reconcile();
    let runs = |host: &TestHost, id: u32| {
        host.engine.state().containers[&format!("convergence-tenant-{id}")].started.is_some()
    };
    host.until("the other one runs", async |host| runs(host, 2)).await;
    assert!(!runs(&host, 1), "it is left as it is");
    let listed = host.ask("GET", "/api/v1/tenant", "").await;
    assert_eq!((listed.text("/tenants/0/status"), listed.text("/tenants/1/name")), ("unknown", "plain"));
    assert_eq!(host.spawn("third").await.number("/tenant/envId"), 3);
    assert_eq!(host.ask("DELETE", "/api/v1/tenant/1", "").await.status, 200, "it can be removed");
}

#[tokio::test]
async fn followed_logs_come_as_events_and_end_with_the_service() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    let token = format!("Bearer {ADMIN}");
    let path = "/api/v1/tenant/1/logs?follow=true&tail=2";
    let response = host.send("GET", path, "", &[("authorization", &token)]).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let lines = "data: 2026-11-22T00:00:02Z line 2\n\ndata: 2026-11-22T00:00:03Z line 3\n\n";
    let mut read = Vec::new();
    while read.len() < lines.len() {
        read.extend_from_slice(body.frame().await.unwrap().unwrap().data_ref().unwrap());
    }
    assert_eq!(String::from_utf8(read).unwrap(), lines);
    host.stop().await;
    assert_eq!(body.collect().await.unwrap().to_bytes(), "", "it ended with the service");
}

#[tokio::test]
async fn a_removal_removes_everything_once() {
    let host = TestHost::new().await;
    let port = host.spawn("acme").await.number("/tenant/port");
    host.spawn("other").await;
    let removed = host.ask("DELETE", "/api/v1/tenant/1", "").await;
    assert_eq!(removed.status, 200);
    assert_eq!(removed.body, serde_json::json!({ "success": true, "result": "Environment removed successfully" }));
    assert_eq!(host.ask("DELETE", "/api/v1/tenant/1", "").await.status, 404);
    assert_eq!(host.ask("GET", "/api/v1/tenant/1/status", "").await.status, 404);
    {
        let state = host.engine.state();
        assert_eq!((state.containers.len(), state.networks.len(), state.volumes.len()), (1, 1, 2));
    }
    // Port and subnet are free again, the number is not.
    let next = host.spawn("next").await;
    assert_eq!((next.number("/tenant/port"), next.number("/tenant/envId")), (port, 3));
}

#[tokio::test]
async fn a_removal_that_the_engine_fails_is_finished_later() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    host.engine.state().down = true;
    let removed = host.ask("DELETE", "/api/v1/tenant/1", "").await;
    assert_eq!((removed.status.as_u16(), removed.code()), (503, "removal_pending"));
    let status = host.ask("GET", "/api/v1/tenant/1/status", "").await;
    assert_eq!(status.text("/status"), "destroying");
    host.engine.state().down = false;
    host.reconcile();
    host.until("it is gone", async |host| host.store().environments(None).await.unwrap().is_empty()).await;
    host.assert_empty("the engine is back").await;
}

#[tokio::test]
async fn parallel_removals_do_not_disturb_each_other() {
    let host = TestHost::new().await;
    host.spawn("acme").await;
    let gate = host.engine.hold("remove_container");
    let remove = || host.ask("DELETE", "/api/v1/tenant/1", "");
    let begun = async {
        let listed = async |host: &TestHost| host.ask("GET", "/api/v1/tenant/1/status", "").await;
        host.until("one has begun", async |host| listed(host).await.text("/status") == "destroying").await;
        drop(gate);
    };
    let (first, second, ()) = tokio::join!(remove(), remove(), begun);
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404]);
    host.assert_empty("both are done").await;
}

/// A disk of 512 KiB, until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(&path).status();
        assert!(mounted.unwrap().success(), "this test mounts a small disk: run it as root");
        Self(path)
    }

    /// Leaves no room, and returns what to remove to make some.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut filler = std::fs::File::create(&path).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the database is open until the host is dropped, too.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// What needs root, for a small disk besides; `make check` leaves it out.
mod needs_root {
    use super::*;

    #[tokio::test]
    async fn health_says_at_once_that_the_databases_disk_is_full() {
        let mut host = TestHost::stopped();
        // It has less room than a tenant needs from the start.
        let _disk = SmallDisk::at(host.database_folder());
        host.start().await;
        let health = host.ask_as_root("GET", "/health", "").await;
        assert_eq!((health.status.as_u16(), health.text("/database")), (503, "unavailable"));
        assert_eq!((health.text("/engine"), health.text("/network")), ("ok", "ok"));
        assert!(health.text("/problems/0").contains("bytes free"), "{}", health.body);
    }

    #[tokio::test]
    async fn a_tenant_can_be_removed_on_a_full_disk() {
        let mut host = TestHost::stopped();
        let disk = SmallDisk::at(host.database_folder());
        host.start().await;
        host.spawn("acme").await;
        // The log is begun anew, so that the next write needs room at its end.
        let database = rusqlite::Connection::open(host.database_folder().join("landfall.db")).unwrap();
        database.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
        let filler = disk.fill();
        assert_eq!(
            host.ask("POST", "/api/v1/organizations", r#"{"name":"full"}"#).await.code(),
            "database_unavailable"
        );
        let gate = host.engine.hold("remove_network");
        let removed = host.ask("DELETE", "/api/v1/tenant/1", "");
        let freed = async {
            host.until("the data is gone", async |host| host.engine.state().volumes.is_empty()).await;
            std::fs::remove_file(filler).unwrap();
            drop(gate);
        };
        let (removed, ()) = tokio::join!(removed, freed);
        assert_eq!(removed.status, 200, "{}", removed.body);
        host.assert_empty("there is room again").await;
    }
}
