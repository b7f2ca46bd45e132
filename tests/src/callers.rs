//! Clients at a port of the host, which ask all along while something happens there.

use crate::bundle_folder::AT as BUNDLES;
use crate::{Host, Output, TIMEOUT};
use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::Value;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Which clients ask for what.
#[derive(Debug, Clone, Copy)]
pub struct Callers<'a> {
    /// The port.
    pub port: u16,
    /// The path.
    pub path: &'a str,
    /// How many ask at the same time, each again five milliseconds after an answer.
    pub number: usize,
}

/// Their results.
#[derive(Debug, Clone, Copy)]
pub struct CallStats {
    /// Whole answers with status 200.
    pub good: u64,
    /// Whole answers with another status.
    pub other_status: u64,
    /// Connections that were not accepted.
    pub refused: u64,
    /// Connections that were accepted and ended without a byte.
    pub closed: u64,
    /// Answers that began and ended too early.
    pub truncated: u64,
    /// The slowest answer.
    pub slowest: Duration,
    /// The longest time in which a client got no good answer, from one to the next.
    pub gap: Duration,
    /// Good answers in a second.
    pub a_second: f64,
}

impl Callers<'_> {
    /// Lets them call while `act` acts; returns their results, and what `act` returned.
    pub fn during<T>(self, host: &Host, act: impl FnOnce() -> Result<T>) -> Result<(CallStats, T)> {
        static COUNTER: AtomicU32 = AtomicU32::new(1);
        let stop = format!("/run/callers-{}-stop", COUNTER.fetch_add(1, Ordering::Relaxed));
        let Self { port, path, number } = self;
        let watch = format!("{BUNDLES}/host-probe calls {port} {path} {number} {stop}");
        std::thread::scope(|scope| {
            let watching = scope.spawn(move || host.ask(&watch).and_then(Output::ok));
            let start = Instant::now();
            // Each of them has had a first answer.
            while !watching.is_finished() && host.ask(&format!("test -e {stop}.answered"))?.code != 0 {
                ensure!(start.elapsed() < TIMEOUT, "not every caller at port {port} is answered");
                std::thread::sleep(Duration::from_millis(50));
            }
            let outcome = act();
            // Each of them asks once more, to the end.
            host.ask(&format!("touch {stop}"))?.ok()?;
            let output = watching.join().map_err(|_| anyhow!("the callers' thread panicked"))??;
            let stats = CallStats::read(&serde_json::from_str(&output.stdout)?).context(output.stdout)?;
            ensure!(stats.good >= 2 * number as u64, "hardly anybody was answered at port {port}: {stats:?}");
            Ok((stats, outcome?))
        })
    }
}

impl CallStats {
    fn read(report: &Value) -> Result<Self> {
        let number = |key: &str| report[key].as_u64().with_context(|| format!("no {key}"));
        let time = |key: &str| -> Result<Duration> {
            Ok(Duration::from_secs_f64(report[key].as_f64().with_context(|| format!("no {key}"))? / 1e3))
        };
        Ok(Self {
            good: number("good")?,
            other_status: number("otherStatus")?,
            refused: number("refused")?,
            closed: number("closed")?,
            truncated: number("truncated")?,
            slowest: time("slowestMs")?,
            gap: time("longestGapMs")?,
            a_second: report["aSecond"].as_f64().context("no aSecond")?,
        })
    }

    /// Fails unless every client was answered in full or refused at once.
    pub fn every_answer_was_whole(&self) -> Result<()> {
        ensure!(self.truncated == 0 && self.closed == 0, "answers that were not whole: {self:?}");
        Ok(())
    }
}
