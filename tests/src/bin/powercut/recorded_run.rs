//! A recorded run of a command: the disk's writes from its beginning to its end, with their times.

use crate::disk_image::{DiskImage, step_of};
use crate::machine_setup::MachineSetup;
use crate::tenant::Tenant;
use anyhow::{Context as _, Result};
use landfall_tests::machine::write_log::WriteLog;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the record's size is looked at while the command runs.
const PERIOD: Duration = Duration::from_millis(20);

/// How long a command may run, on a machine that has other work.
const LIMIT: Duration = Duration::from_mins(15);

/// How much of a write is searched for a journal, in bytes. A journal is a few kilobytes.
const JOURNAL_SIZE: u64 = 64 << 10;

/// A command of an operator.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) command: String,
    /// What it ends with.
    pub(crate) exit: i32,
}

/// One run of a command that nobody cut.
#[derive(Debug)]
pub(crate) struct RecordedRun {
    pub(crate) operation: Operation,
    /// The disk before it.
    pub(crate) ground: PathBuf,
    /// The disk after it.
    pub(crate) outcome: PathBuf,
    /// How the machine looked before.
    pub(crate) old: DiskImage,
    /// How it looked after.
    pub(crate) new: DiskImage,
    pub(crate) tenant: Tenant,
    /// The disk's writes since the machine was switched on.
    pub(crate) log: WriteLog,
    /// Which entries of the record came while the command ran.
    pub(crate) entries: Range<usize>,
    /// How long it took.
    pub(crate) took: Duration,
    /// From which entry on a journal named which step.
    steps: Vec<(usize, String)>,
    /// How long the record was at which time.
    sizes: Vec<(Duration, u64)>,
}

impl RecordedRun {
    /// Runs `operation` on a copy of `ground`.
    pub(crate) fn record(setup: &MachineSetup, operation: Operation, ground: &Path, tenant: &Tenant) -> Result<Self> {
        let name = operation.name.replace(' ', "-");
        let outcome = setup.copy(ground, &format!("{name}.img"))?;
        let log = setup.file(&format!("{name}.log"));
        std::fs::File::create(&log)?;
        let size = || Ok::<_, std::io::Error>(std::fs::metadata(&log)?.len());
        let mut machine = setup.boot(&outcome, Some(&log))?;
        let old = DiskImage::of(&mut machine)?;
        tenant.is_whole(&mut machine).context("before anything is done")?;
        // What came before is flushed now, and not by the flushes of the command.
        machine.ok("sync")?;

        let begun = size()?;
        let running = machine.start(&operation.command)?;
        let mut sizes = Vec::new();
        let output = loop {
            // From the record's sizes over time follows which entry was written when.
            sizes.push((running.since(), size()?));
            if let Some(output) = machine.wait(&running, PERIOD)? {
                break output.exits(operation.exit)?;
            }
            anyhow::ensure!(running.since() < LIMIT, "{} does not end", operation.command);
        };
        let ended = size()?;
        tenant.is_whole(&mut machine).context("after all is done")?;
        let new = DiskImage::of(&mut machine)?;
        machine.shut_down()?;

        let log = WriteLog::read(&log)?;
        let entries = log.entries_within(begun)..log.entries_within(ended);
        let steps = steps(&log, entries.clone())?;
        let run = Self {
            ground: ground.to_owned(),
            operation,
            outcome,
            old,
            new,
            tenant: tenant.clone(),
            log,
            entries,
            took: output.took,
            steps,
            sizes,
        };
        run.tell();
        Ok(run)
    }

    /// How many entries the record had `after` the command's begin.
    pub(crate) fn entries_at(&self, after: Duration) -> usize {
        let next = self.sizes.partition_point(|(time, _)| *time <= after);
        let size = next.checked_sub(1).and_then(|last| self.sizes.get(last)).map_or(0, |(_, size)| *size);
        self.log.entries_within(size).clamp(self.entries.start, self.entries.end)
    }

    /// When the record had `entries` entries.
    pub(crate) fn time_of(&self, entries: usize) -> Duration {
        let size = self.log.size_with(entries);
        let next = self.sizes.partition_point(|(_, at_the_time)| *at_the_time < size);
        self.sizes.get(next).map_or(self.took, |(time, _)| *time)
    }

    /// Whether the database ends with an older schema.
    pub(crate) fn goes_back(&self) -> bool {
        self.new.schema < self.old.schema
    }

    /// The entries since the switch began.
    pub(crate) fn since_switch(&self) -> Range<usize> {
        let switch = self.steps.iter().find(|(_, step)| step == "switch").map(|(entry, _)| *entry);
        switch.unwrap_or(self.entries.start)..self.entries.end
    }

    fn tell(&self) {
        let steps: Vec<String> = self
            .steps
            .iter()
            .map(|(entry, step)| format!("{step} {:.1} s", self.time_of(*entry).as_secs_f64()))
            .collect();
        println!(
            "   {}: {:.1} s, {} writes and flushes, {} kB; journal: {}",
            self.operation.name,
            self.took.as_secs_f64(),
            self.entries.len(),
            (self.log.size_with(self.entries.end) - self.log.size_with(self.entries.start)) / 1000,
            steps.join(", ")
        );
    }
}

/// From which entry on the journal on the disk named which step.
fn steps(log: &WriteLog, entries: Range<usize>) -> Result<Vec<(usize, String)>> {
    let mut steps: Vec<(usize, String)> = Vec::new();
    for entry in entries {
        let content = log.content(entry, JOURNAL_SIZE)?;
        // A journal is one JSON object at the beginning of a file, and so of a write.
        if !content.starts_with(b"{") {
            continue;
        }
        if let Some(step) = step_of(&String::from_utf8_lossy(&content))
            && steps.last().is_none_or(|(_, last)| *last != step)
        {
            steps.push((entry, step));
        }
    }
    Ok(steps)
}
