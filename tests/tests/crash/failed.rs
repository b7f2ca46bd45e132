//! Each call by which an operation changes the file system fails: because the disk is full, because it is broken, once or
//! from there on.

use crate::operation::{Operation, PURGE, UNINSTALL};
use crate::sample;
use crate::scene::{Scene, Stage};
use anyhow::{Context as _, Result, ensure};
use landfall_tests::strace::{Fault, Point};
use std::fmt;

/// How many failures of an operation continuous integration walks through.
const SAMPLE: usize = 150;

/// The exit code of an error that nobody could foresee.
const UNEXPECTED: i32 = 1;
/// The exit code of a host that is not fit, as by a full disk.
const UNFIT: i32 = 6;
/// The exit code of an update that was taken back.
const REVERTED: i32 = 7;

/// What an operation says when it leaves something for recovery: a journal, or a removed installation's litter.
const LEFT: [&str; 2] = ["landfall-installer recover", "not tidied up"];

/// A call that fails.
#[derive(Debug, Clone)]
struct Failure {
    point: Point,
    fault: Fault,
}

impl Failure {
    /// What can go wrong at each changing call.
    fn all(points: &[Point]) -> Vec<Self> {
        let faults = [Fault::Error("ENOSPC"), Fault::Error("EIO"), Fault::ErrorsFromHereOn("EIO")];
        let each = |point: &Point| faults.map(|fault| Self { point: point.clone(), fault });
        points.iter().flat_map(each).filter(Self::can_be_told).collect()
    }

    /// Where all writing fails, so does that of messages.
    fn can_be_told(&self) -> bool {
        !(self.lasts() && self.point.call.name == "write")
    }

    /// On a disk that stays broken nothing can be tidied up.
    fn lasts(&self) -> bool {
        matches!(self.fault, Fault::ErrorsFromHereOn(_))
    }

    /// The exit codes of an operation that could not go on.
    fn codes(&self) -> [i32; 2] {
        if self.fault == Fault::Error("ENOSPC") { [UNFIT, REVERTED] } else { [UNEXPECTED, REVERTED] }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Point { call, arguments, .. } = &self.point;
        write!(f, "{:?} at {} number {} ({arguments}", self.fault, call.name, call.nth)
    }
}

/// Refused and old, or done and new; or, as it says itself, left for recovery to settle.
fn is_clean(stage: &Stage<'_>, failure: &Failure) -> Result<()> {
    let output = stage.disturbed(failure.fault, &failure.point.call)?;
    let outcome = || format!("ended with {}: {}", output.code, output.said());
    let done = output.code == stage.scene.exit();
    ensure!(done || failure.codes().contains(&output.code), outcome());
    let says_so = LEFT.iter().any(|left| output.said().contains(left));
    ensure!(says_so || !stage.is_interrupted(), "does not say that recovery is needed; {}", outcome());
    let unsettled = says_so || failure.lasts();
    if unsettled {
        stage.recover().with_context(outcome)?;
    }
    match (done, unsettled) {
        (true, _) => stage.is_new(),
        (false, true) => stage.is_old_or_new(),
        (false, false) => stage.is_old(),
    }
    .and_then(|()| stage.again())
    .with_context(outcome)
}

fn failing_anywhere(operation: Operation) -> Result<()> {
    let scene = Scene::of(operation)?;
    let failures = sample::of(Failure::all(&scene.trace.points), SAMPLE)?;
    scene.walk("failing at", &failures, is_clean)
}

#[test]
fn an_uninstall_that_fails_anywhere_is_refused_or_whole_and_can_be_repeated() -> Result<()> {
    failing_anywhere(UNINSTALL)
}

#[test]
fn a_purge_that_fails_anywhere_is_refused_or_whole_and_can_be_repeated() -> Result<()> {
    failing_anywhere(PURGE)
}
