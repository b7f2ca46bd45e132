//! How soon a tenant that keeps ending is started again. Pure.

use std::time::{Duration, Instant};

/// A tenant that ran for so long is not to blame for the last time.
const STEADY: Duration = Duration::from_mins(1);
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_mins(1);
/// From so many tries on, callers are no longer kept waiting.
const HOPELESS: u32 = 3;

/// The tries to get one tenant to run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tries {
    count: u32,
    last: Option<Instant>,
}

impl Tries {
    /// When the next try may be made: at once the first time, then 1, 2, 4 … 60 seconds after the last.
    fn next(self) -> Option<Instant> {
        let pause = Duration::from_secs(1_u64.checked_shl(self.count.saturating_sub(1)).unwrap_or(u64::MAX));
        (self.count > 0).then_some(self.last).flatten().map(|last| last + pause.min(LONGEST))
    }

    /// Whether a try may be made now.
    pub(super) fn allow(self, now: Instant) -> bool {
        self.next().is_none_or(|next| now >= next)
    }

    /// Counts a try that is made now.
    pub(super) fn count(&mut self, now: Instant) {
        let steady = self.last.is_some_and(|last| now.duration_since(last) >= STEADY + LONGEST);
        self.count = if steady { 1 } else { self.count.saturating_add(1) };
        self.last = Some(now);
    }

    /// Whether it is unlikely to run soon.
    pub(super) fn hopeless(self) -> bool {
        self.count >= HOPELESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_at_growing_distances() {
        let start = Instant::now();
        let mut tries = Tries::default();
        assert!(tries.allow(start));
        let mut now = start;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            tries.count(now);
            let next = now + Duration::from_secs(pause);
            assert!(!tries.allow(next.checked_sub(Duration::from_millis(1)).unwrap_or(now)), "{pause}");
            assert!(tries.allow(next), "{pause}");
            now = next;
        }
        assert!(tries.hopeless());
    }

    #[test]
    fn a_tenant_that_ran_for_long_is_started_at_once() {
        let start = Instant::now();
        let mut tries = Tries::default();
        for _ in 0..5 {
            tries.count(start);
        }
        let later = start + STEADY + LONGEST;
        assert!(tries.allow(later));
        tries.count(later);
        assert!(!tries.hopeless());
        assert!(tries.allow(later + Duration::from_secs(1)));
    }
}
