//! The engine is killed while tenants are provisioned: what was acknowledged serves, and nothing else is left.

use anyhow::{Context as _, Result, bail, ensure};
use landfall_tests::{BundleFolder, Engine, Host, Installation, Publisher, Release, SeededRng, Tenant};
use serde_json::json;
use std::thread;
use std::time::Duration;

/// How many spawns are in flight when the engine is killed.
const AT_ONCE: usize = 10;
/// In how many rounds the engine is killed, unless `LANDFALL_ENGINE_DEATHS` says otherwise.
const ROUNDS: usize = 3;
/// The kill comes at a random moment of the time that so many spawns take here.
const SPAWNS_TAKE_MS: usize = 4000;

/// systemd gives a service that was killed often no further start.
const KILL: &str = "systemctl reset-failed docker; systemctl kill --signal KILL docker && \
                    until docker version >/dev/null 2>&1; do systemctl start docker; sleep 0.2; done";

#[test]
fn an_engine_killed_during_spawns_poisons_nothing() -> Result<()> {
    let engine = Engine::shared()?;
    let publisher = Publisher::new("engine-deaths")?;
    let bundles = BundleFolder::new("engine-deaths", &publisher)?;
    let bundle = bundles.put(&publisher.pack(&Release::new("1.0.0", 1, &[publisher.hello()?]))?)?;
    let host = Host::boot(&engine, &[bundles.mount()])?;
    let installation = Installation::install_from_folder(&host, &bundle, &[])?;
    let mut rng = SeededRng::seeded("LANDFALL_ENGINE_DEATHS_SEED")?;
    let rounds = std::env::var("LANDFALL_ENGINE_DEATHS").ok().map_or(Ok(ROUNDS), |number| number.parse())?;
    for round in 1..=rounds {
        let moment = Duration::from_millis(rng.below(SPAWNS_TAKE_MS).try_into()?);
        let acknowledged = killed_during_spawns(installation, round, moment)?;
        println!("round {round}: killed after {} ms, {} acknowledged", moment.as_millis(), acknowledged.len());
        settles(installation, acknowledged).with_context(|| format!("round {round}, {} ms", moment.as_millis()))?;
    }
    Ok(())
}

/// The tenants that were acknowledged, of [`AT_ONCE`] that are spawned while the engine is killed.
fn killed_during_spawns(installation: Installation<'_>, round: usize, moment: Duration) -> Result<Vec<Tenant>> {
    thread::scope(|scope| {
        let spawns: Vec<_> = (0..AT_ONCE)
            .map(|number| scope.spawn(move || installation.try_spawn(&request(&format!("{round}-{number}")))))
            .collect();
        thread::sleep(moment);
        installation.host().ok(KILL)?;
        let mut acknowledged = Vec::new();
        for spawn in spawns {
            let Ok(tenant) = spawn.join() else { bail!("a spawn panicked") };
            acknowledged.extend(tenant?);
        }
        Ok(acknowledged)
    })
}

fn request(name: &str) -> serde_json::Value {
    json!({"name": name, "baseImage": "hello"})
}

/// Every acknowledged tenant serves; where the service calls itself well, one more can be spawned; and once all are
/// destroyed, no container, volume, network, bridge or route of them is left.
fn settles(installation: Installation<'_>, mut tenants: Vec<Tenant>) -> Result<()> {
    let host = installation.host();
    for tenant in &tenants {
        host.until(&format!("curl -fsS --max-time 60 http://127.0.0.1:{}/health", tenant.port))
            .with_context(|| format!("{} was acknowledged", tenant.container))?;
    }
    host.until("curl -fsS --max-time 60 http://127.0.0.1:3000/health")?;
    let another = installation.try_spawn(&request("another"))?.context("the service is well, and spawns nothing")?;
    host.until(&format!("curl -fsS --max-time 60 http://127.0.0.1:{}/health", another.port))?;
    tenants.push(another);
    for tenant in &tenants {
        installation.destroy(tenant)?;
    }
    for (what, list) in [
        ("containers", "docker ps --all --quiet"),
        ("volumes", "docker volume ls --quiet"),
        ("networks", "docker network ls --format '{{.Name}}' | grep -vxE 'bridge|host|none'"),
        ("bridges", "ip -brief link | grep ^lft"),
        ("routes", "ip route | grep lft"),
    ] {
        // What a spawn left that came to nothing is removed by the next look at the engine.
        let none = format!("test -z \"$({list})\"");
        host.until(&none).with_context(|| format!("{what} are left: {:?}", host.run(list).map(|left| left.stdout)))?;
    }
    let left = installation.request("GET", "/api/v1/tenant?org_id=1", None)?.expect(200)?.json()?;
    ensure!(left["tenants"].as_array().is_some_and(Vec::is_empty), "{left}");
    Ok(())
}
