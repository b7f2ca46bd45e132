//! A ration of lines in the log, for events that anybody can cause.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of a kind in each [`WINDOW`]: more of the same tell nobody more, and would push older events out of the journal.
const LINES: u32 = 60;
const WINDOW: Duration = Duration::from_mins(1);

/// Counts events, and says which of them get a line.
#[derive(Debug, Default)]
pub(crate) struct Ration(Mutex<Option<(Instant, u32)>>);

impl Ration {
    /// Whether an event gets a line; if so, how many before it, in a window that is over, got none.
    pub(crate) fn take(&self, now: Instant) -> Option<u32> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *window {
            Some((since, events)) if now.saturating_duration_since(*since) < WINDOW => {
                *events = events.saturating_add(1);
                (*events <= LINES).then_some(0)
            }
            over => {
                let withheld = over.map_or(0, |(_, events)| events.saturating_sub(LINES));
                *over = Some((now, 1));
                Some(withheld)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_its_ration_and_is_counted() {
        let (ration, start) = (Ration::default(), Instant::now());
        let lines = (0..LINES + 7).filter_map(|_| ration.take(start)).count();
        assert_eq!(lines, LINES as usize);
        assert_eq!(ration.take(start + WINDOW), Some(7));
        assert_eq!(ration.take(start + WINDOW), Some(0));
        assert_eq!(ration.take(start + WINDOW * 2), Some(0));
    }
}
