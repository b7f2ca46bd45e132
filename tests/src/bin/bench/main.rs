//! `make bench`: speed and memory of the programs, each against what an operator would use instead, in turn in the same run.
//! Prints a table for docs/testing.md, and fails when a figure is beyond its limit; a goal is what we want to reach yet. `bench WORD` measures the parts whose names have
//! that word.

mod downtime;
mod fairness;
mod land;
mod measure;
mod pack;
mod ports;
mod provision;
mod table;

use anyhow::{Result, ensure};
use landfall_tests::{Engine, Image, Publisher, Release, Report, image};
use std::process::ExitCode;
use std::sync::Arc;
use table::{HEADER, Row};

/// What is measured, part by part.
const PARTS: [(&str, Part); 6] = [
    ("Pack and verify", pack::rows),
    ("Land", land::rows),
    ("Provision", provision::rows),
    ("Tenants' ports", ports::rows),
    ("Fairness between tenants", fairness::rows),
    ("Move on and back", downtime::rows),
];

type Part = fn(&Bench) -> Result<Vec<Row>>;

/// What is measured: a release with an image of 600 MB.
struct Bench {
    engine: Arc<Engine>,
    publisher: Publisher,
    /// The image's docker-archive, for the alternatives.
    archive: std::path::PathBuf,
    release: Release,
}

fn main() -> ExitCode {
    let mut report = Report::new("bench");
    let outcome = run(&mut report);
    report.verdict(outcome)
}

fn run(report: &mut Report) -> Result<()> {
    let bench = report.stage("Prepare an image of 600 MB", Bench::new)?;
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let mut rows = Vec::new();
    for (name, measure) in PARTS.into_iter().filter(|(name, _)| name.contains(&wanted)) {
        rows.extend(report.stage(name, || measure(&bench))?);
    }
    println!("\n{HEADER}");
    for row in &rows {
        println!("{row}");
    }
    let short = rows.iter().filter(|row| row.passes() && !row.reaches_goal()).count();
    println!("\n{short} of {} figures are short of their goals, and within their limits", rows.len());
    let beyond = rows.iter().filter(|row| !row.passes()).count();
    ensure!(beyond == 0, "{beyond} of {} figures are beyond their limits", rows.len());
    Ok(())
}

impl Bench {
    fn new() -> Result<Self> {
        let engine = Engine::shared()?;
        let publisher = Publisher::new("bench")?;
        let archive = image::large(&engine)?;
        let source = format!("docker-archive:{}", archive.display());
        let images = vec![Image { name: "large", source, more: "" }, publisher.hello()?];
        let release = Release::new("1.0.0", 1, &images);
        let megabytes = archive.metadata()?.len() >> 20;
        println!("   {}: {megabytes} MiB", archive.display());
        Ok(Self { engine, publisher, archive, release })
    }
}

/// A row whose goal and limit are multiples of an alternative.
fn against(what: &'static str, alternative: &'static str, [goal, factor]: [f64; 2], (ours, theirs): (f64, f64)) -> Row {
    let limit = table::Limit::Times { alternative: theirs, factor, fixed: 0.0, goal };
    Row { what, against: alternative, unit: "s", ours, limit }
}

/// A row of what a request takes beside something, in milliseconds, with multiples of what it takes beside something else.
fn against_itself(
    what: &'static str,
    beside: &'static str,
    [goal, factor]: [f64; 2],
    (ours, theirs): (f64, f64),
) -> Row {
    let limit = table::Limit::Times { alternative: theirs, factor, fixed: 0.0, goal };
    Row { what, against: beside, unit: "ms", ours, limit }
}

/// A row whose limit is a number.
fn at_most(what: &'static str, unit: &'static str, limit: f64, ours: f64) -> Row {
    Row { what, against: "", unit, ours, limit: table::Limit::AtMost(limit) }
}
