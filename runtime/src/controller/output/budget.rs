//! How much output a tenant may write, and for how long it is paused when it writes more. Pure.
//!
//! Whatever reads a container's output works outside of the container's limit of CPU time: a tenant that writes lines as fast as it can keeps
//! a core of the engine busy with a hundredth of one. Paused in between, it costs as much as one that writes at [`RATE`].

use std::time::{Duration, Instant};

/// Bytes of its log file that a tenant may add in a second, and how many more at once.
const RATE: u64 = 1 << 20;
const BURST: u64 = 8 << 20;
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);

/// A log file as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogFile {
    /// Tells a new file from the one before: engines begin one when it is large enough.
    pub(super) inode: u64,
    pub(super) size: u64,
}

/// What one tenant has written lately.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    last: LogFile,
    at: Instant,
    /// Bytes that it has written and not yet made up for.
    debt: u64,
}

impl Budget {
    /// Of a tenant whose log is looked at for the first time: what is in it says nothing about now.
    pub(super) fn new(file: LogFile, now: Instant) -> Self {
        Self { last: file, at: now, debt: 0 }
    }

    /// Takes note of the log as it is now. Returns for how long to pause the tenant, if at all.
    pub(super) fn spend(&mut self, file: LogFile, now: Instant) -> Option<Duration> {
        let grown = if file.inode == self.last.inode {
            file.size.saturating_sub(self.last.size)
        } else {
            // What the file before took after the last look is not known, and need not be: the next looks see as much.
            file.size
        };
        let elapsed = u64::try_from(now.duration_since(self.at).as_millis()).unwrap_or(u64::MAX);
        let made_up = elapsed.saturating_mul(RATE) / 1000;
        self.debt = self.debt.saturating_sub(made_up).saturating_add(grown);
        (self.last, self.at) = (file, now);
        // Down to half of the burst, so that it does not run for a moment only.
        let pause = Duration::from_millis(self.debt.saturating_sub(BURST / 2).saturating_mul(1000) / RATE);
        (self.debt > BURST).then(|| pause.min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_tenant_that_writes_too_much_is_paused_until_it_has_made_up_for_it() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let file = |inode, size| LogFile { inode, size };
        let mut budget = Budget::new(file(1, 100 * MIB), start);
        // What it may.
        for second in 1..100 {
            assert_eq!(budget.spend(file(1, 100 * MIB + second * MIB), at(second * 1000)), None);
        }
        assert_eq!(budget.spend(file(1, 207 * MIB), at(100_000)), None, "a burst");
        // Another file, and more than that.
        assert_eq!(budget.spend(file(2, 2 * MIB), at(100_000)), Some(Duration::from_secs(6)));
        assert_eq!(budget.spend(file(2, 2 * MIB), at(105_000)), None);
        assert_eq!(budget.spend(file(2, 900 * MIB), at(105_250)), Some(LONGEST));
    }

    #[test]
    fn a_flood_is_slowed_down_to_the_rate() {
        let start = Instant::now();
        let (mut now, mut size) = (start, 0);
        let mut budget = Budget::new(LogFile { inode: 1, size }, now);
        // Forty megabytes a second, looked at each quarter of one.
        while now.duration_since(start) < Duration::from_mins(5) {
            (now, size) = (now + Duration::from_millis(250), size + 10 * MIB);
            now += budget.spend(LogFile { inode: 1, size }, now).unwrap_or_default();
        }
        let rate = size / now.duration_since(start).as_secs();
        assert!(rate <= RATE + RATE / 10, "{rate} bytes a second");
    }
}
