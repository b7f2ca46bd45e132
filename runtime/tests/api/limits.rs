//! Limits that were changed in the settings reach tenants that exist, at the next start of the service.

use crate::host::TestHost;
use landfall::engine::ContainerSpec;

const CONTAINER: &str = "convergence-tenant-1";

fn spec(host: &TestHost) -> Option<ContainerSpec> {
    host.engine.state().containers.get(CONTAINER).and_then(|container| container.spec.clone())
}

/// A host with a tenant, whose service starts again after the limits were changed.
async fn restarted(keeps_limits: bool) -> TestHost {
    let mut host = TestHost::new().await;
    host.spawn("acme").await;
    host.stop().await;
    let limits = &mut host.settings.limits;
    (limits.memory, limits.nano_cpus, limits.pids) = (1 << 30, 500_000_000, 99);
    host.engine.state().keeps_limits = keeps_limits;
    host
}

#[tokio::test]
async fn changed_limits_reach_a_container_that_runs() {
    let mut host = restarted(false).await;
    let started = host.engine.state().containers[CONTAINER].started;
    host.start().await;
    host.reconcile();
    let has_them = async |host: &TestHost| {
        spec(host).is_some_and(|spec| (spec.memory, spec.nano_cpus, spec.pids) == (1 << 30, 500_000_000, 99))
    };
    host.until("it has them", has_them).await;
    assert_eq!(host.engine.state().containers[CONTAINER].started, started, "it ran on");
}

#[tokio::test]
async fn where_the_engine_cannot_change_them_the_container_is_made_again_around_its_volumes() {
    let mut host = restarted(true).await;
    let volumes = host.engine.state().volumes.clone();
    host.start().await;
    host.reconcile();
    host.until("it has them", async |host| spec(host).is_some_and(|spec| spec.memory == 1 << 30)).await;
    host.until("it runs", async |host| host.engine.state().containers[CONTAINER].started.is_some()).await;
    assert_eq!(host.engine.state().volumes, volumes);
}

#[tokio::test]
async fn a_tenant_is_served_with_its_old_limits_where_new_ones_fail() {
    let mut host = restarted(false).await;
    host.engine.fail_next("set_limits");
    host.start().await;
    host.reconcile();
    let is_checked = async |host: &TestHost| {
        let status = host.ask("GET", "/api/v1/tenant/1/status", "").await;
        status.body["lastCheck"].is_object()
    };
    host.until("it is checked", is_checked).await;
    assert_eq!(spec(&host).unwrap().memory, 4 << 30);
}
