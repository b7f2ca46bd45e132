//! Moving on and back on an isolated host: tenants live through it, and whatever interrupts it, the host runs exactly the old or
//! exactly the new release.

use anyhow::{Context as _, Result, anyhow, ensure};
use landfall_tests::next::{Next, SCHEMA};
use landfall_tests::{
    BundleFolder, Callers, Dump, Engine, FileList, Host, Installation, Publisher, Release, Tenant, TenantData,
    workspace,
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What an operator sets for a quick test.
const SETTINGS: [&str; 2] = ["update.healthy_for=1", "update.patience=600"];

/// What the service writes now and then.
const DATABASE: [&str; 4] = [
    "/var/lib/landfall/db/landfall.db",
    "/var/lib/landfall/db/landfall.db-wal",
    "/var/lib/landfall/db/landfall.db-shm",
    "/var/lib/landfall/db/healthy",
];

/// A setting's line as our releases have it by default.
const CPUS: &str = "cpus = 2.0";

/// The releases of a product, each with a `hello` of its own and the same `slow`.
struct Line {
    publisher: Publisher,
    bundles: BundleFolder,
    /// 1.0.0-1, of our own runtime.
    first: String,
    /// 1.1.0-2: schema 2, and a default that changed.
    second: String,
}

impl Line {
    fn new(name: &str) -> Result<Self> {
        let publisher = Publisher::new(name)?;
        let bundles = BundleFolder::new(name, &publisher)?;
        let images = [publisher.hello_of("1.0.0")?, publisher.slow_tenant()?];
        let first = bundles.put(&publisher.pack(&Release::new("1.0.0", 1, &images))?)?;
        let mut line = Self { publisher, bundles, first, second: String::new() };
        let settings = line.defaults_with(CPUS, "cpus = 1.5")?;
        line.second = line.next("1.1.0", 2, |next| next.with_settings(settings))?;
        Ok(line)
    }

    /// Puts a next release into the folder.
    fn next(&self, version: &str, serial: u64, change: impl FnOnce(Next) -> Next) -> Result<String> {
        let images = [self.publisher.hello_of(version)?, self.publisher.slow_tenant()?];
        self.bundles.put(&change(Next::new(version, serial, &images)).pack(&self.publisher)?)
    }

    /// Our default settings, changed in one line.
    fn defaults_with(&self, line: &str, instead: &str) -> Result<PathBuf> {
        let text = std::fs::read_to_string(workspace::root().join("host/config.toml"))?;
        ensure!(text.contains(line), "host/config.toml has no line {line}");
        let file = self.publisher.file(&format!("{}.toml", instead.replace(' ', "")));
        std::fs::write(&file, text.replace(line, instead))?;
        Ok(file)
    }
}

/// The tenants of the operator.
struct Tenants {
    hello: Tenant,
    slow: Tenant,
}

impl Tenants {
    fn spawn(installation: Installation<'_>) -> Result<Self> {
        let hello = installation.spawn(&json!({"name": "hello", "baseImage": "hello"}))?;
        let slow = installation.spawn(&json!({"name": "slow", "baseImage": "slow"}))?;
        write(installation, &hello, "note", "before the update")?;
        installation.request("POST", "/api/v1/organizations", Some(r#"{"name": "acme"}"#))?.expect(201)?;
        Ok(Self { hello, slow })
    }
}

fn write(installation: Installation<'_>, tenant: &Tenant, name: &str, text: &str) -> Result<()> {
    let url = format!("http://127.0.0.1:{}/data/{name}", tenant.port);
    installation.host().ok(&format!("curl -fsS --max-time 600 -X PUT -d '{text}' {url}")).map(drop)
}

#[test]
fn tenants_keep_running_through_updates_and_rollbacks() -> Result<()> {
    let engine = Engine::shared()?;
    let line = Line::new("update")?;
    let host = Host::boot(&engine, &[line.bundles.mount()])?;
    let before = FileList::of(&host)?;
    let installation = Installation::install_from_folder(&host, &line.first, &SETTINGS)?;
    let tenants = Tenants::spawn(installation)?;

    host.ok("landfall-installer config set tenants.pids=256")?;
    unusable_settings_are_refused(installation, &line)?;
    the_plan_is_what_happens(installation, &line.second, || serves_meanwhile(installation, &tenants, &line.second))?;
    settings_are_layered(installation)?;
    runs(installation, "1.1.0-2", &["1.0.0-1"], SCHEMA)?;

    let late = installation.spawn(&json!({"name": "late", "baseImage": "hello"}))?;
    write(installation, &late, "note", "after the switch")?;
    let data = TenantData::of(installation)?;
    installation.roll_back()?;
    runs(installation, "1.0.0-1", &["1.1.0-2"], SCHEMA - 1)?;
    data.are_untouched(installation).context("after the rollback")?;
    installation.update(&line.second)?;
    runs(installation, "1.1.0-2", &["1.0.0-1"], SCHEMA)?;
    data.are_untouched(installation).context("after the second update")?;
    restarts_use_up_no_try_and_failures_do(installation, "1.1.0-2")?;

    // Ten good minutes are not waited for: otherwise one more release is kept.
    host.ok("echo 1.1.0-2 > /var/lib/landfall/db/proven")?;
    let third = line.next("1.2.0", 3, |next| next)?;
    installation.update(&third)?;
    runs(installation, "1.2.0-3", &["1.1.0-2"], SCHEMA)?;
    data.are_untouched(installation).context("after the third release")?;
    the_oldest_is_collected(installation, &tenants)?;
    let refused = installation.reports(&format!("update {} --yes", line.first), 5)?;
    ensure!(refused["error"]["message"].as_str().is_some_and(|text| text.contains("serial")), "{refused}");

    its_last_image_goes_with_its_last_tenant(installation, &tenants.hello)?;
    ensure!(host.ok("systemctl is-system-running")?.trim() == "running", "the system is degraded");
    installation.leaves_no_trace(&[tenants.slow, late], &before)
}

/// A value of the operator's that the next release does not take.
fn unusable_settings_are_refused(installation: Installation<'_>, line: &Line) -> Result<()> {
    let host = installation.host();
    let files = || FileList::of(host).map(|files| files.without_content(&DATABASE));
    host.ok("echo 'memory = \"lots\"' >> /etc/landfall/config.toml")?;
    let (before, tenants) = (files()?, TenantData::of(installation)?);
    let refused = installation.reports(&format!("update {} --yes", line.second), 2)?;
    ensure!(refused["error"]["message"].as_str().is_some_and(|text| text.contains("lots")), "{refused}");
    tenants.are_untouched(installation)?;
    let difference = before.difference(&files()?);
    ensure!(difference.is_empty(), "refused, and yet\n{difference}");
    host.ok("landfall-installer config unset tenants.memory").map(drop)
}

/// What the operator changed and what the release changed, both; the operator's file is the operator's.
fn settings_are_layered(installation: Installation<'_>) -> Result<()> {
    let file = installation.host().ok("cat /etc/landfall/config.toml")?;
    ensure!(file.contains("pids = 256") && !file.contains("cpus"), "{file}");
    let shown = installation.reports("config show", 0)?;
    for (key, value, origin) in [
        ("tenants.pids", "256", "operator"),
        ("tenants.cpus", "1.5", "release"),
        ("update.healthy_for", "1", "operator"),
    ] {
        let expected = json!({"key": key, "value": value, "origin": origin});
        ensure!(shown["settings"].as_array().is_some_and(|all| all.contains(&expected)), "no {expected} in {shown}");
    }
    Ok(())
}

fn the_plan_is_what_happens(
    installation: Installation<'_>,
    bundle: &str,
    act: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let planned = installation.reports(&format!("plan {bundle}"), 0)?;
    let before = Store::of(installation)?;
    act()?;
    let after = Store::of(installation)?;
    let staged = json!({"count": after.blobs - before.blobs, "bytes": after.bytes - before.bytes});
    ensure!(planned["plan"]["stage"] == staged, "staged {staged}, and planned {planned}");
    Ok(())
}

/// A release on trial may be restarted as often as somebody likes; what kills it counts against it.
fn restarts_use_up_no_try_and_failures_do(installation: Installation<'_>, release: &str) -> Result<()> {
    let host = installation.host();
    let left = || Ok::<_, anyhow::Error>(installation.reports("status", 0)?["tries"]["left"].clone());
    ensure!(left()? == 5, "{} tries are left after the update", left()?);
    // Some of them before the service is healthy, and even before it is ready.
    for restart in ["restart", "restart", "restart --no-block", "restart --no-block", "restart", "restart", "restart"] {
        host.ok(&format!("systemctl {restart} landfall"))?;
    }
    installation.until_release(release)?;
    ensure!(left()? == 5, "{} tries are left after restarts", left()?);
    host.until("grep -qx \"$(systemctl show --value -p InvocationID landfall)\" /var/lib/landfall/db/healthy")?;
    host.ok("systemctl kill --kill-who main --signal KILL landfall")?;
    host.until("landfall-installer status --json | grep -q '\"left\": 4'").context("after it was killed")?;
    installation.until_release(release).map(drop)
}

/// What lies in the store.
struct Store {
    blobs: u64,
    bytes: u64,
}

impl Store {
    fn of(installation: Installation<'_>) -> Result<Self> {
        let sizes = installation.host().ok("find /var/lib/landfall/store/sha256 -type f -printf '%s\\n'")?;
        let sizes = sizes.lines().map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        Ok(Self { blobs: sizes.len().try_into()?, bytes: sizes.iter().sum() })
    }
}

/// Clients keep asking a tenant, and others hold answers of two seconds open, while the release changes.
fn serves_meanwhile(installation: Installation<'_>, tenants: &Tenants, bundle: &str) -> Result<()> {
    let (host, data) = (installation.host(), TenantData::of(installation)?);
    let quick = Callers { port: tenants.hello.port, path: "/", number: 2 };
    let slow = Callers { port: tenants.slow.port, path: "/slow/2000", number: 2 };
    let (holding, (asking, updated)) = slow.during(host, || quick.during(host, || installation.update(bundle)))?;
    println!("callers of a tenant during the update: {asking:?}\nand those of two seconds: {holding:?}");
    asking.every_answer_was_whole()?;
    holding.every_answer_was_whole()?;
    ensure!(updated["changed"] == true && updated["from"] == "1.0.0-1" && updated["release"] == "1.1.0-2", "{updated}");
    data.are_untouched(installation).context("after the update")
}

/// Holds what answers, what the installer says, and what the database is against what must be.
fn runs(installation: Installation<'_>, current: &str, kept: &[&str], schema: u32) -> Result<()> {
    installation.until_release(current)?;
    let status = installation.reports("status", 0)?;
    let id = |release: &Value| format!("{}-{}", release["version"].as_str().unwrap_or_default(), release["serial"]);
    let others: Vec<String> = status["kept"].as_array().into_iter().flatten().map(id).collect();
    ensure!(id(&status["current"]) == current && others == kept, "{current} with {kept:?} kept: {status}");
    ensure!(status["interrupted"].is_null(), "{status}");
    let found = Dump::of(installation.host())?.schema;
    ensure!(found == u64::from(schema), "{current} has a database of schema {found}");
    Ok(())
}

/// Nothing is left of 1.0.0 but the image that a tenant was made from, which can be made anew.
fn the_oldest_is_collected(installation: Installation<'_>, tenants: &Tenants) -> Result<()> {
    let host = installation.host();
    let releases = host.ok("ls /opt/landfall/releases")?;
    ensure!(releases == "1.1.0-2\n1.2.0-3\n", "{releases}");
    let wanted = host.ok("cat /opt/landfall/releases/*/landfall.json")?;
    let stored = host.ok("ls /var/lib/landfall/store/sha256")?;
    let strays: Vec<&str> = stored.lines().filter(|blob| !wanted.contains(blob)).collect();
    ensure!(strays.is_empty() && !stored.is_empty(), "blobs that no release needs: {strays:?}");
    let tags = host.ok("docker image ls --format '{{.Repository}}:{{.Tag}}' 'landfall.local/*/acme/slow'")?;
    ensure!(!tags.contains(":1.0.0-1"), "{tags}");
    host.ok(&format!("docker rm --force {}", tenants.hello.container))?;
    host.until(&format!("docker inspect {}", tenants.hello.container))?;
    installation.until_running(&tenants.hello)?;
    let kept = installation.visit(&tenants.hello, "/data/note")?.expect(200)?;
    ensure!(kept.body == "before the update", "{kept:?}");
    Ok(())
}

/// An image that is kept for a tenant alone goes with the next change of the release after that tenant.
fn its_last_image_goes_with_its_last_tenant(installation: Installation<'_>, tenant: &Tenant) -> Result<()> {
    let image = installation.host().ok(&format!("docker inspect --format '{{{{.Image}}}}' {}", tenant.container))?;
    installation.destroy(tenant)?;
    installation.roll_back()?;
    runs(installation, "1.1.0-2", &["1.2.0-3"], SCHEMA)?;
    let left = installation.host().run(&format!("docker image inspect {}", image.trim()))?;
    ensure!(left.code != 0, "no release and no tenant needs it: {}", left.stdout);
    Ok(())
}

#[test]
fn an_update_loses_its_power_and_another_its_stick() -> Result<()> {
    let engine = Engine::shared()?;
    let line = Line::new("interrupted")?;
    let host = Host::boot(&engine, &[line.bundles.mount()])?;
    let installation = Installation::install_from_folder(&host, &line.first, &SETTINGS)?;
    let tenants = Tenants::spawn(installation)?;
    let data = TenantData::of(installation)?;

    killed_after_the_switch(installation, &line.second)?;
    host.reboot()?;
    runs(installation, "1.0.0-1", &[], SCHEMA - 1)?;
    installation.until_running(&tenants.hello)?;
    installation.until_running(&tenants.slow)?;
    data.are_kept(installation).context("after the reboot")?;

    installation.set_update("healthy_for", 1)?;
    let data = TenantData::of(installation)?;
    without_a_stick_from_the_stage_on(installation, &line.second)?;
    runs(installation, "1.1.0-2", &["1.0.0-1"], SCHEMA)?;
    data.are_untouched(installation).context("after the update whose stick was taken")
}

/// Updates as a unit of systemd, and kills that while it waits for the new release to have been healthy long enough.
fn killed_after_the_switch(installation: Installation<'_>, bundle: &str) -> Result<()> {
    let host = installation.host();
    installation.set_update("healthy_for", 600)?;
    host.ok(&format!("systemd-run --quiet --collect --unit updating landfall-installer update {bundle} --yes"))?;
    installation.until_step("probe")?;
    host.ok("systemctl kill --signal KILL updating")?;
    ensure!(installation.reports("status", 0)?["interrupted"] == "update", "the update was not interrupted");
    Ok(())
}

/// Updates from a stick on which not a byte is left, and which is pulled out, as soon as all is staged.
fn without_a_stick_from_the_stage_on(installation: Installation<'_>, bundle: &str) -> Result<()> {
    let host = installation.host();
    let stick = "/media/stick";
    host.ok(&format!("mkdir {stick} && mount -t tmpfs stick {stick} && cp {bundle} {stick}/bundle.tar"))?;
    std::thread::scope(|scope| {
        let updating = scope.spawn(|| installation.update(&format!("{stick}/bundle.tar")));
        installation.until_step("load")?;
        host.ok(&format!("truncate --size 0 {stick}/bundle.tar && umount --lazy {stick} && rmdir {stick}"))?;
        updating.join().map_err(|_| anyhow!("the update's thread panicked"))?.map(drop)
    })
}
