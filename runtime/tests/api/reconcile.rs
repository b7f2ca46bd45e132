//! The engine is made to agree with the database after a crash of either.

use crate::host::{TestHost, catalog};
use landfall::engine::NetworkSpec;
use landfall::engine::fake::FakeContainer;
use landfall::identity::{KeyHash, KeyNonce, OrgId};
use landfall::store::{NewEnvironment, Status};
use std::net::Ipv4Addr;

const CONTAINER: &str = "convergence-tenant-1";

fn runs(host: &TestHost) -> bool {
    host.engine.state().containers.get(CONTAINER).is_some_and(|container| container.started.is_some())
}

#[tokio::test]
async fn a_container_that_ended_is_started_again() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    host.stop().await;
    host.engine.state().containers.get_mut(CONTAINER).unwrap().started = None;
    host.start().await;
    host.reconcile();
    host.until("it runs", async |host| runs(host)).await;
}

#[tokio::test]
async fn a_missing_container_is_created_again_with_the_same_key_and_volumes() {
    let mut host = TestHost::new().await;
    let key = host.spawn("acme").await.text("/tenant/apiKey").to_owned();
    host.stop().await;
    {
        let mut state = host.engine.state();
        state.containers.clear();
        state.networks.clear();
    }
    let volumes = host.engine.state().volumes.clone();
    host.start().await;
    host.reconcile();
    host.until("it runs", async |host| runs(host)).await;
    let state = host.engine.state();
    let spec = state.containers[CONTAINER].spec.clone().unwrap();
    assert!(spec.env.contains(&format!("CONVERGENCE_API_KEY={key}")));
    assert_eq!(state.volumes, volumes);
}

#[tokio::test]
async fn volumes_that_were_removed_by_hand_are_reported_as_long_as_the_new_ones_exist() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    let status = async |host: &TestHost| host.ask("GET", "/api/v1/tenant/1/status", "").await;
    assert_eq!(status(&host).await.body["warnings"], serde_json::json!([]));
    host.stop().await;
    {
        let mut state = host.engine.state();
        state.containers.clear();
        state.volumes.remove("convergence-tenant-1-files").unwrap();
    }
    host.start().await;
    host.reconcile();
    host.until("it runs", async |host| runs(host)).await;
    let warned = async |host: &TestHost| {
        let answer = status(host).await;
        let warnings = answer.body["warnings"].as_array().unwrap().clone();
        warnings.len() == 1
            && warnings[0].as_str().unwrap().starts_with("the volume convergence-tenant-1-files was gone")
    };
    assert!(warned(&host).await, "{}", status(&host).await.body);
    // A restart of the service, and the next time that the container is made again, lose nothing of that.
    host.stop().await;
    host.engine.state().containers.clear();
    host.start().await;
    host.reconcile();
    host.until("it runs again", async |host| runs(host)).await;
    assert!(warned(&host).await, "{}", status(&host).await.body);
}

#[tokio::test]
async fn a_missing_network_is_created_again() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    host.stop().await;
    {
        let mut state = host.engine.state();
        state.containers.get_mut(CONTAINER).unwrap().started = None;
        state.networks.clear();
    }
    host.start().await;
    host.reconcile();
    host.until("it runs", async |host| runs(host)).await;
    assert!(host.engine.state().networks.contains_key(CONTAINER));
}

#[tokio::test]
async fn tenants_are_started_when_the_engine_is_back() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    host.stop().await;
    {
        let mut state = host.engine.state();
        state.down = true;
        state.containers.get_mut(CONTAINER).unwrap().started = None;
    }
    host.start().await;
    host.reconcile();
    host.until("it was asked in vain", async |host| host.engine.state().unanswered > 0).await;
    host.engine.state().down = false;
    host.until("it runs", async |host| runs(host)).await;
}

#[tokio::test]
async fn a_spawn_that_a_crash_interrupted_is_undone() {
    let mut host = TestHost::new().await;
    host.stop().await;
    let image = catalog().images[0].clone();
    let new = NewEnvironment {
        org: OrgId::DEFAULT,
        name: "acme".into(),
        port: host.settings.tenant_ports.0,
        subnet: "10.213.0.0/29".parse().unwrap(),
        nonce: KeyNonce::random().unwrap(),
        key_hash: KeyHash::of("key"),
        image,
    };
    let labels = host.labels([("io.landfall.instance", &new.key_hash.to_hex()[..16])]);
    let row = host.store().insert_environment(new).await.unwrap();
    assert_eq!(row.status, Status::Provisioning);
    host.engine.state().volumes.insert("convergence-tenant-1-files".into(), labels);
    host.start().await;
    host.reconcile();
    host.until("it is gone", async |host| host.store().environments(None).await.unwrap().is_empty()).await;
    host.assert_empty("the crash is cleaned up").await;
}

