//! When something last moved on a connection, and whether it has to give way to another one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::Notify;

/// What is known of one open connection while it is served.
#[derive(Debug)]
pub(crate) struct Activity {
    began: Instant,
    /// Milliseconds since then.
    last: AtomicU64,
    evicted: Notify,
}

impl Activity {
    /// Of a connection that begins now; times are counted from `began`.
    pub(crate) fn new(began: Instant) -> Self {
        let activity = Self { began, last: AtomicU64::new(0), evicted: Notify::new() };
        activity.touch();
        activity
    }

    /// Something has moved.
    pub(crate) fn touch(&self) {
        self.last.store(milliseconds_since(self.began), Ordering::Relaxed);
    }

    /// When something last moved, in milliseconds since the clock of all connections began. It never goes back.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn set_last(&self, last: u64) {
        self.last.store(last, Ordering::Relaxed);
    }

    /// Tells whoever serves the connection to end it.
    pub(super) fn evict(&self) {
        self.evicted.notify_one();
    }

    /// Returns when the connection has to give way to another one.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

/// The time on the clock that began then.
pub(super) fn milliseconds_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
