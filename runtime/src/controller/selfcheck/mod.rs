//! Checks that this service can do its work, by doing it.

mod canary;
mod choice;

pub use canary::CanaryError;

use super::{ActionError, Controller};
use crate::service::log;
use choice::Canary;
use landfall_host::runtime_program::selfcheck_limit;
use landfall_manifests::StartPeriod;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a self-check may take at most, with whatever image.
pub const SELF_CHECK_LIMIT: Duration = selfcheck_limit(StartPeriod::MAX.duration());
/// How long each check may take that changes nothing.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// The part of the limit that is reserved for removing a canary that did not become healthy.
const REMOVAL_TIME: Duration = Duration::from_secs(10);

/// The report of a self-check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfCheck {
    /// Whether no check failed.
    pub ok: bool,
    /// The installed release, `<version>-<serial>`.
    pub release: String,
    /// The checks in their order: `database`, `engine`, `images`, `canary`.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Whether it did not fail. One that was skipped did not fail; `detail` says why it was skipped.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// The finding, for people.
    pub detail: String,
}

impl Controller {
    /// Checks that the database can be written, that the engine answers and holds every tenant image of the release, and that a tenant
    /// can be spawned from one, becomes healthy within that image's start period, and can be removed. Other tenants are not touched. Takes
    /// [`SELF_CHECK_LIMIT`] at most.
    pub async fn self_check(self: &Arc<Self>) -> SelfCheck {
        let canary = Canary::choose(&self.deps.settings.canary, &self.deps.catalog.images);
        let by = Instant::now() + selfcheck_limit(canary.start_period());
        let (store, engine) = (&self.deps.store, &self.deps.engine);
        let database = async {
            let written = store.write_unchanged().await.map(|()| "takes writes".to_owned());
            written.map_err(|error| log::chain(&error))
        };
        let answers = async {
            let answered = engine.ping().await.map(|()| "answers".to_owned());
            answered.map_err(|error| log::chain(&error))
        };
        // In this order, so that a report begins with the cause: the canary needs all that is checked before it.
        let checks = vec![
            check("database", Instant::now() + CHECK_TIMEOUT, database).await,
            check("engine", Instant::now() + CHECK_TIMEOUT, answers).await,
            check("images", Instant::now() + CHECK_TIMEOUT, self.check_images()).await,
            check("canary", by, self.check_canary(canary, by)).await,
        ];
        for failed in checks.iter().filter(|check| !check.ok) {
            log::error!("self_check_failed", check = failed.name, detail = failed.detail);
        }
        SelfCheck { ok: checks.iter().all(|check| check.ok), release: self.deps.catalog.id(), checks }
    }

    async fn check_images(&self) -> Result<String, String> {
        let images = &self.deps.catalog.images;
        let mut failures = Vec::new();
        for record in images {
            if let Err(error) = self.image_of(record).await {
                failures.push(log::chain(&error));
            }
        }
        let names: Vec<_> = images.iter().map(|image| image.name.as_str()).collect();
        match failures.as_slice() {
            [] if names.is_empty() => Ok("the release has no tenant image".to_owned()),
            [] => Ok(format!("the engine holds {}", names.join(", "))),
            failures => Err(failures.join("; ")),
        }
    }

    async fn check_canary(self: &Arc<Self>, canary: Canary, by: Instant) -> Result<String, String> {
        let (image, note) = match canary {
            Canary::Image(image) => (image, String::new()),
            Canary::Instead { image, named } => {
                (image, format!("; the release has no tenant image {named}, which [update] canary names"))
            }
            Canary::Skipped(why) => return Ok(format!("skipped: {why}")),
        };
        let (this, name) = (Arc::clone(self), image.name.clone());
        // In a task of its own: a canary that takes too long is still removed.
        let work = tokio::spawn(async move { this.canary(image, by - REMOVAL_TIME).await });
        match work.await.unwrap_or(Err(CanaryError::Ending)) {
            Ok(healthy) => {
                Ok(format!("a tenant of {name} was healthy after {} ms, and removed{note}", healthy.as_millis()))
            }
            // A full host is no fault of the release, and a failed check would take an update back.
            Err(CanaryError::NotSpawned(full)) if is_full(&full) => Ok(format!("skipped: {full}")),
            Err(error) => Err(format!("a tenant of {name}: {error}{note}")),
        }
    }
}

/// Whether a canary was not spawned because the host has no room for one more tenant.
fn is_full(error: &ActionError) -> bool {
    match error {
        ActionError::NoFreePort { .. } => true,
        ActionError::NoFreeSubnet(error) => error.is_full(),
        _ => false,
    }
}

/// Runs one check, which fails when it takes longer than until `by`.
async fn check(name: &str, by: Instant, work: impl Future<Output = Result<String, String>>) -> Check {
    let start = Instant::now();
    let done = timeout_at(by, work).await;
    let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let found = done.unwrap_or_else(|_| Err(format!("not done after {} s", start.elapsed().as_secs())));
    let ok = found.is_ok();
    Check { name: name.to_owned(), ok, ms, detail: found.unwrap_or_else(|failure| failure) }
}
