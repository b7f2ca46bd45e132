//! How often something may happen. Pure.

use std::time::{Duration, Instant};

/// So many times at once, and again after each interval (a token bucket, in the form of the generic cell rate algorithm).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) interval: Duration,
    pub(crate) burst: u32,
}

/// What one party has left of its pace: all of it from this moment on.
pub(crate) type Rested = Instant;

impl Pace {
    /// Takes note of one more time; returns how long to wait before it, or the next one.
    pub(crate) fn spend(self, rested: &mut Rested, now: Instant) -> Duration {
        *rested = (*rested).max(now) + self.interval;
        rested.duration_since(now).saturating_sub(self.interval * self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_pace() {
        let (pace, start) = (Pace { interval: Duration::from_millis(10), burst: 3 }, Instant::now());
        let mut rested = start;
        let waits: Vec<u64> =
            (0..6).map(|_| u64::try_from(pace.spend(&mut rested, start).as_millis()).unwrap_or(u64::MAX)).collect();
        assert_eq!(waits, [0, 0, 0, 10, 20, 30]);
        // It has rested for long: no more than a burst is saved up.
        let later = start + Duration::from_mins(1);
        assert_eq!((0..3).map(|_| pace.spend(&mut rested, later)).max(), Some(Duration::ZERO));
        assert_eq!(pace.spend(&mut rested, later), Duration::from_millis(10));
    }
}
