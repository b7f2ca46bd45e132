//! A tenant that takes more than its share harms neither the host nor the others.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::{
    BUNDLES, BundleFolder, CallStats, Callers, Engine, Host, Installation, Publisher, Release, TIMEOUT, Tenant, tell,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Volumes on a small disk of their own.
const FAST_DISK: &str = "systemctl stop docker.socket docker && mkdir -p /var/lib/docker/volumes && \
                         mount -t tmpfs -o size=1536m,mode=0701 tmpfs /var/lib/docker/volumes && systemctl start docker";
const RESERVE: u64 = 512 << 20;
const FREE: &str = "stat -f -c '%a %S' /var/lib/docker/volumes";
/// The engine's CPU time, in hundredths of a second (proc_pid_stat(5)).
const ENGINE_TIME: &str = "cut -d' ' -f14,15 /proc/$(pidof dockerd)/stat";
/// Counts what tenants begin to send, before any other table sees it.
const COUNT: &str = "nft 'table inet count { counter sent {}; chain first { type filter hook prerouting priority -400; \
                     iifname lft* udp dport 1-65535 counter name sent; \
                     iifname lft* tcp flags & (syn | ack) == syn counter name sent; }; }'";

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

#[test]
fn floods_by_one_tenant_and_at_its_port_cost_the_others_no_answer() -> Result<()> {
    let engine = Engine::shared()?;
    let publisher = Publisher::new("floods")?;
    let bundles = BundleFolder::new("floods", &publisher)?;
    let bundle = bundles.put(&publisher.pack(&Release::new("1.0.0", 1, &[publisher.slow_tenant()?]))?)?;
    let host = Host::boot(&engine, &[bundles.mount()])?;
    let settings = ["update.healthy_for=1", "update.patience=600"];
    let installation = Installation::install_from_folder(&host, &bundle, &settings)?;
    let spawn = |name: &str| installation.spawn(&json!({"name": name, "baseImage": "slow"}));
    let (calm, loud) = (spawn("calm")?, spawn("loud")?);
    let served = Callers { port: calm.port, path: "/take", number: 4 };
    host.ok(COUNT)?;

    // What the kernel counts by user.
    ensure!(installation.visit(&loud, "/take")?.status == 200, "the image cannot take anything");
    let (calls, ()) = served.during(&host, || {
        installation.visit(&loud, "/hoard")?.expect(200)?;
        ensure!(installation.visit(&loud, "/take")?.status == 507, "it could take more than all");
        Ok(())
    })?;
    every_answer_was_good(&calls)?;
    installation.destroy(&loud)?;

    for path in ["/call", "/scatter"] {
        let loud = spawn("loud")?;
        let (calls, ()) = served.during(&host, || {
            let before = sent(&host)?;
            installation.visit(&loud, path)?.expect(200)?;
            until_more(|| sent(&host), before + 5000)
        })?;
        every_answer_was_good(&calls)?;
        tell(format_args!("{path}: the slowest answer took {:?}", calls.slowest));
        installation.destroy(&loud)?;
    }

    let loud = spawn("loud")?;
    let flood = format!("{BUNDLES}/host-probe flood {} 20000", loud.port);
    let (calls, printed) = served.during(&host, || host.ok(&flood))?;
    every_answer_was_good(&calls)?;
    tell(format_args!("at its port, of 20000, {}: the slowest answer took {:?}", printed.trim(), calls.slowest));
    installation.visit(&loud, "/health")?.expect(200)?;
    Ok(())
}

fn every_answer_was_good(calls: &CallStats) -> Result<()> {
    calls.every_answer_was_whole()?;
    ensure!(calls.other_status + calls.refused == 0, "{calls:?}");
    Ok(())
}

/// How often tenants have begun to send something.
fn sent(host: &Host) -> Result<u64> {
    let listed = host.ok("nft list counter inet count sent")?;
    let packets = listed.split("packets ").nth(1).and_then(|rest| rest.split(' ').next());
    Ok(packets.context("no counter")?.parse()?)
}

/// Waits until a number exceeds another one.
fn until_more(number: impl Fn() -> Result<u64>, than: u64) -> Result<()> {
    let start = Instant::now();
    while number()? <= than {
        ensure!(start.elapsed() < TIMEOUT, "not more than {than}");
        std::thread::sleep(Duration::from_millis(100));
    }
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
