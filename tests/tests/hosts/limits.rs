//! A tenant that takes more than its share harms neither the host nor the others.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::{BundleFolder, Callers, Engine, Host, Installation, Publisher, Release, TIMEOUT, Tenant, tell};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Volumes on a small disk of their own.
const FAST_DISK: &str = "systemctl stop docker.socket docker && mkdir -p /var/lib/docker/volumes && \
                         mount -t tmpfs -o size=1536m,mode=0701 tmpfs /var/lib/docker/volumes && systemctl start docker";
const RESERVE: u64 = 512 << 20;
const FREE: &str = "stat -f -c '%a %S' /var/lib/docker/volumes";
/// The engine's CPU time, in hundredths of a second (proc_pid_stat(5)).
const ENGINE_TIME: &str = "cut -d' ' -f14,15 /proc/$(pidof dockerd)/stat";

#[test]
fn a_tenant_that_fills_the_disk_is_stopped_and_the_others_are_served() -> Result<()> {
    let engine = Engine::shared()?;
    let publisher = Publisher::new("limits")?;
    let bundles = BundleFolder::new("limits", &publisher)?;
    let images = [publisher.hello()?, publisher.slow_tenant()?];
    let bundle = bundles.put(&publisher.pack(&Release::new("1.0.0", 1, &images))?)?;
    let host = Host::boot(&engine, &[bundles.mount()])?;
    host.ok(FAST_DISK)?;
    let settings = ["update.healthy_for=1", "update.patience=600", "tenants.disk=1TiB", "tenants.disk_reserve=512MiB"];
    let installation = Installation::install_from_folder(&host, &bundle, &settings)?;
    let calm = installation.spawn(&json!({"name": "calm", "baseImage": "hello"}))?;
    let loud = installation.spawn(&json!({"name": "loud", "baseImage": "slow"}))?;
    ensure!(user(&host, &calm)? != user(&host, &loud)?, "both run as one user");
    host.ok(&format!("curl -fsS -X PUT -d kept http://127.0.0.1:{}/data/note", calm.port))?;

    let served = Callers { port: calm.port, path: "/data/note", number: 4 };
    let (calls, share) = served.during(&host, || flood(installation, &loud))?;
    calls.every_answer_was_whole()?;
    tell(format_args!(
        "a flood of output: the engine used {share:.0} % of a core, the slowest answer took {:?}",
        calls.slowest
    ));

    installation.destroy(&loud)?;

    let greedy = installation.spawn(&json!({"name": "greedy", "baseImage": "slow"}))?;
    let (calls, _) = served.during(&host, || fill(installation, &greedy))?;
    calls.every_answer_was_whole()?;
    ensure!(calls.other_status + calls.refused == 0, "{calls:?}");
    let free = free(&host)?;
    tell(format_args!(
        "a full disk: {} MiB are free, of which {} are the reserve; the slowest answer took {:?}",
        free >> 20,
        RESERVE >> 20,
        calls.slowest
    ));
    ensure!(free > 0, "it was stopped too late");

    installation.destroy(&greedy)?;
    host.until("curl -fsS http://127.0.0.1:3000/health")?;
    let hiding = installation.spawn(&json!({"name": "hiding", "baseImage": "slow"}))?;
    installation.visit(&hiding, "/hide")?;
    // Not until its status says so: its file goes with it, and then it starts again.
    until(installation, &hiding, took_most)?;
    installation.destroy(&hiding)?;

    host.until("curl -fsS http://127.0.0.1:3000/health")?;
    installation.spawn(&json!({"name": "next", "baseImage": "hello"}))?;
    ensure!(installation.visit(&calm, "/data/note")?.expect(200)?.body == "kept");
    Ok(())
}

/// Has the tenant write lines until it is slowed down; returns the share of a core that the engine then uses, in percent.
fn flood(installation: Installation<'_>, tenant: &Tenant) -> Result<f64> {
    installation.visit(tenant, "/flood")?.expect(200)?;
    until(installation, tenant, |status| status["warnings"][0].as_str().is_some_and(|text| text.contains("paused")))?;
    let (start, before) = (Instant::now(), engine_time(installation.host())?);
    std::thread::sleep(Duration::from_secs(10));
    Ok((engine_time(installation.host())? - before) / start.elapsed().as_secs_f64())
}

/// Has the tenant fill the disk until it is stopped; returns its status.
fn fill(installation: Installation<'_>, tenant: &Tenant) -> Result<Value> {
    installation.visit(tenant, "/fill")?;
    // The reason is known before the engine has killed it.
    until(installation, tenant, |status| took_most(status) && status["status"] == "stopped")
}

fn took_most(status: &Value) -> bool {
    status["stopReason"].as_str().is_some_and(|why| why.contains("it took most"))
}

fn until(installation: Installation<'_>, tenant: &Tenant, done: impl Fn(&Value) -> bool) -> Result<Value> {
    let start = Instant::now();
    loop {
        let status = installation.status(tenant)?;
        if done(&status) {
            return Ok(status);
        }
        ensure!(start.elapsed() < TIMEOUT, "{status}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn user(host: &Host, tenant: &Tenant) -> Result<String> {
    host.ok(&format!("docker inspect --format '{{{{.Config.User}}}}' {}", tenant.container))
}

fn free(host: &Host) -> Result<u64> {
    let output = host.ok(FREE)?;
    let (blocks, size) = output.trim().split_once(' ').context("no size")?;
    Ok(blocks.parse::<u64>()? * size.parse::<u64>()?)
}

fn engine_time(host: &Host) -> Result<f64> {
    let times = host.ask(ENGINE_TIME)?.ok()?.stdout;
    times.split_whitespace().map(|time| Ok(time.parse::<f64>()?)).sum()
}
