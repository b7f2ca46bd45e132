//! Checks a tenant's health again and again, and sets its port's backend accordingly.

use super::check::Checker;
use super::health::{Health, HealthHistory};
use super::outcome::{LastCheck, Outcome};
use crate::service::log;
use crate::tenant_ports::{Backend, BackendSender};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// What a watcher reports about its tenant.
#[derive(Debug, Clone)]
pub(in crate::controller) struct Reports {
    pub(in crate::controller) backend: BackendSender,
    pub(in crate::controller) health: watch::Sender<Health>,
    pub(in crate::controller) last_check: watch::Sender<Option<LastCheck>>,
}

/// Checks a tenant from its start on, except while it is `paused`. Never returns.
pub(in crate::controller) async fn watch(mut checker: Checker, reports: Reports, mut paused: watch::Receiver<bool>) {
    let Reports { backend, health, last_check } = reports;
    let start = Instant::now();
    let mut history = HealthHistory::new(&checker.target);
    loop {
        let _ = paused.wait_for(|paused| !paused).await;
        // Only a change is logged and sent: a check every few seconds would fill the log of a host for years.
        let before = history.health;
        let outcome = checker.check().await;
        // It was paused meanwhile: that it did not answer says nothing about it.
        if !outcome.is_healthy() && paused.has_changed().unwrap_or(false) {
            continue;
        }
        last_check.send_modify(|last| {
            *last = Some(LastCheck::after(*last, outcome, Timestamp::now(), std::time::Instant::now()));
        });
        // An engine that does not answer says nothing about the tenant.
        if outcome != Outcome::NotAsked {
            history = history.after(outcome.is_healthy(), start.elapsed());
        }
        if history.health != before {
            let (target, after) = (&checker.target, history.health);
            let (shown, after_ms) = (format!("{after:?}"), start.elapsed().as_millis());
            if after == Health::Unhealthy {
                log::warning!("tenant_health", tenant = target.id, health = shown, after_ms = after_ms);
            } else {
                log::info!("tenant_health", tenant = target.id, health = shown, after_ms = after_ms);
            }
            health.send_replace(history.health);
            // Clients are connected to an unhealthy tenant, too: it may serve everything except its health path.
            backend.set(Backend::Ready(target.address));
        }
        sleep(history.pause()).await;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::check::tests::{command, engine, unused};
    use super::super::check::{Checker, Target};
    use super::*;
    use crate::identity::EnvId;
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_mins(5);

    #[tokio::test]
    async fn a_check_that_a_pause_makes_fail_says_nothing_about_the_tenant() {
        let engine = engine().await;
        engine.state().command_exit = Some(0);
        engine.fail_next("command_exit");
        let gate = engine.hold("command_exit");
        let target = Target { id: EnvId(1), address: unused(), check: command(), start_period: Duration::ZERO };
        let mut checker = Checker::new(target, engine.clone());
        checker.command_limit = LIMIT;
        let last_check = watch::channel(None).0;
        let mut checks = last_check.subscribe();
        let (health, mut changed) = watch::channel(Health::Starting);
        let backend = BackendSender::of_no_port();
        let (paused, is_paused) = watch::channel(false);
        let watcher = tokio::spawn(watch(checker, Reports { backend, health, last_check }, is_paused));
        while engine.state().commands.is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
        paused.send_replace(true);
        gate.pass(1);
        paused.send_replace(false);
        drop(gate);
        checks.changed().await.unwrap();
        assert_eq!(checks.borrow().unwrap().outcome, Outcome::Exited(0));
        changed.changed().await.unwrap();
        assert_eq!(*changed.borrow(), Health::Healthy);
        watcher.abort();
    }
}
