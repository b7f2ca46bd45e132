//! Keeps a tenant's output from costing the others: pauses a container whose log grows too fast, in slices.
//!
//! Not by the engine's log drivers: they only choose between a tenant that waits for the engine and lines that are dropped, and the engine
//! works as hard in either case.

mod budget;

use super::Controller;
use crate::engine::EngineError;
use crate::identity::EnvId;
use crate::service::log;
use budget::{Budget, LogFile};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Pause between two looks at the logs.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a tenant's pause is told in its status.
const TOLD_FOR: Duration = Duration::from_mins(5);

/// The tenants' logs.
#[derive(Debug, Default)]
pub(super) struct OutputWatch(Mutex<BTreeMap<EnvId, Log>>);

/// The log of one tenant that runs.
#[derive(Debug, Default)]
struct Log {
    /// Where it is; `None` where the engine does not say.
    path: Option<PathBuf>,
    budget: Option<Budget>,
    /// Until when its container is paused.
    paused_until: Option<Instant>,
    /// When it was paused last.
    paused_at: Option<Instant>,
}

impl OutputWatch {
    fn logs(&self) -> MutexGuard<'_, BTreeMap<EnvId, Log>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a tenant's container is paused for its output.
    pub(super) fn is_paused(&self, id: EnvId) -> bool {
        self.logs().get(&id).is_some_and(|log| log.paused_until.is_some())
    }

    /// What to tell about a tenant.
    pub(super) fn warning(&self, id: EnvId) -> Option<String> {
        let paused = self.logs().get(&id).and_then(|log| log.paused_at);
        let text = "it writes more output than its log takes in, 1 MiB a second, and is paused in between";
        paused.filter(|at| at.elapsed() < TOLD_FOR).map(|_| text.to_owned())
    }

    /// The tenants whose pause is over.
    fn over(&self, now: Instant) -> Vec<EnvId> {
        let logs = self.logs();
        let over = logs.iter().filter(|(_, log)| log.paused_until.is_some_and(|until| until <= now));
        over.map(|(id, _)| *id).collect()
    }

    /// The logs that may grow.
    fn growing(&self) -> Vec<(EnvId, PathBuf)> {
        let logs = self.logs();
        let growing = logs.iter().filter(|(_, log)| log.paused_until.is_none());
        growing.filter_map(|(id, log)| Some((*id, log.path.clone()?))).collect()
    }

    /// Takes note of logs as they are; returns the tenants to be paused, and for how long. A log that is gone is looked for again: its
    /// container was made anew.
    fn spend(&self, files: Vec<(EnvId, Option<LogFile>)>, now: Instant) -> Vec<(EnvId, Duration)> {
        let mut logs = self.logs();
        let mut excesses = Vec::new();
        for (id, file) in files {
            let Some(file) = file else {
                logs.remove(&id);
                continue;
            };
            let Some(log) = logs.get_mut(&id) else { continue };
            let pause = log.budget.get_or_insert(Budget::new(file, now)).spend(file, now);
            excesses.extend(pause.map(|pause| (id, pause)));
        }
        excesses
    }
}

impl Controller {
    /// Watches the logs.
    pub(super) async fn watch_output(&self) -> Infallible {
        loop {
            self.look_at_output().await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn look_at_output(&self) {
        let ids = self.observed.running();
        self.output.logs().retain(|id, log| ids.contains(id) || log.paused_until.is_some());
        for id in ids {
            if !self.output.logs().contains_key(&id) {
                self.find_log(id).await;
            }
        }
        join_all(self.output.over(Instant::now()).into_iter().map(|id| self.resume(id))).await;
        let growing = self.output.growing();
        let look = move || growing.into_iter().map(|(id, path)| (id, look_at(&path))).collect();
        let files = tokio::task::spawn_blocking(look).await.unwrap_or_default();
        let excesses = self.output.spend(files, Instant::now());
        join_all(excesses.into_iter().map(|(id, pause)| self.pause(id, pause))).await;
    }

    async fn find_log(&self, id: EnvId) {
        // An engine that does not answer is asked again with the next look.
        if let Ok(Some(state)) = self.deps.engine.inspect(&id.container()).await {
            self.output.logs().insert(id, Log { path: state.log, ..Log::default() });
        }
    }

    async fn pause(&self, id: EnvId, pause: Duration) {
        let now = Instant::now();
        let is_first = self.output.warning(id).is_none();
        // First, so that the reconcile loop does not take it for somebody else's.
        if let Some(log) = self.output.logs().get_mut(&id) {
            (log.paused_until, log.paused_at) = (Some(now + pause), Some(now));
        }
        self.observed.note_pause(id, true);
        if is_first {
            log::warning!("tenant_paused", tenant = id, reason = "it writes more than 1 MiB of output a second");
        }
        // Where that fails, it goes on, and the next look sees it. What is undone below is undone then as well.
        if let Err(error) = self.deps.engine.pause(&id.container()).await {
            log::warning!("tenant_not_paused", tenant = id, error = log::chain(&error));
        }
    }

    /// Lets a tenant go on.
    pub(super) async fn resume(&self, id: EnvId) {
        match self.deps.engine.unpause(&id.container()).await {
            // It is not paused, or not there: nothing to resume.
            Ok(()) | Err(EngineError::NotFound { .. } | EngineError::Failed { .. }) => {
                if let Some(log) = self.output.logs().get_mut(&id) {
                    log.paused_until = None;
                }
                self.observed.note_pause(id, false);
            }
            Err(error) => log::warning!("tenant_not_resumed", tenant = id, error = log::chain(&error)),
        }
    }

    /// Lets all go on: the service ends, and nobody would.
    pub(super) async fn resume_all(&self) {
        let paused: Vec<EnvId> =
            self.output.logs().iter().filter(|(_, log)| log.paused_until.is_some()).map(|(id, _)| *id).collect();
        join_all(paused.into_iter().map(|id| self.resume(id))).await;
    }
}

fn look_at(path: &Path) -> Option<LogFile> {
    let about = std::fs::metadata(path).ok()?;
    Some(LogFile { inode: about.ino(), size: about.len() })
}
