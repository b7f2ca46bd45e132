//! Bundles that were signed, and should not be taken any more: after `test_rollback.py` and `test_basic.py`.

use super::publisher::Publisher;
use anyhow::{Result, ensure};
use landfall_manifests::limits;
use landfall_tests::SmallRelease;

/// A replayed bundle, with a serial below that of what is installed.
#[test]
fn snapshot_rollback() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let (first, second) = (publisher.release("1.0.0", 1)?, publisher.release("1.1.0", 2)?);
    let host = publisher.host_with(&first)?;
    host.update(&second).ok()?;
    host.refuses(host.update(&first), 5, "downgrade")?;
    // Under a version that looks newer.
    let disguised = publisher.release("9.0.0", 1)?;
    host.refuses(host.update(&disguised), 5, "same_serial")?;
    // `rollback` is the way to an older release; it does not lower the floor.
    host.installer().args(["rollback", "--yes"]).ok()?;
    let between = publisher.release("1.0.5", 1)?;
    host.refuses(host.update(&between), 5, "same_serial")?;
    Ok(())
}

/// What a host has seen outlives its uninstallation, but not its purge.
#[test]
fn new_timestamp_version_rollback() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let (first, second) = (publisher.release("1.0.0", 1)?, publisher.release("1.1.0", 2)?);
    let host = publisher.host_with(&first)?;
    host.update(&second).ok()?;
    host.installer().args(["uninstall", "--yes"]).ok()?;
    host.refuses(host.install(&first, &publisher.key(0)), 5, "downgrade")?;
    host.installer().args(["uninstall", "--purge", "--yes"]).ok()?;
    host.install(&first, &publisher.key(0)).ok().map(drop)
}

/// Another content under the serial that the host has, or had.
#[test]
fn timestamp_eq_versions_check() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let host = publisher.host_with(&publisher.release("1.0.0", 1)?)?;
    let mut other = SmallRelease::new("1.0.0", 1)?;
    other.file("docs/more.txt", "0644", b"more")?;
    let other = publisher.pack(&other)?;
    host.refuses(host.update(&other), 5, "same_serial")?;
    host.refuses(host.install(&other, &publisher.key(0)), 5, "same_serial")?;
    Ok(())
}

/// Whoever holds the key can use up all serials. What is installed stays in use, `rollback` works, and the record of the floor,
/// which root may lower, is named by the refusal.
#[test]
fn new_targets_fast_forward_recovery() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let (first, last) = (publisher.release("1.0.0", 1)?, publisher.release("1.1.0", limits::SERIAL)?);
    let next = publisher.release("1.2.0", 3)?;
    let host = publisher.host_with(&first)?;
    host.update(&last).ok()?;
    host.refuses(host.update(&next), 5, "downgrade")?;
    host.installer().args(["rollback", "--yes"]).ok()?;
    host.refuses(host.update(&next), 5, "downgrade")?;
    std::fs::write(host.path("var/lib/landfall/state/serial-floor"), "1\n")?;
    host.update(&next).ok()?;
    let current = std::fs::read_link(host.path("opt/landfall/current"))?;
    ensure!(current.ends_with("1.2.0-3"), "{}", current.display());
    Ok(())
}

/// A serial beyond what JSON carries exactly is none.
#[test]
fn a_serial_beyond_the_last_one() -> Result<()> {
    ensure!(SmallRelease::new("1.0.0", limits::SERIAL).is_ok(), "the last serial");
    ensure!(SmallRelease::new("1.0.0", limits::SERIAL + 1).is_err(), "one beyond");
    Ok(())
}
