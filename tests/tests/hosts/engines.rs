//! The main job on each operating system and engine that hosts have, one after the other.

use crate::landing::{tenants_are_apart, tenants_come_back};
use crate::stock_engine::takes_images_out;
use anyhow::{Context as _, Result, ensure};
use landfall_tests::next::Next;
use landfall_tests::{BundleFolder, Engine, FileList, Host, Installation, Platform, Publisher, Release, listeners};
use serde_json::json;
use std::sync::Arc;

/// Short, since the release is good; the limit is minutes, for slow machines.
const SETTINGS: [&str; 2] = ["update.healthy_for=1", "update.patience=600"];

/// The bundles of two releases, in a folder that hosts see, and one whose layers every engine and tool reads.
struct Line {
    bundles: BundleFolder,
    gzip: String,
    first: String,
    second: String,
}

impl Line {
    fn new() -> Result<Self> {
        let publisher = Publisher::new("engines")?;
        let bundles = BundleFolder::new("engines", &publisher)?;
        // Both have the same images, so that going back has nothing to load.
        let images = [publisher.hello()?, publisher.slow_tenant()?];
        let release = Release::new("1.0.0", 1, &images);
        let gzip = Release { more: "compression = \"gzip\"\n".to_owned(), ..release.clone() };
        let packed = publisher.pack(&gzip)?;
        let renamed = publisher.file("gzip.landfall.tar");
        std::fs::rename(packed, &renamed)?;
        let gzip = bundles.put(&renamed)?;
        let first = bundles.put(&publisher.pack(&release)?)?;
        let second = bundles.put(&Next::new("1.1.0", 2, &images).pack(&publisher)?)?;
        Ok(Self { bundles, gzip, first, second })
    }
}

#[test]
fn the_main_job_is_done_on_every_engine_that_hosts_have() -> Result<()> {
    let engine = Engine::shared()?;
    let line = Line::new()?;
    for platform in Platform::ALL {
        main_job(platform, &engine, &line).with_context(|| format!("on {platform:?}"))?;
    }
    Ok(())
}

/// Let stock tools take the images out of a bundle; install, provision, probe the isolation, update, roll back, reboot, destroy, purge.
fn main_job(platform: Platform, engine: &Arc<Engine>, line: &Line) -> Result<()> {
    let host = Host::boot_on(platform, engine, &[line.bundles.mount()])?;
    takes_images_out(platform, &host, &line.gzip)?;
    listeners::start(&host)?;
    let before = FileList::of(&host)?;
    let installation = Installation::install_from_folder(&host, &line.first, &SETTINGS)?;
    let first = installation.spawn(&json!({"name": "first", "baseImage": "hello"}))?;
    let second = installation.spawn(&json!({"name": "second", "baseImage": "hello"}))?;
    host.ok(&format!("curl -fsS -X PUT -d kept http://127.0.0.1:{}/data/note", first.port))?;
    tenants_are_apart(installation, &first, &second)?;

    installation.update(&line.second)?;
    tenants_come_back(installation, &first, &second, "an update")?;
    let back = installation.roll_back()?;
    ensure!(back["release"] == "1.0.0-1", "{back}");
    tenants_come_back(installation, &first, &second, "a rollback")?;
    host.ok("systemctl stop listener-beyond listener-service")?;
    host.reboot()?;
    tenants_come_back(installation, &first, &second, "a reboot")?;
    installation.leaves_no_trace(&[first, second], &before)
}
