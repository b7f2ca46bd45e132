//! The runtime: spawning against the bare calls of the engine, memory with ten tenants, time to the first answer.

use crate::measure::{mebibytes, seconds_on};
use crate::table::{Row, in_turn, repeated};
use crate::{Bench, against, at_most};
use anyhow::{Context as _, Result, ensure};
use landfall_tests::{API, Host, Installation, Release, Tenant};
use serde_json::json;
use std::time::Instant;

/// How many tenants there are when the runtime's memory is measured.
const TENANTS: usize = 10;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let release = Release { images: vec![bench.publisher.hello()?], ..bench.release.clone() };
    let (stick, bundle) = bench.publisher.deliver(&bench.engine, &release)?;
    let host = Host::boot(&bench.engine, &[stick.read_only()])?;
    let installation = Installation::install(&host, &bundle)?;

    let first = installation.spawn(&request("image"))?;
    let image = host.ok(&format!("docker inspect -f {{{{.Image}}}} {}", first.container))?;
    let spawning = in_turn(|| spawn(installation), || bare(&host, image.trim()))?;
    let healthy = repeated(|| until_healthy(installation))?;
    let tenants =
        (0..TENANTS - 1).map(|n| installation.spawn(&request(&format!("t{n}")))).collect::<Result<Vec<Tenant>>>()?;
    ensure!(tenants.len() + 1 == TENANTS, "{} tenants", tenants.len() + 1);
    let memory = resident(&host)?;
    let answering = repeated(|| start(&host))?;
    Ok(vec![
        against("spawn to `running`", "network create, container create, start", 1.3, spawning),
        at_most("spawn to healthy", "s", 5.0, healthy),
        at_most("memory of the runtime with ten tenants", "MiB", 30.0, memory),
        at_most("start of the runtime to `/health`", "s", 0.3, answering),
    ])
}

fn request(name: &str) -> serde_json::Value {
    json!({"name": name, "baseImage": "hello"})
}

/// From the request until the API says that the tenant runs.
fn spawn(installation: Installation<'_>) -> Result<f64> {
    let curl = format!(
        "curl -fsS -H \"Authorization: Bearer $(cat /etc/landfall/admin.token)\" -H 'Content-Type: application/json' \
         -d '{}' -o /run/spawned {API}/api/v1/tenant/spawn; grep '\"running\"' /run/spawned",
        request("timed")
    );
    let took = seconds_on(installation.host(), &curl)?;
    let spawned = installation.host().ok("cat /run/spawned")?;
    let id = serde_json::from_str::<serde_json::Value>(&spawned)?["tenant"]["envId"].as_u64().context("no envId")?;
    installation.request("DELETE", &format!("/api/v1/tenant/{id}"), None)?.expect(200)?;
    Ok(took)
}

/// The same calls of the engine's API, one after the other, by one curl.
fn bare(host: &Host, image: &str) -> Result<f64> {
    let network = json!({"Name": "bare", "Internal": true, "IPAM": {"Config": [{"Subnet": "10.99.0.0/29"}]}});
    let container = json!({"Image": image, "HostConfig": {"NetworkMode": "bare"}});
    let post = |path: &str, body: &serde_json::Value| {
        format!(
            "-fsS --unix-socket /run/docker.sock -H 'Content-Type: application/json' -d '{body}' 'http://engine/{path}'"
        )
    };
    let calls = [
        post("networks/create", &network),
        post("containers/create?name=bare", &container),
        post("containers/bare/start", &json!({})),
    ];
    let took = seconds_on(host, &format!("curl {}", calls.join(" --next ")))?;
    host.ok("docker rm --force bare && docker network rm bare")?;
    Ok(took)
}

/// From the request until the tenant answers 200 on its health page at its port.
fn until_healthy(installation: Installation<'_>) -> Result<f64> {
    let start = Instant::now();
    let tenant = installation.spawn(&request("healthy"))?;
    // Without a pause: the time ends with the first good answer.
    while installation.visit(&tenant, "/health")?.status != 200 {}
    let took = start.elapsed().as_secs_f64();
    installation.destroy(&tenant)?;
    Ok(took)
}

/// The runtime's resident memory, in MiB.
fn resident(host: &Host) -> Result<f64> {
    let pid = "$(systemctl show --property MainPID --value landfall)";
    let printed = host.ok(&format!("sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/{pid}/status"))?;
    mebibytes(&printed)
}

/// From `systemctl start` to the first answer of `/health`.
fn start(host: &Host) -> Result<f64> {
    host.ok("systemctl stop landfall")?;
    seconds_on(host, &format!("systemctl start landfall; until curl -fsS {API}/health; do :; done"))
}
