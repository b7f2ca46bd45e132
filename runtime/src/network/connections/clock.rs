//! The clock of all connections, and which ports had traffic last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bits of a port's number.
const PORT: u32 = 16;

/// Milliseconds since connections began, and the two ports on which something moved last: the second one tells any port whether another had
/// traffic lately.
#[derive(Debug)]
pub(crate) struct Clock {
    began: Instant,
    /// Each a time and a port in one number. Between two threads a note may get lost, which the next one makes up for.
    latest: AtomicU64,
    before: AtomicU64,
}

impl Clock {
    /// It begins now.
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), latest: AtomicU64::new(0), before: AtomicU64::new(0) }
    }

    /// The milliseconds until now.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Notes that something moved at `port`; returns the time.
    pub(super) fn note(&self, port: u16) -> u64 {
        let now = self.now();
        self.note_at(port, now);
        now
    }

    fn note_at(&self, port: u16, now: u64) {
        let (note, latest) = ((now << PORT) | u64::from(port), self.latest.load(Ordering::Relaxed));
        // Mostly: processors share what is not written.
        if note == latest {
            return;
        }
        if port_of(latest) != port {
            self.before.store(latest, Ordering::Relaxed);
        }
        self.latest.store(note, Ordering::Relaxed);
    }

    /// Whether something moved at another port than this one within the last `span`.
    pub(super) fn others_moved(&self, port: u16, span: Duration) -> bool {
        self.others_moved_at(port, span, self.now())
    }

    fn others_moved_at(&self, port: u16, span: Duration, now: u64) -> bool {
        let [latest, before] = [&self.latest, &self.before].map(|note| note.load(Ordering::Relaxed));
        let other = if port_of(latest) == port { before } else { latest };
        // Nothing has moved yet where the note is none.
        other != 0 && u128::from(now.saturating_sub(other >> PORT)) < span.as_millis()
    }
}

/// The port of a note.
fn port_of(note: u64) -> u16 {
    u16::try_from(note & u64::from(u16::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_learns_whether_others_have_traffic() {
        const SPAN: Duration = Duration::from_secs(1);
        let clock = Clock::new();
        let others_moved = |port, now| clock.others_moved_at(port, SPAN, now);
        assert!(!others_moved(1, 0), "nothing has moved yet");
        clock.note_at(1, 5);
        clock.note_at(1, 6);
        assert!(!others_moved(1, 7) && others_moved(2, 7));
        clock.note_at(2, 7);
        assert!(others_moved(1, 8) && others_moved(2, 8) && others_moved(3, 8));
        for now in 8..2000 {
            clock.note_at(1, now);
        }
        assert!(!others_moved(1, 2000) && others_moved(2, 2000), "the other one has been idle for long");
    }
}
