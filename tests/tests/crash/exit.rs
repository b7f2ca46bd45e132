//! The exit codes that a disturbed operation may end with, from the table that all programs share.

/// An error that nobody could foresee.
pub(crate) const UNEXPECTED: i32 = 1;
/// The host is not fit, as by a full disk.
pub(crate) const UNFIT: i32 = 6;
/// The update was reverted.
pub(crate) const REVERTED: i32 = 7;
/// The operation has to be recovered first.
pub(crate) const INTERRUPTED: i32 = 8;

/// How an operation may end to which something happened that means `failure`, and which ends with `by_itself` when nothing
/// does: in either way, undone, or left to recovery. One that fails by itself, and cannot be undone, may report why it failed.
pub(crate) fn allowed(failure: i32, by_itself: i32) -> Vec<i32> {
    let mut codes = vec![failure, by_itself, REVERTED, INTERRUPTED];
    if by_itself == REVERTED {
        codes.push(UNEXPECTED);
    }
    codes
}
