//! The canary: a tenant that a self-check spawns and removes, to find out whether the release can run tenants.
//!
//! It is spawned like every other tenant, but has a number and a name that no other tenant can have, and is in no list. Its row never says
//! that it runs, so that a canary that a killed service left behind is removed at the next start like any interrupted spawn.

use crate::controller::provision::spec;
use crate::controller::spawn::{SpawnKind, SpawnPlan, Started};
use crate::controller::{ActionError, Controller};
use crate::engine::{EngineError, Volumes};
use crate::identity::{CANARY_NAME, EnvId, OrgId};
use crate::service::log;
use crate::store::{Environment, ImageRecord};
use std::time::Duration;
use tokio::time::Instant;

/// Why a canary failed.
#[derive(Debug, thiserror::Error)]
pub enum CanaryError {
    /// It was not spawned.
    #[error("it could not be spawned: {}", log::chain(.0))]
    NotSpawned(#[source] ActionError),
    /// Its container ended.
    #[error("its container ended{}{output}", .code.map(|code| format!(" with exit code {code}")).unwrap_or_default())]
    Ended {
        /// Its exit code, where the engine reports one.
        code: Option<i64>,
        /// The end of its output.
        output: String,
    },
    /// It did not answer its image's health path in time.
    #[error("it was not healthy after {} s{output}", .after.as_secs())]
    NotHealthy {
        /// How long it had run.
        after: Duration,
        /// The end of its output.
        output: String,
    },
    /// The engine did not report whether it runs.
    #[error("it could not be inspected: {}", log::chain(.0))]
    NotInspected(#[source] EngineError),
    /// The service is stopping.
    #[error("the service is ending")]
    Ending,
    /// It was not removed; the reconcile loop tries again.
    #[error("it could not be removed: {}", log::chain(.0))]
    NotRemoved(#[source] ActionError),
    /// Something of it was left after its removal.
    #[error("its removal left something in the engine: {0}")]
    Remains(String),
}

impl Controller {
    /// Spawns a canary, waits until it is healthy, and removes it. Returns how long it took to become healthy.
    ///
    /// Waits until another canary is removed. Its image's start period bounds the wait for its health, and so does `end`; all else takes
    /// long only where the engine does.
    pub(super) async fn canary(&self, image: ImageRecord, end: Instant) -> Result<Duration, CanaryError> {
        let start_period = image.tenant.start_period.duration();
        let lock = self.locks.lock(EnvId::CANARY).await;
        self.remove_stale_canary().await.map_err(CanaryError::NotRemoved)?;
        let (kind, name) = (SpawnKind::Canary(lock), CANARY_NAME.to_owned());
        let started = self.start(SpawnPlan { kind, name, org: OrgId::DEFAULT, image }).await;
        let Started { tenant, lock, key: _ } = started.map_err(CanaryError::NotSpawned)?;
        let start = Instant::now();
        let healthy = self.healthy(end.min(start + start_period)).await.map(|()| start.elapsed());
        let removed = self.remove_canary(&tenant).await;
        drop(lock);
        // The first error is reported: why it was not healthy, rather than why it could not be removed.
        let healthy = healthy?;
        removed.map(|()| healthy)
    }

    /// Removes everything of any canary from the engine, its volumes too: unlike a tenant's, they hold nobody's data.
    pub(in crate::controller) async fn clear_canary(&self) -> Result<(), ActionError> {
        let canaries = spec::of_number(&self.deps.installation, EnvId::CANARY);
        Ok(self.remove_owned(&canaries, Volumes::Remove).await?)
    }

    /// Removes what an earlier canary left, with its row or, after a database was restored, without one.
    async fn remove_stale_canary(&self) -> Result<(), ActionError> {
        if let Some(stale) = self.deps.store.environment(EnvId::CANARY).await? {
            self.remove(&stale).await?;
        }
        self.clear_canary().await
    }

    async fn remove_canary(&self, canary: &Environment) -> Result<(), CanaryError> {
        self.remove(canary).await.map_err(CanaryError::NotRemoved)?;
        let left = self.deps.engine.list(spec::of_number(&self.deps.installation, EnvId::CANARY).selector()).await;
        let left = left.map_err(|error| CanaryError::NotRemoved(error.into()))?;
        let names: Vec<_> =
            left.containers.iter().chain(&left.networks).chain(&left.volumes).map(|one| &*one.name).collect();
        if names.is_empty() { Ok(()) } else { Err(CanaryError::Remains(names.join(", "))) }
    }

    /// Waits until the canary is healthy.
    async fn healthy(&self, by: Instant) -> Result<(), CanaryError> {
        let start = Instant::now();
        let mut ending = self.ending.subscribe();
        let ends = async {
            // A dropped sender is the end, too.
            let _ = ending.wait_for(|ending| *ending).await;
        };
        tokio::select! {
            // `false` disables the branch: a port that was closed meanwhile leaves the outcome to the others.
            true = self.becomes_healthy(EnvId::CANARY) => Ok(()),
            () = ends => Err(CanaryError::Ending),
            ended = self.container_end(EnvId::CANARY) => match ended {
                Ok(code) => Err(CanaryError::Ended { code, output: self.last_lines(EnvId::CANARY).await }),
                Err(error) => Err(CanaryError::NotInspected(error)),
            },
            () = tokio::time::sleep_until(by) => {
                Err(CanaryError::NotHealthy { after: start.elapsed(), output: self.last_lines(EnvId::CANARY).await })
            }
        }
    }
}
