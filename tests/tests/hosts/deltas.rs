//! An isolated host that says what it has, and is updated by a bundle without that.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::{BundleFolder, Engine, Host, Image, Installation, Publisher, Release, TenantData};
use serde_json::json;
use std::path::{Path, PathBuf};

const SETTINGS: [&str; 2] = ["update.healthy_for=1", "update.patience=600"];
const HOST_KEY: &str = "/var/lib/landfall/state/host.pub";

/// Writes what a command on the host prints into the publisher's folder, as a stick would carry it.
fn carry_out(host: &Host, command: &str, publisher: &Publisher, name: &str) -> Result<PathBuf> {
    let file = publisher.file(name);
    std::fs::write(&file, host.ok(command)?).with_context(|| format!("write {name}"))?;
    Ok(file)
}

fn size(file: &Path) -> Result<u64> {
    Ok(file.metadata().with_context(|| file.display().to_string())?.len())
}

#[test]
fn a_host_is_updated_by_what_it_says_that_it_lacks() -> Result<()> {
    let engine = Engine::shared()?;
    let publisher = Publisher::new("deltas")?;
    let bundles = BundleFolder::new("deltas", &publisher)?;
    let release = |version: &str, serial: u64| -> Result<PathBuf> {
        let images: [Image; 2] = [publisher.hello_of(version)?, publisher.slow_tenant()?];
        publisher.pack(&Release::new(version, serial, &images))
    };
    let old = release("1.0.0", 1)?;
    let host = Host::boot(&engine, &[bundles.mount()])?;
    let installation = Installation::install_from_folder(&host, &bundles.put(&old)?, &SETTINGS)?;
    let tenant = installation.spawn(&json!({"name": "hello", "baseImage": "hello"}))?;

    // 1. The host's word goes out, and a delta comes in.
    let inventory = carry_out(&host, "landfall-installer inventory", &publisher, "host.json")?;
    let key = carry_out(&host, &format!("cat {HOST_KEY}"), &publisher, "host.pub")?;
    let (full, delta) = (release("1.1.0", 2)?, publisher.file("acme-1.1.0.delta.landfall.tar"));
    let command = publisher.bundler()?.arg("delta").arg(&full).arg("--base").arg(&inventory).arg("--base").arg(&old);
    command.arg("--host-key").arg(&key).args(["--key", "landfall.key", "--out"]).arg(&delta).ok()?;
    let (whole, part) = (size(&full)?, size(&delta)?);
    ensure!(part < whole / 10, "the delta has {part} bytes, and the full bundle {whole}");
    let delta = bundles.put(&delta)?;

    // 2. It is the release, there and back and there again.
    installation.update(&delta)?;
    ensure!(installation.release()? == "1.1.0-2", "{}", installation.release()?);
    installation.until_running(&tenant)?;
    installation.visit(&tenant, "/health")?.expect(200)?;
    let late = installation.spawn(&json!({"name": "late", "baseImage": "hello"}))?;
    installation.visit(&late, "/health")?.expect(200)?;
    let data = TenantData::of(installation)?;
    installation.roll_back()?;
    ensure!(installation.release()? == "1.0.0-1", "{}", installation.release()?);
    installation.update(&delta)?;
    data.are_untouched(installation)?;

    // 3. Images whose layers were made on the host are loaded again after the engine has lost them.
    installation.destroy(&late)?;
    installation.destroy(&tenant)?;
    host.ok(
        "docker image prune --all --force && docker image ls --quiet | xargs --no-run-if-empty docker image rm --force",
    )?;
    host.ok("landfall-installer recover")?;
    let next = bundles.put(&release("1.2.0", 3)?)?;
    installation.update(&next)?;
    installation.roll_back()?;
    let again = installation.spawn(&json!({"name": "again", "baseImage": "hello"}))?;
    installation.visit(&again, "/health")?.expect(200).map(drop)
}
