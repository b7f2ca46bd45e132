//! Limits how often an event is logged that any client can cause.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind in each [`WINDOW`]: more of them say nothing new, and would push older events out of the journal.
const LINES: u32 = 60;
const WINDOW: Duration = Duration::from_mins(1);

/// Counts events, and decides which of them are logged.
#[derive(Debug, Default)]
pub(crate) struct LogRateLimit(Mutex<Option<(Instant, u32)>>);

impl LogRateLimit {
    /// Nothing was counted yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether to log an event. If so: how many events of the last window were suppressed, where this one begins a new window.
    pub(crate) fn admit(&self, now: Instant) -> Option<u32> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *window {
            Some((since, events)) if now.saturating_duration_since(*since) < WINDOW => {
                *events = events.saturating_add(1);
                (*events <= LINES).then_some(0)
            }
            over => {
                let suppressed = over.map_or(0, |(_, events)| events.saturating_sub(LINES));
                *over = Some((now, 1));
                Some(suppressed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_logged_up_to_the_limit_and_the_rest_is_counted() {
        let (limit, start) = (LogRateLimit::default(), Instant::now());
        let lines = (0..LINES + 7).filter_map(|_| limit.admit(start)).count();
        assert_eq!(lines, LINES as usize);
        assert_eq!(limit.admit(start + WINDOW), Some(7));
        assert_eq!(limit.admit(start + WINDOW), Some(0));
        assert_eq!(limit.admit(start + WINDOW * 2), Some(0));
    }
}
