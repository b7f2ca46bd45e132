//! Bundles of the publisher that are not for this host.

use super::publisher::Publisher;
use anyhow::{Context as _, Result, ensure};
use landfall_manifests::{Arch, Base, Digest};
use landfall_tests::SmallRelease;

#[test]
fn product_mix_up() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let host = publisher.host_with(&publisher.release("1.0.0", 1)?)?;
    let mut other = SmallRelease::new("1.1.0", 2)?;
    other.release.product = "other".parse()?;
    let bundle = publisher.pack(&other)?;
    host.refuses(host.update(&bundle), 5, "product")?;
    host.installer().args(["uninstall", "--yes"]).ok()?;
    host.refuses(host.install(&bundle, &publisher.key(0)), 5, "product")?;
    host.installer().args(["uninstall", "--purge", "--yes"]).ok()?;
    host.install(&bundle, &publisher.key(0)).ok().map(drop)
}

#[test]
fn another_architecture() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let mut other = SmallRelease::new("1.1.0", 2)?;
    other.release.arch = if other.release.arch == Arch::Amd64 { Arch::Arm64 } else { Arch::Amd64 };
    let platform = other.release.platform();
    other.release.images.iter_mut().for_each(|image| image.platform.clone_from(&platform));
    let bundle = publisher.pack(&other)?;
    let host = publisher.scratch.host("bare")?;
    host.refuses(host.install(&bundle, &publisher.key(0)), 5, "platform")?;
    let host = publisher.host_with(&publisher.release("1.0.0", 1)?)?;
    host.refuses(host.update(&bundle), 5, "platform").map(drop)
}

#[test]
fn an_upgrade_path_that_skips_a_release() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let host = publisher.host_with(&publisher.release("1.0.0", 1)?)?;
    let mut third = SmallRelease::new("2.0.0", 3)?;
    third.release.min_upgrade_from = Some("1.1.0".parse()?);
    let third = publisher.pack(&third)?;
    let message = host.refuses(host.update(&third), 5, "upgrade_path")?;
    ensure!(message.contains("1.1.0"), "{message}");
    host.update(&publisher.release("1.1.0", 2)?).ok().context("the release in between")?;
    host.update(&third).ok().map(drop)
}

/// A bundle that leaves out what another one brings.
#[test]
fn a_delta_without_its_base() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let host = publisher.host_with(&publisher.release("1.0.0", 1)?)?;
    let mut delta = SmallRelease::new("1.1.0", 2)?;
    let omitted = vec![delta.release.files.first().context("a file")?.blob];
    let (manifest, version) = (Digest::of(b"unknown"), "0.9.0".parse()?);
    delta.release.base = Some(Base { manifest, version, others: Vec::new(), omitted, differences: Vec::new() });
    host.refuses(host.update(&publisher.pack(&delta)?), 5, "delta").map(drop)
}

/// There is no way around the floor but `rollback`.
#[test]
fn there_is_no_switch_that_allows_a_downgrade() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let host = publisher.host_with(&publisher.release("1.0.0", 1)?)?;
    for switch in ["--allow-downgrade", "--force", "--no-verify", "--insecure"] {
        let output = host.update(&publisher.release("1.0.0", 1)?).arg(switch).run()?.exits(2)?;
        ensure!(output.stderr.contains("unexpected argument"), "{switch}: {}", output.text());
    }
    let help = host.installer().args(["update", "--help"]).ok()?;
    ensure!(!help.contains("downgrade"), "{help}");
    Ok(())
}
