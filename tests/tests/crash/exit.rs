//! The exit codes that a disturbed operation may end with, from the table that all programs share.

/// An error that nobody could foresee.
pub(crate) const UNEXPECTED: i32 = 1;
/// The bundle is damaged.
pub(crate) const DAMAGED: i32 = 3;
/// The host is not fit, as by a full disk.
pub(crate) const UNFIT: i32 = 6;
/// The update was taken back.
pub(crate) const REVERTED: i32 = 7;

/// How an operation may end to which something happened that means `failure`, and which ends with `by_itself` when nothing
/// does: in either way, or taken back. One that fails by itself, and cannot be taken back, says why it failed in the first place.
pub(crate) fn allowed(failure: i32, by_itself: i32) -> Vec<i32> {
    let mut codes = vec![failure, by_itself, REVERTED];
    if by_itself == REVERTED {
        codes.push(UNEXPECTED);
    }
    codes
}
