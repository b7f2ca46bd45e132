//! Tells systemd how the service is: ready, alive, stopping (sd_notify(3)).

use crate::service::log;
use sd_notify::NotifyState;
use std::time::Duration;

/// The service answers requests.
pub(crate) fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The service stops.
pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Notifies systemd's watchdog, where the unit has one, as long as `is_alive` says so in time. systemd restarts a service that stops
/// doing so. Never returns.
pub(crate) async fn feed_watchdog(is_alive: impl AsyncFn() -> bool) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    // A check may take a third and the pause is another: a ping is due within the limit (sd_watchdog_enabled(3)
    // recommends half of it).
    let pause = limit / 3;
    loop {
        // A check that hangs counts as one that fails: a service that only looks alive must be restarted.
        if tokio::time::timeout(pause, is_alive()).await == Ok(true) {
            notify(&[NotifyState::Watchdog]);
        } else {
            log::error!("not_alive", watchdog_ms = limit.as_millis());
        }
        tokio::time::sleep(pause.max(Duration::from_millis(100))).await;
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warning!("notify_failed", error = error);
    }
}
