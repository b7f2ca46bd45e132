//! Keeps tenants from using up the disk: stops one whose volumes hold more than they may, and the one that took most when the host's reserve
//! is about to be used up.
//!
//! The kernel's project quotas would not hold a hostile tenant: whoever owns a file may give it to another project (`FS_IOC_FSSETXATTR`)
//! unless it is in a user namespace of its own. So the free space is watched, closely enough to act in time (`pace`), and tenants are killed,
//! which ends their writing at once; their data stays.

mod excess;
mod measuring;
mod pace;
mod shortage;

use super::{ActionError, Controller};
use crate::disk::Holding;
use crate::identity::EnvId;
use crate::service::log;
use crate::store::Status;
use excess::{Excess, over_limit};
use pace::{Measured, Trend};
use shortage::Shortage;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Pause between two looks at the free space.
const PAUSE: Duration = Duration::from_millis(250);
const URGENT_PAUSE: Duration = Duration::from_millis(50);
/// Pause after a measurement that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(5);
/// How long a tenant that does not run waits for the first measurement before it is started.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// What is known of the disk and of the tenants on it.
#[derive(Debug, Default)]
pub(super) struct DiskWatch {
    /// The tenants that are stopped for the disk.
    stopped: Mutex<BTreeMap<EnvId, Excess>>,
    /// What their volumes held when they were measured last.
    held: Mutex<BTreeMap<EnvId, Holding>>,
    /// The folder of a volume, on the file system that is watched.
    folder: Mutex<Option<PathBuf>>,
    /// Whether there are tenants that were never measured.
    requested: AtomicBool,
    /// Turns true with the first measurement, or the first that failed.
    looked: watch::Sender<bool>,
}

impl DiskWatch {
    fn stopped(&self) -> MutexGuard<'_, BTreeMap<EnvId, Excess>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a tenant is stopped for the disk, where it is.
    pub(super) fn stop_reason(&self, id: EnvId) -> Option<String> {
        self.stopped().get(&id).map(ToString::to_string)
    }

    /// What a tenant's volumes held when they were measured last.
    pub(super) fn holding(&self, id: EnvId) -> Option<Holding> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    /// A tenant was created, and has to be measured.
    pub(super) fn tenant_created(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// A tenant is gone.
    pub(super) fn tenant_removed(&self, id: EnvId) {
        self.stopped().remove(&id);
    }

    /// Tenants were measured, or cannot be.
    pub(super) fn looked_at(&self) {
        self.looked.send_replace(true);
    }

    /// Waits for the first measurement, for a while: a tenant that holds too much must not be started by a service that does not know it yet.
    pub(super) async fn first_look(&self) {
        let mut looked = self.looked.subscribe();
        let _ = tokio::time::timeout(FIRST_LOOK, looked.wait_for(|looked| *looked)).await;
    }
}

/// Why tenants cannot be measured, as long as that is so.
#[derive(Debug, Default)]
struct MeasuringFailure(Option<String>);

impl MeasuringFailure {
    /// Logs what changes: the same failure again and again would fill the log.
    fn note(&mut self, failure: Option<String>) {
        if let Some(error) = failure.as_ref().filter(|_| failure != self.0) {
            log::warning!("tenants_not_measured", error = error);
        } else if failure != self.0 {
            log::info!("tenants_measured_again");
        }
        self.0 = failure;
    }
}

impl Controller {
    /// Watches the disk.
    pub(super) async fn watch_disk(&self) -> Infallible {
        let limits = self.deps.settings.disk;
        let (mut trend, mut last, mut shortage) = (Trend::default(), None::<Measured>, Shortage::default());
        let (mut retry_at, mut failure) = (Instant::now(), MeasuringFailure::default());
        loop {
            let now = Instant::now();
            let free = self.free_for_volumes().await;
            let is_any_new = self.disk.requested.load(Ordering::Relaxed);
            let is_due = if let Some(free) = free {
                trend.add(now, free);
                trend.wants_measurement(last.as_ref(), limits, !self.disk.stopped().is_empty(), is_any_new)
            } else {
                // There are no volumes, or the first measurement finds them.
                trend = Trend::default();
                last.is_none() || is_any_new
            };
            if is_due && now >= retry_at {
                match self.measure(last.as_ref(), free, trend.is_urgent(limits)).await {
                    Ok(measured) => {
                        failure.note(None);
                        let in_danger = trend.is_reserve_in_danger(measured.at, measured.free, limits);
                        self.judge(&mut shortage, in_danger, &measured).await;
                        last = Some(measured);
                    }
                    Err(error) => {
                        failure.note(Some(log::chain(&error)));
                        retry_at = now + RETRY_PAUSE;
                    }
                }
                self.disk.looked_at();
            }
            tokio::time::sleep(if trend.is_urgent(limits) { URGENT_PAUSE } else { PAUSE }).await;
        }
    }

