//! Notices that a tenant's container ends right after its start, and reads the last that it wrote.

use super::{Controller, Health};
use crate::engine::{EngineError, LogWindow};
use crate::identity::EnvId;
use futures_util::StreamExt as _;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How soon the engine is asked first whether a container still runs. Each further pause is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(60);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How many of the last lines of a container's output are reported, and how long to wait for them.
const LAST_LINES: u32 = 5;
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(2);

impl Controller {
    /// Waits until a container ends, and returns its exit code, where the engine reports one.
    pub(super) async fn container_end(&self, id: EnvId) -> Result<Option<i64>, EngineError> {
        let mut pause = FIRST_PAUSE;
        loop {
            sleep(pause).await;
            match self.deps.engine.inspect(&id.container()).await? {
                Some(state) if state.running => pause = LONGEST_PAUSE.min(pause * 2),
                state => return Ok(state.and_then(|state| state.exit_code)),
            }
        }
    }

    /// Waits until a tenant is healthy. Returns `false` where nobody will check it any more.
    pub(super) async fn becomes_healthy(&self, id: EnvId) -> bool {
        match self.observed.watch_health(id) {
            Some(mut health) => health.wait_for(|health| *health == Health::Healthy).await.is_ok(),
            None => false,
        }
    }

    /// The exit code of a container that ends within `limit` of its start, before it is healthy. `None` where it runs on; also where the
    /// engine does not say: then it is the reconcile loop's.
    pub(super) async fn ended_at_once(&self, id: EnvId, limit: Duration) -> Option<Option<i64>> {
        tokio::select! {
            // `true` alone: otherwise the others decide.
            true = self.becomes_healthy(id) => None,
            ended = self.container_end(id) => ended.ok(),
            () = sleep(limit) => None,
        }
    }

    /// The last lines of a container's output, as the end of a sentence.
    pub(super) async fn last_lines(&self, id: EnvId) -> String {
        let window = LogWindow { tail: LAST_LINES, follow: false };
        let read = async {
            let stream = self.deps.engine.logs(&id.container(), window).await.ok()?;
            let lines: Vec<String> = stream.filter_map(|line| std::future::ready(line.ok())).collect().await;
            (!lines.is_empty()).then(|| format!("; its last output: {}", lines.join(" | ")))
        };
        timeout(LAST_LINES_TIMEOUT, read).await.ok().flatten().unwrap_or_default()
    }
}
