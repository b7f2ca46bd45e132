//! `make powercut`: an emulated machine loses power at random moments of `update`, of an update that fails, and of `rollback`.
//! Booted again, it must run exactly the old or exactly the new release, with everything that its tenant had; and the same
//! command, given again, must succeed.
//!
//! Power is cut in two ways, which prove different things:
//!
//! - **The emulator is killed** while the command runs. Whatever the machine had in its memory is gone; whatever it had handed
//!   to its disk is there, in order, flushed or not. This proves recovery at moments that nobody chose, and with real timing.
//!   It does not prove that anything was flushed that had to be.
//! - **The record is replayed.** All requests to the disk during one whole run of the command are recorded, each write and
//!   each flush in the order of completion. A cut is a place in that record, and what the disk may hold there: all that was
//!   flushed before, and of the writes since then either none, or all, or any part, in any order, with the last sectors of one
//!   of them missing. A disk with a volatile cache may do no worse (sectors are whole: NVMe's and SCSI's atomic unit). This
//!   proves that what recovery relies on was flushed before what relies on it: by Landfall, by SQLite, by the engine and by
//!   ext4 with its defaults. It proves that for the recorded run's order of events, not for every one that scheduling allows.
//!
//! Neither proves anything about disks that lie about their flushes.

mod check;
mod cut;
mod disk_image;
mod machine_setup;
mod recorded_run;
mod summary;
mod tenant;

use anyhow::{Context as _, Result};
use cut::Cut;
use landfall_tests::{Report, SeededRng, echo_commands};
use machine_setup::MachineSetup;
use recorded_run::RecordedRun;
use std::process::ExitCode;
use summary::Summary;

/// How many times power is cut; `LANDFALL_POWERCUT_CUTS` sets another number.
const CUTS: usize = 20;

fn main() -> ExitCode {
    let mut report = Report::new("powercut");
    echo_commands();
    let outcome = run(&mut report);
    report.verdict(outcome)
}

fn run(report: &mut Report) -> Result<()> {
    let cuts = match std::env::var("LANDFALL_POWERCUT_CUTS") {
        Ok(cuts) => cuts.parse().context("LANDFALL_POWERCUT_CUTS is a number")?,
        Err(_) => CUTS,
    };
    let setup = report.stage("Two good releases and a broken one, a stick, a machine", MachineSetup::make)?;
    let runs = report.stage("Install, then record each command from its beginning to its end", || setup.runs())?;
    let mut rng = SeededRng::seeded("LANDFALL_POWERCUT_SEED")?;
    let title = format!("Cut the power {cuts} times");
    let summary = report.stage(title, || {
        let mut summary = Summary::new();
        for (number, run) in turns(&runs).take(cuts).enumerate() {
            let cut = Cut::choose(number, run, &mut rng);
            summary.add(number + 1, run, &cut, cut::survive(&setup, run, &cut));
        }
        Ok(summary)
    })?;
    summary.verdict()
}

/// The runs in turn: the update twice as often as the others.
fn turns(runs: &[RecordedRun]) -> impl Iterator<Item = &RecordedRun> {
    runs.iter().take(1).chain(runs).cycle()
}
