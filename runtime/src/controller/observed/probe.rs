//! Checks a tenant's health again and again, and sets its port's backend accordingly.

use super::check::{Checker, Target};
use super::health::{Health, HealthHistory};
use super::outcome::{LastCheck, Outcome};
use crate::engine::ContainerEngine;
use crate::service::log;
use crate::tenant_ports::{Backend, BackendSender};
use jiff::Timestamp;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// What a watcher reports about its tenant.
#[derive(Debug, Clone)]
pub(in crate::controller) struct Reports {
    pub(in crate::controller) backend: BackendSender,
    pub(in crate::controller) health: watch::Sender<Health>,
    pub(in crate::controller) last_check: watch::Sender<Option<LastCheck>>,
}

/// Checks a tenant from its start on. Never returns.
pub(in crate::controller) async fn watch(target: Target, engine: Arc<dyn ContainerEngine>, reports: Reports) {
    let Reports { backend, health, last_check } = reports;
    let start = Instant::now();
    let mut history = HealthHistory::new(&target);
    let mut checker = Checker::new(target, engine);
    loop {
        // Only a change is logged and sent: a check every few seconds would fill the log of a host for years.
        let before = history.health;
        let outcome = checker.check().await;
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
