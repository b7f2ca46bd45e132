//! Each call by which an operation changes the file system fails: because the disk is full, because it is broken, once or
//! from there on.

use crate::exit;
use crate::operation::{FAILING_UPDATE, INSTALL, Operation, PURGE, ROLLBACK, SET, TRUST_IMPORT, UNINSTALL, UPDATE};
use crate::prepared::{HostCopy, Prepared};
use crate::sample;
use anyhow::{Context as _, Result, ensure};
use landfall_tests::strace::{Fault, Point};
use std::fmt;

/// How many failures of an operation continuous integration walks through.
const SAMPLE: usize = 30;

/// How many failures of each of its recoveries.
const RECOVERY_SAMPLE: usize = 6;

/// What an operation says when it leaves something for recovery: a journal, or a removed installation's litter.
const LEFT: [&str; 2] = ["landfall-installer recover", "could not be cleaned up"];

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

    /// The exit codes that an operation may end with which ends with `by_itself` when nothing fails.
    fn codes(&self, by_itself: i32) -> Vec<i32> {
        let full = self.fault == Fault::Error("ENOSPC");
        let mut codes = exit::allowed(if full { exit::UNFIT } else { exit::UNEXPECTED }, by_itself);
        if self.point.call.program != 0 {
            // A failure of a release's program is reported as a host that is not fit for it.
            codes.push(exit::UNFIT);
        }
        codes
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Point { call, arguments, .. } = &self.point;
        write!(f, "{:?} at {} number {} ({arguments}", self.fault, call.name, call.nth)
    }
}

/// Refused and old, or done and new; or, as it says itself, left for recovery to settle. A recovery that fails is repeated.
fn is_clean(copy: &HostCopy<'_>, failure: &Failure) -> Result<()> {
    let output = copy.disturbed(failure.fault, &failure.point.call)?;
    let outcome = || format!("ended with {}: {}", output.code, output.text());
    ensure!(failure.codes(copy.prepared.exit()).contains(&output.code), outcome());
    let says_so = copy.prepared.is_recovery() || LEFT.iter().any(|left| output.text().contains(left));
    let has_to = output.code == exit::INTERRUPTED || copy.is_interrupted();
    ensure!(says_so || !has_to, "does not say that recovery is needed; {}", outcome());
    let (done, unsettled) = (output.code == copy.prepared.exit(), says_so || failure.lasts());
    if unsettled {
        copy.recover().with_context(outcome)?;
    }
    match (done, unsettled) {
        (true, _) => copy.is_new(),
        (false, true) => copy.is_old_or_new(),
        (false, false) => copy.is_old(),
    }
    .and_then(|()| copy.again())
    .with_context(outcome)
}

/// Fails one operation at all its changing calls.
fn failing_at_each(prepared: &Prepared, most: usize) -> Result<()> {
    let failures = sample::of(Failure::all(&prepared.trace.points), most)?;
    prepared.try_each("failing at", &failures, is_clean)
}

/// Fails `operation`; and, where it was killed between two of its steps, its recovery.
fn failing_anywhere(operation: Operation) -> Result<()> {
    let prepared = Prepared::of(operation)?;
    failing_at_each(&prepared, SAMPLE)?;
    prepared.recoveries().try_for_each(|recovery| failing_at_each(&recovery?, RECOVERY_SAMPLE))
}

#[test]
fn an_install_that_fails_anywhere_is_refused_or_whole_and_can_be_repeated() -> Result<()> {
    failing_anywhere(INSTALL)
}

#[test]
fn an_uninstall_that_fails_anywhere_is_refused_or_whole_and_can_be_repeated() -> Result<()> {
    failing_anywhere(UNINSTALL)
}

#[test]
fn a_purge_that_fails_anywhere_is_refused_or_whole_and_can_be_repeated() -> Result<()> {
    failing_anywhere(PURGE)
}

#[test]
fn an_update_that_fails_anywhere_is_refused_or_whole_and_can_be_repeated() -> Result<()> {
    failing_anywhere(UPDATE)
}

#[test]
fn a_failing_update_that_fails_anywhere_is_refused_and_can_be_repeated() -> Result<()> {
    failing_anywhere(FAILING_UPDATE)
}

#[test]
fn a_rollback_that_fails_anywhere_is_refused_or_whole_and_can_be_repeated() -> Result<()> {
    failing_anywhere(ROLLBACK)
}

#[test]
fn a_trust_import_that_fails_anywhere_is_refused_or_whole_and_can_be_repeated() -> Result<()> {
    failing_anywhere(TRUST_IMPORT)
}

#[test]
fn a_change_of_settings_that_fails_anywhere_is_refused_or_whole_and_can_be_repeated() -> Result<()> {
    failing_anywhere(SET)
}
