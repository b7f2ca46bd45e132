//! How soon a tenant whose container keeps ending is started again. Pure.

use std::time::{Duration, Instant};

/// A tenant that ran for so long starts over with the first pause.
const STABLE_AFTER: Duration = Duration::from_mins(1);
/// The longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// From so many attempts on, clients are refused instead of kept waiting.
const HOPELESS_AFTER: u32 = 3;

/// The attempts to start one tenant.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::controller) struct StartBackoff {
    count: u32,
    last: Option<Instant>,
}

impl StartBackoff {
    /// When the next attempt may be made: at once the first time, then 1, 2, 4 … 60 seconds after the last.
    fn next(self) -> Option<Instant> {
        // From the 65th attempt on the shift has no result, and the longest pause applies.
        let pause = Duration::from_secs(1_u64.checked_shl(self.count.saturating_sub(1)).unwrap_or(u64::MAX));
        (self.count > 0).then_some(self.last).flatten().map(|last| last + pause.min(MAX_PAUSE))
    }

    /// Whether an attempt may be made now.
    pub(in crate::controller) fn allows(self, now: Instant) -> bool {
        self.next().is_none_or(|next| now >= next)
    }

    /// Counts an attempt that is made now.
    pub(in crate::controller) fn count(&mut self, now: Instant) {
        // Up to `MAX_PAUSE` between two attempts may be the backoff itself. Only what is longer shows that the tenant
        // ran.
        let stable = self.last.is_some_and(|last| now.duration_since(last) >= STABLE_AFTER + MAX_PAUSE);
        self.count = if stable { 1 } else { self.count.saturating_add(1) };
        self.last = Some(now);
    }

    /// Whether the tenant is unlikely to run soon.
    pub(in crate::controller) fn is_hopeless(self) -> bool {
        self.count >= HOPELESS_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_at_growing_intervals() {
        let start = Instant::now();
        let mut backoff = StartBackoff::default();
        assert!(backoff.allows(start));
        let mut now = start;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            backoff.count(now);
            let next = now + Duration::from_secs(pause);
            assert!(!backoff.allows(next.checked_sub(Duration::from_millis(1)).unwrap_or(now)), "{pause}");
            assert!(backoff.allows(next), "{pause}");
            now = next;
        }
        assert!(backoff.is_hopeless());
    }

    #[test]
    fn a_tenant_that_ran_for_long_is_started_at_once() {
        let start = Instant::now();
        let mut backoff = StartBackoff::default();
        for _ in 0..5 {
            backoff.count(start);
        }
        let later = start + STABLE_AFTER + MAX_PAUSE;
        assert!(backoff.allows(later));
        backoff.count(later);
        assert!(!backoff.is_hopeless());
        assert!(backoff.allows(later + Duration::from_secs(1)));
    }
}
