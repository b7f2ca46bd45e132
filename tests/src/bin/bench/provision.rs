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

/// Commands that only look.
const LOOKS: [&str; 5] = [
    "landfall health",
    "landfall tenant list",
    "landfall-installer status",
    "landfall-installer config show",
    "landfall-installer plan --help",
];

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let release = Release { images: vec![bench.publisher.hello()?], ..bench.release.clone() };
    let (stick, bundle) = bench.publisher.deliver(&bench.engine, &release)?;
    let host = Host::boot(&bench.engine, &[stick.read_only()])?;
    let installation = Installation::install(&host, &bundle)?;

    let first = installation.spawn(&request("image"))?;
    let image = host.ok(&format!("docker inspect -f {{{{.Image}}}} {}", first.container))?;
    let spawning = in_turn(|| spawn(installation), || bare(&host, image.trim()))?;
    let together = in_turn(|| spawn_together(installation), || bare_together(&host, image.trim()))?;
    let healthy = repeated(|| until_healthy(installation))?;
    let tenants =
        (0..TENANTS - 1).map(|n| installation.spawn(&request(&format!("t{n}")))).collect::<Result<Vec<Tenant>>>()?;
    ensure!(tenants.len() + 1 == TENANTS, "{} tenants", tenants.len() + 1);
    let memory = resident(&host)?;
    let looking = LOOKS.map(|command| repeated(|| seconds_on(&host, command)));
    let slowest = looking.into_iter().collect::<Result<Vec<f64>>>()?.into_iter().fold(0.0, f64::max);
    let answering = repeated(|| start(&host))?;
    Ok(vec![
        against("spawn to `running`", "create network, two volumes and container, start", [1.1, 1.3], spawning),
        against("ten spawns at a time", "the same calls", [1.1, 1.4], together),
        at_most("spawn to healthy", "s", 5.0, healthy),
        at_most("memory of the runtime with ten tenants", "MiB", 30.0, memory),
        at_most("start of the runtime to `/health`", "s", 0.3, answering),
        at_most("the slowest command that only looks, with ten tenants", "s", 0.05, slowest),
    ])
}

fn request(name: &str) -> serde_json::Value {
    json!({"name": name, "baseImage": "hello"})
}

/// From the request until the API says that the tenant runs.
fn spawn(installation: Installation<'_>) -> Result<f64> {
    let took = seconds_on(installation.host(), &spawn_call(0))?;
    destroy(installation, 0)?;
    Ok(took)
}

/// Ten requests at a time, until the API has said so of all.
fn spawn_together(installation: Installation<'_>) -> Result<f64> {
    let took = seconds_on(installation.host(), &together(spawn_call))?;
    (0..TENANTS).try_for_each(|number| destroy(installation, number))?;
    Ok(took)
}

fn spawn_call(number: usize) -> String {
    format!(
        "curl -fsS -H \"Authorization: Bearer $(cat /etc/landfall/admin.token)\" -H 'Content-Type: application/json' \
         -d '{}' -o /run/spawned{number} {API}/api/v1/tenant/spawn",
        request(&format!("timed{number}"))
    )
}

/// The tenant that the call with this number has spawned.
fn destroy(installation: Installation<'_>, number: usize) -> Result<()> {
    let spawned = installation.host().ok(&format!("cat /run/spawned{number} && rm /run/spawned{number}"))?;
    let tenant = &serde_json::from_str::<serde_json::Value>(&spawned)?["tenant"];
    ensure!(tenant["status"] == "running", "{spawned}");
    let id = tenant["envId"].as_u64().context("no envId")?;
    installation.request("DELETE", &format!("/api/v1/tenant/{id}"), None)?.expect(200)?;
    Ok(())
}

/// What makes the same objects, by calls of the engine's API one after the other, by one curl.
fn bare(host: &Host, image: &str) -> Result<f64> {
    let took = seconds_on(host, &bare_calls(image, 0))?;
    remove_bare(host, 0)?;
    Ok(took)
}

/// Ten times these, at a time.
fn bare_together(host: &Host, image: &str) -> Result<f64> {
    let took = seconds_on(host, &together(|number| bare_calls(image, number)))?;
    (0..TENANTS).try_for_each(|number| remove_bare(host, number))?;
    Ok(took)
}

fn bare_calls(image: &str, number: usize) -> String {
    let name = format!("bare{number}");
    let subnet = format!("10.99.{number}.0/29");
    let network = json!({"Name": name, "Internal": true, "IPAM": {"Config": [{"Subnet": subnet}]}});
    let volumes = ["files", "history"].map(|volume| format!("{name}-{volume}"));
    let mounts = volumes
        .each_ref()
        .map(|volume| json!({"Type": "volume", "Source": volume, "Target": format!("/app/{volume}")}));
    let container = json!({"Image": image, "HostConfig": {"NetworkMode": name, "Mounts": mounts}});
    let post = |path: &str, body: &serde_json::Value| {
        format!(
            "-fsS --unix-socket /run/docker.sock -H 'Content-Type: application/json' -d '{body}' 'http://engine/{path}'"
        )
    };
    let [files, history] = volumes.map(|volume| post("volumes/create", &json!({"Name": volume})));
    let calls = [
        post("networks/create", &network),
        files,
        history,
        post(&format!("containers/create?name={name}"), &container),
        post(&format!("containers/{name}/start"), &json!({})),
    ];
    format!("curl {}", calls.join(" --next "))
}

fn remove_bare(host: &Host, number: usize) -> Result<()> {
    let name = format!("bare{number}");
    let volumes = format!("docker volume rm {name}-files {name}-history");
    host.ok(&format!("docker rm --force {name} && docker network rm {name} && {volumes}")).map(drop)
}

/// A command that runs ten at a time, and ends with the last of them.
fn together(call: impl Fn(usize) -> String) -> String {
    let calls: String = (0..TENANTS).map(|number| call(number) + " & ").collect();
    format!("{calls}wait")
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
