//! Two installations on one engine: a host and a rehearsal of it, or two that share a machine.

use crate::host::TestHost;
use landfall::engine::{InstallationId, NetworkSpec};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// What an engine holds: the names of containers, networks and volumes.
fn held(host: &TestHost) -> Vec<String> {
    let state = host.engine.state();
    state.containers.keys().chain(state.networks.keys()).chain(state.volumes.keys()).cloned().collect()
}

#[tokio::test]
async fn each_leaves_alone_what_the_other_has() {
    let first = TestHost::new().await;
    first.spawn("acme").await;
    let of_first = held(&first);
    assert_eq!(of_first.len(), 4, "{of_first:?}");

    let mut second = TestHost::stopped();
    (second.engine, second.installation) = (Arc::clone(&first.engine), InstallationId::from_random([2; 16]));
    second.start().await;
    // Its database is new, and that the engine has tenants says nothing: they are none of its own.
    second.app().controller.check_database_is_this_hosts().await.unwrap();
    // A number and addresses that are free in the engine.
    let spawned = second.spawn("acme").await;
    assert_eq!(spawned.number("/tenant/envId"), 2);
    assert_eq!(second.engine.state().networks["convergence-tenant-2"].subnet, "10.213.0.8/29");

    // A round of the reconcile loop that lists everything: the orphan of its own shows when it is through.
    let orphan = NetworkSpec {
        name: "orphan".into(),
        bridge: "lft3".into(),
        subnet: "10.213.1.0/29".into(),
        gateway: Ipv4Addr::new(10, 213, 1, 1),
        labels: second.labels([("io.landfall.tenant", "3")]),
    };
    second.engine.state().networks.insert("orphan".into(), orphan);
    second.reconcile();
    second.until("the orphan is gone", async |host| !host.engine.state().networks.contains_key("orphan")).await;
    assert_eq!(second.ask("DELETE", "/api/v1/tenant/2", "").await.status, 200);
    assert_eq!(held(&first), of_first);
}

#[tokio::test]
async fn a_tenant_is_not_made_again_over_anothers_of_its_number() {
    let mut first = TestHost::new().await;
    first.spawn("acme").await;
    let of_first = held(&first);
    // A copy of the host, its database included, which has drawn an id of its own.
    first.installation = InstallationId::from_random([2; 16]);
    first.stop().await;
    first.start().await;
    first.reconcile();
    first
        .until("it is reported as stopped", async |host| {
            host.store().environments(None).await.unwrap()[0].status == landfall::store::Status::Stopped
        })
        .await;
    assert_eq!(held(&first), of_first);
}
