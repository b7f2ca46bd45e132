use crate::folders::Folders;
use landfall_readers::Target;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// The largest input, in bytes: many times a seed's size, and small enough that most inputs take less than a millisecond.
const MAX_INPUT: usize = 32 << 10;
/// How long one input may take, in seconds: long for a reader, short enough to notice one that never ends.
const TIMEOUT: u64 = 60;
/// What a reader may ask for at once, in MiB: twice the largest window of a compressed blob.
const MALLOC_MIB: u64 = 64;
/// What a fuzzer may hold altogether, in MiB: most of it is its own.
const RSS_MIB: u64 = 2048;

/// What came of feeding a target.
#[derive(Debug)]
pub(crate) struct Outcome {
    name: &'static str,
    inputs: u64,
    took: Duration,
    corpus: usize,
    findings: usize,
    status: ExitStatus,
}

/// Feeds a target for `seconds`, or until a property does not hold.
pub(crate) fn run(target: &Target, seconds: u64, folders: &Folders) -> io::Result<Outcome> {
    let artifacts = folders.artifacts(target)?;
    let log = artifacts.join("log");
    let started = Instant::now();
    let status = Command::new(folders.program(target))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={MAX_INPUT}"))
        .args([format!("-timeout={TIMEOUT}"), format!("-report_slow_units={TIMEOUT}")])
        .arg(format!("-malloc_limit_mb={MALLOC_MIB}"))
        .arg(format!("-rss_limit_mb={RSS_MIB}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-print_final_stats=1", "-verbosity=1"])
        .arg(folders.corpus(target))
        .stderr(File::create(&log)?)
        .status()?;
    let took = started.elapsed();
    let log = fs::read(&log)?;
    Ok(Outcome {
        name: target.name,
        inputs: inputs(&String::from_utf8_lossy(&log)),
        took,
        corpus: fs::read_dir(folders.corpus(target))?.count(),
        findings: fs::read_dir(&artifacts)?.count() - 1,
        status,
    })
}

/// How many inputs the fuzzer says that it has made.
fn inputs(log: &str) -> u64 {
    let counted = log.lines().rev().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    counted.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
}

impl Outcome {
    /// What stands over the outcomes' columns.
    pub(crate) const HEAD: &str = "target             inputs  seconds   inputs/s   corpus  findings";

    /// Whether nothing was found, by this run or by one before.
    pub(crate) fn is_clean(&self) -> bool {
        self.status.success() && self.findings == 0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, inputs, took, corpus, findings, .. } = self;
        let (seconds, rate) = (took.as_secs(), inputs / took.as_secs().max(1));
        write!(f, "{name:<15} {inputs:>9} {seconds:>8} {rate:>10} {corpus:>8} {findings:>9}")?;
        if self.status.success() { Ok(()) } else { write!(f, "  {}", self.status) }
    }
}
