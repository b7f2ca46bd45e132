//! Hosts that never had a container engine: `install` brings it from the bundle's packages, and nothing of it is left when it is gone.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::{Engine, Host, Installation, Platform, Publisher, Release, STICK, Stick};
use serde_json::json;
use std::sync::Arc;

/// What dpkg knows.
const PACKAGES: &str = "dpkg-query --show --showformat='${db:Status-Abbrev} ${Package} ${Version}\\n'";
const INSTALLED: &str = "/var/lib/landfall";

/// A stick with a release of one tenant and Docker's packages for `systems`, each with its code name unless it is this machine's own.
fn stick(engine: &Arc<Engine>, name: &str, systems: &[(&str, Option<&str>)]) -> Result<(Stick, String)> {
    let publisher = Publisher::new(name)?;
    let tables = systems.iter().map(|(system, suite)| publisher.docker_packages(system, *suite));
    let more = tables.collect::<Result<String>>()?;
    publisher.deliver(engine, &Release { more, ..Release::new("1.0.0", 1, &[publisher.hello()?]) })
}

fn command(bundle: &str, words: &str) -> String {
    format!("{STICK}/landfall-installer {words} {STICK}/{bundle} --trust {STICK}/landfall.pub")
}

#[test]
fn a_bare_debian_12_gets_docker_from_the_bundle_and_is_rid_of_it_again() -> Result<()> {
    let engine = Engine::shared()?;
    let (stick, bundle) = stick(&engine, "packages-12", &[("debian 12", None)])?;
    let host = Host::boot_on(Platform::Bare, &engine, &[stick.read_only()])?;
    is_asked_for(&host, &bundle)?;
    comes_and_goes(&host, &bundle)
}

#[test]
fn a_bare_debian_13_does_too() -> Result<()> {
    let engine = Engine::shared()?;
    let systems = [("debian 12", None), ("debian 13", Some("trixie"))];
    let (stick, bundle) = stick(&engine, "packages-13", &systems)?;
    let host = Host::boot_on(Platform::Debian13Bare, &engine, &[stick.read_only()])?;
    comes_and_goes(&host, &bundle)
}

#[test]
fn an_installation_that_is_killed_while_dpkg_works_is_undone() -> Result<()> {
    let engine = Engine::shared()?;
    let (stick, bundle) = stick(&engine, "packages-killed", &[("debian 12", None)])?;
    let host = Host::boot_on(Platform::Bare, &engine, &[stick.read_only()])?;
    let before = host.ok(PACKAGES)?;
    // How far dpkg comes depends on the machine: early, in the middle, and when it is done or nearly so.
    for seconds in ["0", "0.3", "1", "2", "4", "8"] {
        let install = command(&bundle, "install --packages");
        let journal = format!("{INSTALLED}/state/journal.json");
        host.run(&format!(
            "{install} & installer=$!; until grep -q '\"packages\"' {journal} 2>/dev/null || ! kill -0 $installer; do sleep 0.02; done; \
             sleep {seconds}; kill -KILL $installer"
        ))?;
        let recovered = host.run(&format!("{STICK}/landfall-installer recover"))?;
        ensure!(recovered.code == 0, "after {seconds} s: {}", recovered.text());
        is_as_before(&host, &before).with_context(|| format!("killed after {seconds} s: {}", recovered.text()))?;
    }
    host.ok(&command(&bundle, "install --packages")).map(drop)
}

/// Nothing is installed by itself, and each answer says what to do.
fn is_asked_for(host: &Host, bundle: &str) -> Result<()> {
    let before = host.ok(PACKAGES)?;
    for (words, reason) in
        [("install", "--packages installs them"), ("install --no-packages --yes", "--no-packages refuses")]
    {
        let refused = host.run(&command(bundle, words))?;
        ensure!(refused.code == 6 && refused.text().contains(reason), "{words}: {}", refused.text());
    }
    let plan = host.ok(&command(bundle, "plan"))?;
    ensure!(plan.contains("package  docker.io ") && plan.contains("package  runc "), "{plan}");
    // A host that calls itself otherwise.
    host.ok("sed -i.was 's/VERSION_ID=.*/VERSION_ID=\"11\"/' /usr/lib/os-release")?;
    let other = host.run(&command(bundle, "install --packages"))?;
    let expected = "packages for debian 12, and this host is debian 11";
    ensure!(other.code == 6 && other.text().contains(expected), "{}", other.text());
    host.ok("mv /usr/lib/os-release.was /usr/lib/os-release")?;
    is_as_before(host, &before)
}

/// Installs, has a tenant answer, also after a reboot; keeps the engine without `--purge`, and takes it away with it.
fn comes_and_goes(host: &Host, bundle: &str) -> Result<()> {
    let before = host.ok(PACKAGES)?;
    host.ok(&command(bundle, "install --packages"))?;
    let installation = Installation::on(host);
    let tenant = installation.spawn(&json!({"name": "first", "language": "rust", "framework": "hello"}))?;
    installation.visit(&tenant, "/health")?.expect(200)?;
    installation.reports("status", 0)?;
    host.reboot()?;
    installation.until_running(&tenant)?;
    installation.visit(&tenant, "/health")?.expect(200)?;

    host.ok("landfall-installer uninstall --yes")?;
    ensure!(host.ok(PACKAGES)?.contains("docker.io"), "the engine is gone without --purge");
    // It is there now, and is used as any other.
    host.ok(&command(bundle, "install"))?;
    let tenant = installation.spawn(&json!({"name": "second", "language": "rust", "framework": "hello"}))?;
    installation.visit(&tenant, "/health")?.expect(200)?;
    host.ok("landfall-installer uninstall --purge --yes")?;
    is_as_before(host, &before)
}

/// No package more or less, no engine, nothing of Landfall's.
fn is_as_before(host: &Host, before: &str) -> Result<()> {
    let after = host.ok(PACKAGES)?;
    let differs = |one: &str, other: &str| -> Vec<String> {
        one.lines().filter(|line| !other.lines().any(|known| known == *line)).map(str::to_owned).collect()
    };
    let (more, fewer) = (differs(&after, before), differs(before, &after));
    ensure!(more.is_empty() && fewer.is_empty(), "packages came: {more:?}; went: {fewer:?}");
    let left = "ls -d /var/lib/landfall /run/docker.sock /opt/landfall /etc/landfall 2>/dev/null; ls /var/lib/docker";
    let left = host.run(left)?.stdout;
    ensure!(left.is_empty(), "left: {left}");
    Ok(())
}
