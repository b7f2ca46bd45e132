//! One cut: when, and what the disk keeps; then the machine must recover without help.

use crate::check::{self, Recovered};
use crate::disk_image;
use crate::machine_setup::MachineSetup;
use crate::recorded_run::RecordedRun;
use anyhow::{Context as _, Result};
use landfall_tests::SeededRng;
use landfall_tests::machine::write_log::{Kept, Loss};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// One cut in so many kills the emulator; the others follow the record.
const KILLS: usize = 6;

/// A moment at which power fails, and how.
#[derive(Debug)]
pub(crate) struct Cut {
    /// How long after the command's begin.
    pub(crate) after: Duration,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// The emulator is killed.
    Kill,
    /// The disk is made anew from the record.
    Replay { loss: Loss, kept: Vec<Kept> },
}

/// How the machine came back.
#[derive(Debug)]
pub(crate) struct Survival {
    pub(crate) step: String,
    pub(crate) recovered: Recovered,
    pub(crate) took: Duration,
}

impl Cut {
    /// Half of the moments are spread evenly over the command's time, half over the disk's writes from the switch on.
    pub(crate) fn choose(number: usize, run: &RecordedRun, rng: &mut SeededRng) -> Self {
        let milliseconds = usize::try_from(run.took.as_millis()).unwrap_or(usize::MAX);
        let at_any_time = Duration::from_millis(rng.below(milliseconds) as u64);
        if number % KILLS == KILLS - 1 {
            return Self { after: at_any_time, kind: Kind::Kill };
        }
        let entries = if rng.below(2) == 0 {
            run.entries_at(at_any_time)
        } else {
            let switch = run.since_switch();
            switch.start + rng.below(switch.len()) + 1
        };
        let loss = match rng.below(4) {
            0 => Loss::Nothing,
            1 => Loss::Unflushed,
            _ => Loss::Some,
        };
        let kept = run.log.kept(entries, loss, rng);
        Self { after: run.time_of(entries), kind: Kind::Replay { loss, kept } }
    }

    /// What happens, in a few words.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Kill => "emulator killed",
            Kind::Replay { loss: Loss::Nothing, .. } => "all writes kept",
            Kind::Replay { loss: Loss::Unflushed, .. } => "unflushed lost",
            Kind::Replay { loss: Loss::Some, .. } => "any part lost",
        }
    }
}

/// Cuts the power, boots again, and holds the machine against what it must be.
pub(crate) fn survive(setup: &MachineSetup, run: &RecordedRun, cut: &Cut) -> Result<Survival> {
    let start = Instant::now();
    let disk = match &cut.kind {
        Kind::Kill => killed(setup, run, cut.after)?,
        Kind::Replay { kept, .. } => {
            let disk = setup.copy(&run.ground, "cut.img")?;
            run.log.replay(kept, &std::fs::File::options().write(true).open(&disk)?)?;
            disk
        }
    };
    let mut machine = setup.boot(&disk, None).context("boot after the cut")?;
    let step = disk_image::found(&mut machine)?;
    let recovered = check::recovered(&mut machine, run).with_context(|| format!("the journal was at: {step}"))?;
    machine.cut()?;
    Ok(Survival { step, recovered, took: start.elapsed() })
}

/// The disk of a machine whose emulator was killed so long `after` the command's begin.
fn killed(setup: &MachineSetup, run: &RecordedRun, after: Duration) -> Result<PathBuf> {
    let disk = setup.copy(&run.ground, "cut.img")?;
    let mut machine = setup.boot(&disk, None).context("boot before the cut")?;
    let running = machine.start(&run.operation.command)?;
    // A command that ends before the moment is cut after its end.
    machine.wait(&running, after)?;
    machine.cut()?;
    Ok(disk)
}
