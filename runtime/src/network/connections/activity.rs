//! When something last moved on a connection, and whether it has to give way to another one.

use super::clock::Clock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::task::AbortHandle;

/// What is known of one open connection while it is served.
#[derive(Debug)]
pub(crate) struct Activity {
    clock: Arc<Clock>,
    port: u16,
    /// In milliseconds of the clock.
    last: AtomicU64,
    evicted: AtomicBool,
    /// The task that serves it. An end from outside costs a connection nothing as long as it does not happen, as waiting for it would.
    task: OnceLock<AbortHandle>,
}

impl Activity {
    /// Of a connection at `port` that begins now.
    pub(crate) fn new(clock: Arc<Clock>, port: u16) -> Self {
        let activity =
            Self { clock, port, last: AtomicU64::new(0), evicted: AtomicBool::new(false), task: OnceLock::new() };
        activity.touch();
        activity
    }

    /// Something has moved.
    pub(crate) fn touch(&self) {
        self.last.store(self.clock.note(self.port), Ordering::Relaxed);
    }

    /// When something last moved, in milliseconds of the clock. It never goes back.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn set_last(&self, last: u64) {
        self.last.store(last, Ordering::Relaxed);
    }

    /// Names the task that serves the connection: it is ended when the connection has to give way to another one.
    pub(crate) fn served_by(&self, task: AbortHandle) {
        let task = self.task.get_or_init(|| task);
        // It may have had to before this.
        if self.is_evicted() {
            task.abort();
        }
    }

    /// Ends the task that serves the connection.
    pub(super) fn evict(&self) {
        self.evicted.store(true, Ordering::SeqCst);
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    pub(super) fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::SeqCst)
    }
}
