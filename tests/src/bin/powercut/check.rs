//! What must be true of a machine that lost power, once it is up again.

use crate::disk_image::DiskImage;
use crate::recorded_run::RecordedRun;
use crate::tenant::Tenant;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use landfall_tests::API;
use landfall_tests::machine::Machine;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long the service may take to put the engine in order after it has come up.
const TIMEOUT: Duration = Duration::from_mins(3);

/// What the machine tells about a failure.
const LOG: &str = "journalctl --boot --no-pager --lines 60 --unit 'landfall*' --unit docker; ls -l /var/lib/landfall/*";

/// Which release the machine came back with, and when it answered after power was back.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) side: Side,
    pub(crate) back: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Old,
    New,
}

/// Compares the machine with the run; then runs the same command again.
pub(crate) fn recovered(machine: &mut Machine, run: &RecordedRun) -> Result<Recovered> {
    machine.until(&format!("curl -fsS --max-time 60 {API}/health")).context("the service does not answer")?;
    let back = machine.up();
    let outcome = whole(machine, run).and_then(|side| again(machine, run).map(|()| Recovered { side, back }));
    outcome.map_err(|error| {
        let log = machine.run(LOG).map_or_else(|error| error.to_string(), |output| output.text());
        anyhow!("{error:#}\nthe machine's log:\n{log}")
    })
}

fn whole(machine: &mut Machine, run: &RecordedRun) -> Result<Side> {
    let broken = machine.run("dmesg | grep -E 'EXT4-fs (error|warning)'")?;
    // grep ends with 1 where it finds nothing, and with 2 where it fails.
    ensure!(broken.code == 1, "the file system: {}", broken.text());
    let status: Value = serde_json::from_str(&machine.ok("landfall-installer status --json")?)?;
    ensure!(status["interrupted"].is_null(), "interrupted: {status}");
    machine.ok("landfall-installer receipts --verify")?;
    // An update that fails leaves the old release twice over: as it was, and as it is again.
    let side = side(machine, &[(Side::Old, &run.old), (Side::New, &run.new)])?;
    // Only a rollback that is itself undone may set aside what the older release wrote meanwhile.
    let asides = machine.ok("find /var/lib/landfall/db -name 'landfall.db.aside-*'")?;
    let may_set_aside = side == Side::Old && run.goes_back();
    ensure!(may_set_aside || asides.is_empty(), "set aside: {asides}");
    let release = if side == Side::New { &run.new.release } else { &run.old.release };
    answers(machine, release)?;
    run.tenant.is_whole(machine)?;
    Ok(side)
}

/// Which of these the machine is, exactly. The service may still be putting the engine in order.
fn side(machine: &mut Machine, either: &[(Side, &DiskImage)]) -> Result<Side> {
    let start = Instant::now();
    loop {
        let now = DiskImage::of(machine)?;
        let differences: Vec<_> =
            either.iter().map(|(side, disk_image)| (*side, disk_image.difference(&now))).collect();
        if let Some((side, _)) = differences.iter().find(|(_, difference)| difference.is_empty()) {
            return Ok(*side);
        }
        if start.elapsed() > TIMEOUT {
            let reports: Vec<String> =
                differences.iter().map(|(side, difference)| format!("not {side:?}:\n{difference}")).collect();
            bail!("{}", reports.concat());
        }
        std::thread::sleep(Duration::from_secs(2));
    }
}

fn answers(machine: &mut Machine, release: &str) -> Result<()> {
    let health: Value = serde_json::from_str(&machine.ok(&format!("curl -fsS --max-time 60 {API}/health"))?)?;
    ensure!(health["release"] == release, "{release} is current, and {health} answers");
    Ok(())
}

fn again(machine: &mut Machine, run: &RecordedRun) -> Result<()> {
    let operation = &run.operation;
    machine.run(&operation.command)?.exits(operation.exit).context("the same command again")?;
    side(machine, &[(Side::New, &run.new)]).context("after the same command again")?;
    answers(machine, &run.new.release)?;
    run.tenant.is_whole(machine).context("after the same command again")?;
    Tenant::can_have_a_neighbour(machine)
}
