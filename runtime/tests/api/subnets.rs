//! Tenants' subnets lie beside all that the host, and an engine that was killed, use already.

use crate::host::TestHost;
use landfall::engine::Labels;
use std::net::Ipv4Addr;

const SPAWN: &str = "/api/v1/tenant/spawn";
const HELLO: &str = r#"{"name":"acme","language":"static"}"#;
const CONTAINER: &str = "convergence-tenant-1";

/// Tenant 1's subnet in the engine, in its container's address and in its row.
async fn subnets(host: &TestHost) -> [String; 3] {
    let row = host.store().environments(None).await.unwrap().remove(0);
    let state = host.engine.state();
    let address = state.containers[CONTAINER].spec.as_ref().unwrap().network.1;
    let around = landfall::network::Subnet::around(address).to_string();
    [state.networks[CONTAINER].subnet.clone(), around, row.decided.subnet.to_string()]
}

#[tokio::test]
async fn a_subnet_overlaps_no_route_and_no_address_of_the_host() {
    let host = TestHost::new().await;
    for network in ["10.213.0.0/28", "10.213.0.17/32", "192.168.0.0/16"] {
        host.routes.add(network);
    }
    host.spawn("acme").await;
    assert_eq!(subnets(&host).await, ["10.213.0.24/29"; 3]);
}

#[tokio::test]
async fn a_host_whose_own_network_covers_the_pool_gets_no_tenant_and_is_told_which_network() {
    let host = TestHost::new().await;
    host.routes.add("10.213.0.0/16");
    let answer = host.ask("POST", SPAWN, HELLO).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "no_free_subnet"));
    let message = answer.text("/error/message");
    assert!(message.contains("uses 10.213.0.0/16") && message.contains("[network] pool"), "{message}");
    host.assert_empty("it was refused").await;
    let health = host.ask_as_root("GET", "/health", "").await;
    assert_eq!((health.status.as_u16(), health.text("/status")), (503, "degraded"));
    assert_eq!((health.text("/engine"), health.text("/network")), ("ok", "unavailable"));
    assert!(health.text("/problems/0").contains("10.213.0.0/16"), "{}", health.body);
    // Over TCP anybody may ask, tenants too: the answer names none of the host's networks.
    let public = host.ask_with("GET", "/health", "", &[]).await;
    assert_eq!(public.text("/problems/0"), "no subnet is free for the next tenant");
}

#[tokio::test]
async fn subnets_that_the_engine_refuses_are_passed_over() {
    let host = TestHost::new().await;
    host.engine.state().stale_subnets = ["10.213.0.0/29", "10.213.0.8/29"].map(str::to_owned).into();
    host.spawn("acme").await;
    assert_eq!(subnets(&host).await, ["10.213.0.16/29"; 3]);
    assert_eq!(host.ask("GET", "/health", "").await.status, 200);
}

#[tokio::test]
async fn an_engine_that_refuses_every_subnet_is_named_and_nothing_is_left() {
    let mut host = TestHost::stopped();
    host.settings.pool = "10.213.0.0/28".parse().unwrap();
    host.start().await;
    host.engine.state().stale_subnets = ["10.213.0.0/29", "10.213.0.8/29"].map(str::to_owned).into();
    let answer = host.ask("POST", SPAWN, HELLO).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "no_free_subnet"));
    assert!(answer.text("/error/message").contains("restart the engine"), "{}", answer.body);
    host.assert_empty("it was refused").await;
    // The self-check goes the same way, and neither it nor health says that all is well.
    let checked = host.ask_as_root("POST", "/api/v1/selfcheck", "").await;
    assert_eq!(checked.body["ok"], false, "{}", checked.body);
    assert_eq!(host.ask("GET", "/health", "").await.text("/network"), "unavailable");
}

#[tokio::test]
async fn health_says_that_the_engine_makes_no_networks_until_it_does_again() {
    let mut host = TestHost::new().await;
    host.engine.state().failing.insert("create_network", u32::MAX);
    assert_eq!(host.ask("POST", SPAWN, HELLO).await.code(), "engine_failed");
    let health = host.ask("GET", "/health", "").await;
    assert_eq!((health.status.as_u16(), health.text("/network")), (503, "unavailable"));
    host.engine.state().failing.clear();
    host.reconcile();
    host.until("it is well again", async |host| host.ask("GET", "/health", "").await.status == 200).await;
    host.until("the trial is removed", async |host| host.engine.state().networks.is_empty()).await;
}

#[tokio::test]
async fn a_tenant_whose_subnet_something_else_took_is_made_again_in_another() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    host.stop().await;
    {
        let mut state = host.engine.state();
        state.containers.clear();
        state.networks.clear();
    }
    // What a killed engine leaves: the bridge and its route, and no network.
    host.routes.add("10.213.0.0/29");
    host.start().await;
    host.reconcile();
    host.until("it runs", async |host| host.engine.state().containers.contains_key(CONTAINER)).await;
    host.until("it is recorded", async |host| subnets(host).await == ["10.213.0.8/29"; 3]).await;
    assert_eq!(host.ask("GET", "/api/v1/tenant/1/status", "").await.text("/status"), "running");
    let hosts = host.engine.state().containers[CONTAINER].spec.as_ref().unwrap().hosts.clone();
    assert!(hosts.iter().all(|(_, address)| *address == Ipv4Addr::new(10, 213, 0, 9)), "{hosts:?}");
}

#[tokio::test]
async fn a_container_that_was_disconnected_from_its_network_is_made_again() {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    let labels: Labels = host.engine.state().networks[CONTAINER].labels.clone();
    host.engine.state().containers.get_mut(CONTAINER).unwrap().disconnected = true;
    host.reconcile();
    let connected = async |host: &TestHost| {
        host.engine.state().containers.get(CONTAINER).is_some_and(|container| !container.disconnected)
    };
    host.until("it is connected", connected).await;
    host.until("it runs", async |host| {
        host.engine.state().containers.get(CONTAINER).is_some_and(|container| container.started.is_some())
    })
    .await;
    assert_eq!(host.engine.state().networks[CONTAINER].labels, labels);
}
