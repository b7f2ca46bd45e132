//! The canary: a tenant that is made, becomes healthy and is removed, to find out whether tenants can be.
//!
//! It goes the way of every other tenant, but has a number and a name of its own that nobody can be given, and is in no list. Its row
//! never says that it runs, so a canary that a killed service left behind is removed at the next start like any spawn that was cut short.

use super::spawn::{Kind, Made, SpawnPlan};
use super::{ActionError, Controller, Health, spec};
use crate::engine::{EngineError, LogWindow, Volumes};
use crate::identity::{CANARY_NAME, EnvId, OrgId};
use crate::service::log;
use crate::store::{Environment, ImageRecord};
use futures_util::StreamExt as _;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How often the engine is asked whether the canary still runs.
const LOOK: Duration = Duration::from_millis(500);
/// Of the last words of a canary that did not become healthy: the lines, and how long to wait for them.
const LAST_LINES: u32 = 5;
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What went wrong with a canary.
#[derive(Debug, thiserror::Error)]
pub enum CanaryError {
    /// It was not made.
    #[error("it could not be spawned: {}", log::chain(.0))]
    NotMade(#[source] ActionError),
    /// Its container ended.
    #[error("its container ended{}{said}", .code.map(|code| format!(" with exit code {code}")).unwrap_or_default())]
    Ended {
        /// What it ended with, where the engine says so.
        code: Option<i64>,
        /// What it said last.
        said: String,
    },
    /// It did not answer its image's health path in time.
    #[error("it was not healthy after {} s{said}", .after.as_secs())]
    NotHealthy {
        /// How long it had run.
        after: Duration,
        /// What it said last.
        said: String,
    },
    /// The engine did not say whether it runs.
    #[error("it could not be looked at: {}", log::chain(.0))]
    NotSeen(#[source] EngineError),
    /// The service ends.
    #[error("the service is ending")]
    Ending,
    /// It was not removed; the reconcile loop goes on trying.
    #[error("it could not be removed: {}", log::chain(.0))]
    NotRemoved(#[source] ActionError),
    /// Something was left when it had been removed.
    #[error("its removal left something in the engine: {0}")]
    Remains(String),
}

impl Controller {
    /// Makes a canary, waits until it is healthy, and removes it with all that is its. Returns how long it took to become healthy.
    ///
    /// Waits for another canary to be gone. `healthy_by` bounds the waiting for its health; nothing else of it takes long unless the
    /// engine does.
    pub(super) async fn canary(&self, image: ImageRecord, healthy_by: Instant) -> Result<Duration, CanaryError> {
        let lock = self.locks.lock(EnvId::CANARY).await;
        self.remove_stale_canary().await.map_err(CanaryError::NotRemoved)?;
        let (kind, name) = (Kind::Canary(lock), CANARY_NAME.to_owned());
        let made = self.make(SpawnPlan { kind, name, org: OrgId::DEFAULT, image }).await;
        let Made { tenant, lock, key: _ } = made.map_err(CanaryError::NotMade)?;
        let start = Instant::now();
        let healthy = self.healthy(healthy_by).await.map(|()| start.elapsed());
        let removed = self.remove_canary(&tenant).await;
        drop(lock);
        // Why it was not healthy says more than that it could not be removed either.
        let healthy = healthy?;
        removed.map(|()| healthy)
    }

    /// Removes what the engine holds of any canary. Unlike a tenant's, its data is nobody's.
    pub(super) async fn clear_canary(&self) -> Result<(), ActionError> {
        Ok(self.clear(&spec::numbered_as(EnvId::CANARY), Volumes::Remove).await?)
    }

    /// What a restored database does not know of was left by a canary, too.
    async fn remove_stale_canary(&self) -> Result<(), ActionError> {
        if let Some(stale) = self.deps.store.environment(EnvId::CANARY).await? {
            self.remove(&stale).await?;
        }
        self.clear_canary().await
    }

    async fn remove_canary(&self, canary: &Environment) -> Result<(), CanaryError> {
        self.remove(canary).await.map_err(CanaryError::NotRemoved)?;
        let left = self.deps.engine.list(&spec::numbered_as(EnvId::CANARY)).await;
        let left = left.map_err(|error| CanaryError::NotRemoved(error.into()))?;
        let names: Vec<_> =
            left.containers.iter().chain(&left.networks).chain(&left.volumes).map(|one| &*one.name).collect();
        if names.is_empty() { Ok(()) } else { Err(CanaryError::Remains(names.join(", "))) }
    }

    /// Returns when the canary is healthy.
    async fn healthy(&self, by: Instant) -> Result<(), CanaryError> {
        let start = Instant::now();
        let mut ending = self.ending.subscribe();
        let healthy = async {
            match self.live.watch_health(EnvId::CANARY) {
                Some(mut health) => health.wait_for(|health| *health == Health::Healthy).await.is_ok(),
                None => false,
            }
        };
        let ends = async {
            // Gone with the controller, which is the end as well.
            let _ = ending.wait_for(|ending| *ending).await;
        };
        tokio::select! {
            true = healthy => Ok(()),
            () = ends => Err(CanaryError::Ending),
            ended = self.canary_ends() => Err(ended),
            () = tokio::time::sleep_until(by) => {
                Err(CanaryError::NotHealthy { after: start.elapsed(), said: self.last_words().await })
            }
        }
    }

    /// Returns when the canary's container does not run any more.
    async fn canary_ends(&self) -> CanaryError {
        loop {
            sleep(LOOK).await;
            match self.deps.engine.inspect(&EnvId::CANARY.container()).await {
                Ok(Some(state)) if state.running => {}
                Ok(state) => {
                    let code = state.and_then(|state| state.exit_code);
                    return CanaryError::Ended { code, said: self.last_words().await };
                }
                Err(error) => return CanaryError::NotSeen(error),
            }
        }
    }

    /// What the canary said last, as the end of a sentence.
    async fn last_words(&self) -> String {
        let window = LogWindow { tail: LAST_LINES, follow: false };
        let read = async {
            let stream = self.deps.engine.logs(&EnvId::CANARY.container(), window).await.ok()?;
            let lines: Vec<String> = stream.filter_map(|line| std::future::ready(line.ok())).collect().await;
            (!lines.is_empty()).then(|| format!("; it said: {}", lines.join(" | ")))
        };
        timeout(LAST_WORDS, read).await.ok().flatten().unwrap_or_default()
    }
}