#[tokio::test]
async fn an_orphan_is_removed_and_its_data_kept() {
    let mut host = TestHost::lived_in().await;
    let orphan = host.labels([("io.landfall.tenant", "7")]);
    host.engine.state().networks.insert(
        "convergence-tenant-7".into(),
        NetworkSpec {
            name: "convergence-tenant-7".into(),
            bridge: "lft7".into(),
            subnet: "10.213.0.0/29".into(),
            gateway: Ipv4Addr::new(10, 213, 0, 1),
            labels: orphan.clone(),
        },
    );
    host.engine.state().volumes.insert("convergence-tenant-7-files".into(), orphan);
    host.reconcile();
    host.until("the network is gone", async |host| host.engine.state().networks.is_empty()).await;
    assert!(host.engine.state().volumes.contains_key("convergence-tenant-7-files"));
    // A new tenant never finds another tenant's data under its own number.
    assert_eq!(host.spawn("acme").await.number("/tenant/envId"), 8);
}

#[tokio::test]
async fn a_database_that_never_had_tenants_removes_none_of_those_that_the_engine_holds() {
    for kind in ["container", "network", "volume"] {
        let mut host = TestHost::new().await;
        host.spawn("acme").await;
        host.stop().await;
        {
            let mut state = host.engine.state();
            match kind {
                "container" => {}
                "network" => state.containers.clear(),
                _ => {
                    state.containers.clear();
                    state.networks.clear();
                }
            }
        }
        let counts = |host: &TestHost| {
            let state = host.engine.state();
            (state.containers.len(), state.networks.len(), state.volumes.len())
        };
        let before = counts(&host);
        for entry in std::fs::read_dir(host.database_folder()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        host.start().await;
        let controller = host.app().controller;
        let refused = controller.check_database_is_this_hosts().await.unwrap_err().to_string();
        assert!(refused.contains("the database was lost"), "{kind}: {refused}");
        let spawned = host.ask("POST", "/api/v1/tenant/spawn", r#"{"name":"next","language":"static"}"#).await;
        assert_eq!((spawned.status.as_u16(), spawned.code()), (503, "database_lost"), "{kind}");
        // The service ends by this error.
        let lost = tokio::time::timeout(std::time::Duration::from_mins(5), controller.reconcile()).await.unwrap();
        assert!(lost.to_string().contains("the database was lost"), "{kind}: {lost}");
        assert_eq!(counts(&host), before, "{kind}");
    }
}

#[tokio::test]
async fn an_orphan_is_found_whatever_its_name() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    let orphan = |number: &str| {
        let container = host.engine.state().containers[CONTAINER].clone();
        FakeContainer { labels: host.labels([("io.landfall.tenant", number)]), ..container }
    };
    let (renamed, marked) = (orphan("7"), orphan("9223372036854775807"));
    host.engine.state().containers.insert("renamed".into(), renamed);
    host.engine.state().containers.insert("marked".into(), marked);
    host.reconcile();
    host.until("it is gone", async |host| !host.engine.state().containers.contains_key("renamed")).await;
    assert!(host.engine.state().containers.contains_key("marked"), "no tenant has this number");
    assert_eq!(host.spawn("next").await.number("/tenant/envId"), 8, "the numbers are used up");
}

#[tokio::test]
async fn a_container_is_not_created_again_with_another_key() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    host.stop().await;
    std::fs::remove_file(host.database_folder().join("tenant-keys.secret")).unwrap();
    host.engine.state().containers.clear();
    host.start().await;
    host.reconcile();
    host.until("it is reported as stopped", async |host| {
        host.store().environments(None).await.unwrap()[0].status == Status::Stopped
    })
    .await;
    let state = host.engine.state();
    assert_eq!((state.containers.len(), state.networks.len(), state.volumes.len()), (0, 1, 2));
}

#[tokio::test]
async fn a_container_of_the_same_number_from_before_a_restore_is_replaced() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    host.stop().await;
    let other_tenant = "0000000000000000".to_owned();
    let before = {
        let mut state = host.engine.state();
        let container = state.containers.get_mut(CONTAINER).unwrap();
        container.labels.insert("io.landfall.instance".into(), other_tenant.clone())
    };
    host.start().await;
    host.reconcile();
    host.until("it is replaced", async |host| {
        let state = host.engine.state();
        state
            .containers
            .get(CONTAINER)
            .is_some_and(|container| container.labels.get("io.landfall.instance") == before.as_ref())
    })
    .await;
}

#[tokio::test]
async fn a_tenant_keeps_its_port_across_a_restart() {
    let mut host = TestHost::new().await;
    let port = host.spawn("acme").await.number("/tenant/port");
    host.stop().await;
    host.start().await;
    let listed = host.ask("GET", "/api/v1/tenant", "").await;
    assert_eq!(listed.number("/tenants/0/port"), port);
    let port = u16::try_from(port).unwrap();
    assert!(tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok());
}
