//! Releases that are broken, each in its own way: the host goes back by itself, and nothing of the tenants is lost or even touched.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::fault::Fault;
use landfall_tests::next::{Next, SCHEMA};
use landfall_tests::{
    BundleFolder, Dump, Engine, Host, Image, Installation, Output, Publisher, Release, Tenant, TenantData,
};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The seconds that a release has to become healthy which is not going to.
const SHORT: u64 = 5;

/// The same for one that fills the disk, which has to come so far first.
const LONGER: u64 = 30;

/// The same for a good one, on however slow a machine.
const LONG: u64 = 600;

/// A file system of its own for the database, so that a release that fills it fills nothing else.
const DATABASE_OF_ITS_OWN: &str =
    "mkdir -p /var/lib/landfall/db && mount -t tmpfs -o size=24m,mode=0700 db /var/lib/landfall/db";

/// The release that everything goes back to.
const OLD: &str = "1.0.0-1";

/// A host with the first release, a tenant with data, and a publisher of broken ones.
struct Fixture {
    publisher: Publisher,
    bundles: BundleFolder,
    images: Vec<Image>,
    host: Host,
    tenant: Tenant,
}

impl Fixture {
    /// What is in `prepare` is run on the host before anything is installed.
    fn new(name: &str, engine: &Arc<Engine>, prepare: &[&str]) -> Result<Self> {
        let publisher = Publisher::new(name)?;
        let bundles = BundleFolder::new(name, &publisher)?;
        let images = vec![publisher.hello()?];
        let first = bundles.put(&publisher.pack(&Release::new("1.0.0", 1, &images))?)?;
        let host = Host::boot(engine, &[bundles.mount()])?;
        for command in prepare {
            host.ok(command)?;
        }
        let installation =
            Installation::install_from_folder(&host, &first, &["update.healthy_for=1", "update.patience=600"])?;
        let tenant = installation.spawn(&json!({"name": "hello", "baseImage": "hello"}))?;
        installation.host().ok(&format!("curl -fsS -X PUT -d kept http://127.0.0.1:{}/data/note", tenant.port))?;
        installation.request("POST", "/api/v1/organizations", Some(r#"{"name": "acme"}"#))?.expect(201)?;
        Ok(Self { publisher, bundles, images, host, tenant })
    }

    fn installation(&self) -> Installation<'_> {
        Installation::on(&self.host)
    }

    fn deliver(&self, next: &Next) -> Result<String> {
        self.bundles.put(&next.pack(&self.publisher)?)
    }

    fn broken(&self, fault: Fault) -> Next {
        Next::broken(fault, &self.images)
    }

    /// Updates to the bundle of a good release.
    fn update(&self, bundle: &str) -> Result<Value> {
        self.installation().set_update("patience", LONG)?;
        self.installation().update(bundle)
    }

    /// Updates to `next`, which must leave the release that runs and all data as they were.
    fn reverts(&self, next: &Next) -> Result<Output> {
        self.reverts_at_all(next).with_context(|| next.id())
    }

    fn reverts_at_all(&self, next: &Next) -> Result<Output> {
        let installation = self.installation();
        let (bundle, before, data) = (self.deliver(next)?, installation.release()?, TenantData::of(installation)?);
        installation.set_update("patience", SHORT)?;
        let output = installation.installer(&format!("update {bundle} --yes"))?.exits(7)?;
        println!("{}: reverted in {:.1} s: {}", next.id(), output.took.as_secs_f64(), why(&output)?);
        installation.until_release(&before)?;
        data.are_untouched(installation)?;
        installation.visit(&self.tenant, "/data/note")?.expect(200)?;
        let status = installation.reports("status", 0)?;
        let (version, _) = before.rsplit_once('-').with_context(|| before.clone())?;
        ensure!(status["current"]["version"] == version && status["interrupted"].is_null(), "{status}");
        Ok(output)
    }
}

/// The first line of what the installer says about a failure.
fn why(output: &Output) -> Result<String> {
    let report: Value = serde_json::from_str(&output.stdout)?;
    let message = report["error"]["message"].as_str().with_context(|| output.text())?;
    Ok(message.lines().next().unwrap_or_default().to_owned())
}

/// A program that the bundler takes for one of this processor, and the kernel does not.
fn no_program(publisher: &Publisher) -> Result<PathBuf> {
    let mut bytes = std::fs::read(publisher.programs().hello()?)?;
    bytes.truncate(64);
    let path = publisher.file("no-program");
    std::fs::write(&path, bytes)?;
    Ok(path)
}

#[test]
fn a_release_that_does_not_become_healthy_is_reverted() -> Result<()> {
    let engine = Engine::shared()?;
    let fixture = Fixture::new("broken", &engine, &[DATABASE_OF_ITS_OWN])?;
    let faults = [
        Fault::ExitsAtOnce,
        Fault::MisunderstandsItsSettings,
        Fault::HangsBeforeReady,
        Fault::HangsAfterReady,
        Fault::AnswersUnhealthy,
        Fault::AnswersAsAnother,
        Fault::FailsItsSelfcheck,
    ];
    let mut broken: Vec<Next> = faults.into_iter().map(|fault| fixture.broken(fault)).collect();
    for (version, installer) in
        [("1.1.0-installer-fails", "/bin/false".into()), ("1.1.0-installer-is-none", no_program(&fixture.publisher)?)]
    {
        broken.push(Next::new(version, 2, &fixture.images).with_installer(installer));
    }
    all(broken.iter().map(|next| fixture.reverts(next).map(drop)))?;
    the_disk_is_full_and_stays_full(&fixture)?;
    let good = fixture.deliver(&Next::new("1.1.0", 2, &fixture.images))?;
    fixture.update(&good).context("a good release after all that")?;
    what_fails_after_it_is_not_held_against_it(&fixture)
}

/// A release that has yet to prove itself is not what failed when an update to the next one did.
fn what_fails_after_it_is_not_held_against_it(fixture: &Fixture) -> Result<()> {
    let faults = [Fault::ExitsAtOnce, Fault::MisunderstandsItsSettings, Fault::AnswersAsAnother];
    all(faults.into_iter().map(|fault| {
        let next = Next::new(&format!("1.2.0-{}", fault.word()), 3, &fixture.images).with(fault);
        fixture.reverts(&next).map(drop)
    }))
}

/// The release is reverted on the full disk; the old one says that it cannot write, and is well as soon as there is room again.
fn the_disk_is_full_and_stays_full(fixture: &Fixture) -> Result<()> {
    let installation = fixture.installation();
    let next = fixture.broken(Fault::FillsTheDisk);
    let (bundle, data) = (fixture.deliver(&next)?, TenantData::of(installation)?);
    installation.set_update("patience", LONGER)?;
    let output = installation.installer(&format!("update {bundle} --yes"))?.exits(7)?;
    println!("{}: reverted in {:.1} s: {}", next.id(), output.took.as_secs_f64(), why(&output)?);
    ensure!(installation.release()? == OLD, "{}", output.text());
    data.are_untouched(installation).context("while the disk is full")?;
    fixture.host.ok("df /var/lib/landfall/db | grep -q 100% && rm /var/lib/landfall/db/ballast")?;
    installation.until_release(OLD)?;
    installation.request("POST", "/api/v1/organizations", Some(r#"{"name": "room"}"#))?.expect(201).map(drop)
}

#[test]
fn a_migration_that_goes_wrong_is_found_before_anything_is_switched() -> Result<()> {
    let engine = Engine::shared()?;
    let fixture = Fixture::new("migrations", &engine, &[])?;
    let faults = [Fault::FailsToMigrate, Fault::LosesAColumn];
    all(faults.into_iter().map(|fault| {
        let started = started(&fixture.host)?;
        fixture.reverts(&fixture.broken(fault))?;
        ensure!(started == self::started(&fixture.host)?, "{}: the service was restarted", fault.word());
        Ok(())
    }))?;
    going_back_is_refused_where_it_would_lose_something(&fixture)?;
    a_crash_loop_after_the_commit_goes_back(&fixture)
}

/// Goes through all, and fails with all that failed.
fn all(outcomes: impl Iterator<Item = Result<()>>) -> Result<()> {
    let failures: Vec<String> = outcomes.filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

/// When the service that runs was started.
fn started(host: &Host) -> Result<String> {
    host.ok("systemctl show --property ExecMainStartTimestampMonotonic landfall")
}

fn going_back_is_refused_where_it_would_lose_something(fixture: &Fixture) -> Result<()> {
    let installation = fixture.installation();
    let output = fixture.reverts(&fixture.broken(Fault::CannotGoBack).with(Fault::ExitsAtOnce))?;
    ensure!(output.stdout.contains("ordered to fail"), "not the release's own last words: {}", output.text());
    let next = Next::new("1.1.0-one-way", 2, &fixture.images).with(Fault::CannotGoBack);
    let (bundle, data) = (fixture.deliver(&next)?, TenantData::of(installation)?);
    let planned = installation.reports(&format!("plan {bundle}"), 0)?;
    let database = &planned["plan"]["changes"]["database"];
    ensure!(database["reversible"] == false, "the plan does not say that the migration is irreversible: {planned}");
    fixture.update(&bundle)?;
    installation.reports("rollback --yes", 5)?;
    ensure!(installation.release()? == next.id(), "a rollback was refused, and yet {OLD} runs");
    installation.request("POST", "/api/v1/organizations", Some(r#"{"name": "late"}"#))?.expect(201)?;
    installation.reports("rollback --restore-snapshot --yes", 0)?;
    installation.until_release(OLD)?;
    data.are_untouched(installation).context("as of the snapshot")?;
    let aside = format!("/var/lib/landfall/db/landfall.db.aside-schema-{SCHEMA}");
    fixture.host.ok(&format!("test -s {aside}")).context("what was set aside")?;
    Ok(())
}

fn a_crash_loop_after_the_commit_goes_back(fixture: &Fixture) -> Result<()> {
    let installation = fixture.installation();
    let next = Next::new("1.1.1", 3, &fixture.images).with(Fault::CrashLoopsOnceCommitted);
    let bundle = fixture.deliver(&next)?;
    let data = TenantData::of(installation)?;
    let updated = fixture.update(&bundle)?;
    ensure!(updated["release"] == next.id(), "{updated}");
    let took = installation.until_release(OLD)?;
    println!("{}: back {:.1} s after its commit, unattended", next.id(), took.as_secs_f64());
    data.are_untouched(installation)?;
    let status = until_settled(installation)?;
    ensure!(status["current"]["version"] == "1.0.0", "{status}");
    ensure!(Dump::of(&fixture.host)?.schema == u64::from(SCHEMA - 1), "the database was not brought back");
    // It stays there.
    let started = started(&fixture.host)?;
    std::thread::sleep(Duration::from_secs(5));
    ensure!(started == self::started(&fixture.host)?, "{OLD} does not stay up");
    Ok(())
}

/// What the installer says once nothing is under way any more.
fn until_settled(installation: Installation<'_>) -> Result<Value> {
    installation.host().until("landfall-installer status --json | grep -q '\"interrupted\": null'")?;
    installation.reports("status", 0)
}
