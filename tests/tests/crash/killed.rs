//! Killed before, and after, each call by which an operation changes the file system; and killed again in the recovery.

use crate::operation::{
    DELTA_UPDATE, FAILING_UPDATE, INSTALL, Operation, PATCHED_UPDATE, PURGE, ROLLBACK, SET, TRUST_IMPORT, UNINSTALL,
    UPDATE,
};
use crate::prepared::{HostCopy, Prepared};
use crate::sample;
use anyhow::Result;
use landfall_tests::strace::{Call, Fault, Point};
use std::fmt;

/// How many points of an operation continuous integration walks through.
const SAMPLE: usize = 30;

/// How many points of each of its recoveries.
const RECOVERY_SAMPLE: usize = 6;

/// When a process is killed.
#[derive(Debug, Clone)]
struct KillPoint {
    point: Point,
    after: bool,
}

impl KillPoint {
    /// Before and after each changing call.
    fn all(points: &[Point]) -> Vec<Self> {
        let both = |point: &Point| [false, true].map(|after| Self { point: point.clone(), after });
        points.iter().flat_map(both).collect()
    }

    /// The call that is never made.
    fn call(&self) -> &Call {
        if self.after { &self.point.next } else { &self.point.call }
    }
}

impl fmt::Display for KillPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Point { call, arguments, .. } = &self.point;
        let when = if self.after { "after" } else { "before" };
        write!(f, "killed {when} {} number {} ({arguments}", call.name, call.nth)
    }
}

fn settles(copy: &HostCopy<'_>, point: &KillPoint) -> Result<()> {
    copy.disturbed(Fault::Kill, point.call())?;
    copy.recover()?;
    copy.is_old_or_new()?;
    copy.again()
}

/// The same command again settles what it has left, without a recovery of its own.
fn settles_itself(copy: &HostCopy<'_>, point: &KillPoint) -> Result<()> {
    copy.disturbed(Fault::Kill, point.call())?;
    copy.again()
}

/// Kills one operation at all points.
fn killed_anywhere(prepared: &Prepared, most: usize) -> Result<()> {
    let points = sample::of(KillPoint::all(&prepared.trace.points), most)?;
    prepared.try_each("killed at", &points, settles)
}

/// Kills `operation`; and, where it was killed between two of its steps, its recovery.
fn operation_killed_anywhere(operation: Operation) -> Result<()> {
    let prepared = Prepared::of(operation)?;
    killed_anywhere(&prepared, SAMPLE)?;
    prepared.recoveries().try_for_each(|recovery| killed_anywhere(&recovery?, RECOVERY_SAMPLE))
}

#[test]
fn an_install_killed_anywhere_is_undone_or_whole_and_can_be_repeated() -> Result<()> {
    operation_killed_anywhere(INSTALL)
}

#[test]
fn an_uninstall_killed_anywhere_is_undone_or_whole_and_can_be_repeated() -> Result<()> {
    operation_killed_anywhere(UNINSTALL)
}

#[test]
fn a_purge_killed_anywhere_is_undone_or_whole_and_can_be_repeated() -> Result<()> {
    operation_killed_anywhere(PURGE)
}

#[test]
fn an_update_killed_anywhere_is_undone_or_whole_and_can_be_repeated() -> Result<()> {
    operation_killed_anywhere(UPDATE)
}

#[test]
fn an_update_from_parts_with_a_patch_killed_anywhere_is_undone_or_whole_and_can_be_repeated() -> Result<()> {
    killed_anywhere(&Prepared::of(PATCHED_UPDATE)?, SAMPLE)
}

#[test]
fn an_update_by_a_delta_killed_anywhere_is_undone_or_whole_and_can_be_repeated() -> Result<()> {
    killed_anywhere(&Prepared::of(DELTA_UPDATE)?, SAMPLE)
}

#[test]
fn a_failing_update_killed_anywhere_is_undone_and_can_be_repeated() -> Result<()> {
    operation_killed_anywhere(FAILING_UPDATE)
}

#[test]
fn a_rollback_killed_anywhere_is_undone_or_whole_and_can_be_repeated() -> Result<()> {
    operation_killed_anywhere(ROLLBACK)
}

#[test]
fn a_trust_import_killed_anywhere_is_undone_or_whole_and_can_be_repeated() -> Result<()> {
    operation_killed_anywhere(TRUST_IMPORT)
}

#[test]
fn an_operation_killed_anywhere_can_be_repeated_without_a_recovery() -> Result<()> {
    for operation in [INSTALL, UPDATE, FAILING_UPDATE, ROLLBACK, UNINSTALL, PURGE, TRUST_IMPORT] {
        let prepared = Prepared::of(operation)?;
        let points = sample::of(KillPoint::all(&prepared.trace.points), SAMPLE / 2)?;
        prepared.try_each("killed and repeated at", &points, settles_itself)?;
    }
    Ok(())
}

#[test]
fn a_change_of_settings_killed_anywhere_is_undone_or_whole_and_can_be_repeated() -> Result<()> {
    operation_killed_anywhere(SET)
}