    /// Stops who has to be stopped, and lets those start again that no longer have to.
    async fn judge(&self, shortage: &mut Shortage, in_danger: bool, now: &Measured) {
        let limits = self.deps.settings.disk;
        let mut excesses = over_limit(&now.taken, limits);
        excesses.extend(shortage.judge(now, in_danger, limits, |id| self.disk.stopped().contains_key(&id)));
        self.disk.stopped().retain(|id, excess| {
            let has_ended = excess.has_ended(now.taken.get(id).copied().unwrap_or_default(), now.free, limits);
            if has_ended {
                // The reconcile loop starts it in its next round.
                log::info!("tenant_released", tenant = id, free = now.free);
            }
            !has_ended
        });
        for (id, excess) in excesses {
            let is_new = self.disk.stopped().get(&id).is_none();
            if is_new && id != EnvId::CANARY {
                self.stop_for_disk(id, excess).await;
            }
        }
    }

    /// Stops a tenant. Not under its lock: whoever holds it may wait for the engine, and the disk fills meanwhile.
    async fn stop_for_disk(&self, id: EnvId, excess: Excess) {
        // First, so that the reconcile loop does not start it again.
        self.disk.stopped().insert(id, excess);
        log::error!("tenant_stopped", tenant = id, reason = excess);
        if let Err(error) = self.keep_stopped(id, true).await {
            log::warning!("tenant_not_stopped", tenant = id, error = log::chain(&error));
        }
    }

    /// Leaves a tenant stopped that is stopped for the disk; kills its container where it runs.
    pub(super) async fn keep_stopped(&self, id: EnvId, running: bool) -> Result<(), ActionError> {
        if running {
            // Some engines kill no container that is paused.
            if self.output.is_paused(id) {
                self.resume(id).await;
            }
            self.deps.engine.kill(&id.container()).await?;
        }
        self.observed.held_back(id);
        let row = self.deps.store.environment(id).await?;
        // Written only where it changes, since the disk may be full.
        if row.is_some_and(|row| row.status == Status::Running) {
            self.deps.store.set_status(id, Status::Stopped).await?;
        }
        Ok(())
    }

    /// Refuses what would take disk space while there is less than tenants have to leave.
    pub(super) async fn check_reserve(&self) -> Result<(), ActionError> {
        let reserve = self.deps.settings.disk.reserve;
        match self.free_for_volumes().await {
            Some(free) if free < reserve => Err(ActionError::DiskShort { free, reserve }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_logged_when_it_begins_changes_or_ends() {
        let entries = log::tests::entries(|| {
            let mut failure = MeasuringFailure::default();
            for now in [None, Some("down"), Some("down"), Some("slow"), None, None] {
                failure.note(now.map(str::to_owned));
            }
        });
        let logged = entries.iter().map(|entry| (entry["EVENT"].as_str(), entry.get("ERROR").map(String::as_str)));
        let expected = [
            ("tenants_not_measured", Some("down")),
            ("tenants_not_measured", Some("slow")),
            ("tenants_measured_again", None),
        ];
        assert_eq!(logged.collect::<Vec<_>>(), expected);
    }
}
