//! How the cuts went, a line each, and the result.

use crate::check::Side;
use crate::cut::{Cut, Survival};
use crate::recorded_run::RecordedRun;
use anyhow::{Result, ensure};

/// The outcomes so far.
#[derive(Debug)]
pub(crate) struct Summary {
    old: usize,
    new: usize,
    failures: Vec<String>,
}

impl Summary {
    /// Begins a table.
    pub(crate) fn new() -> Self {
        println!("   cut  command         moment           power cut        journal     release  back    took");
        Self { old: 0, new: 0, failures: Vec::new() }
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, number: usize, run: &RecordedRun, cut: &Cut, outcome: Result<Survival>) {
        let moment = format!("{:.1} of {:.1} s", cut.after.as_secs_f64(), run.took.as_secs_f64());
        let begin = format!("   {number:>3}  {:<14}  {moment:<15}  {:<15}", run.operation.name, cut.name());
        match outcome {
            Ok(Survival { step, recovered, took }) => {
                let side = match recovered.side {
                    Side::Old => "old",
                    Side::New => "new",
                };
                *if recovered.side == Side::Old { &mut self.old } else { &mut self.new } += 1;
                let (back, took) = (recovered.back.as_secs_f64(), took.as_secs_f64());
                println!("{begin}  {step:<10}  {side:<7}  {back:>4.1} s  {took:>5.1} s");
            }
            Err(error) => {
                println!("{begin}  FAILED: {error:#}");
                self.failures.push(format!("cut {number}: {error:#}"));
            }
        }
    }

    /// Fails if any cut did.
    pub(crate) fn verdict(self) -> Result<()> {
        let Self { old, new, failures } = self;
        let cuts = old + new + failures.len();
        println!(
            "   {cuts} cuts: {old} came back with the old release, {new} with the new one, {} with neither",
            failures.len()
        );
        ensure!(failures.is_empty(), "{} of {cuts} cuts failed", failures.len());
        Ok(())
    }
}
