//! What systemd is told about the service (sd_notify(3)).

use crate::controller::Controller;
use crate::log;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;

/// The service answers.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The service ends.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing what was begun")]);
}

/// Feeds the watchdog, where there is one, as long as the controller is alive: its database answers, and its reconcile loop turns.
/// A service that only looks alive is restarted.
pub(crate) async fn feed_watchdog(controller: Arc<Controller>) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let pause = limit / 3;
    loop {
        // A check that hangs is as good as one that fails.
        match tokio::time::timeout(pause, controller.is_alive()).await {
            Ok(true) => tell(&[NotifyState::Watchdog]),
            Ok(false) | Err(_) => log::error!("not_alive", watchdog_ms = limit.as_millis()),
        }
        tokio::time::sleep(pause.max(Duration::from_millis(100))).await;
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warning!("notify_failed", error = error);
    }
}
