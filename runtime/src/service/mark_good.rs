//! Marks a start as healthy once it is, and its release as good once it has been healthy for long enough without interruption. The
//! installer counts a start that was not marked as one that failed, keeps a release that is good, and counts no more starts of it.

use crate::service::log;
use landfall_host::durable::PathError;
use landfall_host::{Invocation, mark};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often health is checked within the required time.
const CHECKS: u32 = 60;
/// The longest pause between two checks until the start is marked as healthy: a power cut, from then on, is no fault of the release.
const UNTIL_HEALTHY: Duration = Duration::from_millis(500);

/// The mark of one release.
#[derive(Debug, Clone)]
pub(crate) struct MarkGood {
    /// The file that holds it.
    pub(crate) path: PathBuf,
    /// The release: `<version>-<serial>`.
    pub(crate) release: String,
    /// How long the release must be healthy without interruption.
    pub(crate) after: Duration,
    /// This start of it; `None` where systemd did not start the service.
    pub(crate) start: Option<MarkHealthy>,
}

/// The mark of one start.
#[derive(Debug, Clone)]
pub(crate) struct MarkHealthy {
    /// The file that holds it.
    pub(crate) path: PathBuf,
    pub(crate) invocation: Invocation,
}

impl MarkGood {
    /// Checks health until the release can be marked, marks it, and returns; at once where it was marked before. The start is marked
    /// after the first good check.
    pub(crate) async fn when_healthy(&self, healthy: impl AsyncFn() -> bool) {
        let (mut since, mut start) = (None, self.start.clone());
        while !mark::is_on(&self.path, &self.release) {
            // The monotonic clock: setting the host's time makes no release good.
            let now = Instant::now();
            since = if healthy().await { since.or(Some(now)) } else { None };
            // A failure is tried again after the next check: a full disk may have space by then.
            if since.is_some()
                && let Some(mark) = start.clone()
                && written(mark, |mark| mark::put(&mark.path, &mark.invocation)).await
            {
                start = None;
            }
            if since.is_some_and(|since| since.elapsed() >= self.after)
                && written(self.clone(), |mark| mark::put(&mark.path, &mark.release)).await
            {
                return log::info!("marked_good", release = self.release);
            }
            let pause = self.after / CHECKS;
            tokio::time::sleep(if start.is_some() { pause.min(UNTIL_HEALTHY) } else { pause }).await;
        }
    }
}

/// Writes a mark, and returns whether it is written.
async fn written<M: Send + 'static>(mark: M, write: impl FnOnce(&M) -> Result<(), PathError> + Send + 'static) -> bool {
    match tokio::task::spawn_blocking(move || write(&mark)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            log::warning!("mark_not_written", path = error.path().display(), error = log::chain(&error));
            false
        }
        Err(error) => {
            log::warning!("mark_not_written", error = error);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::cell::Cell;
    use std::fs;

    fn mark(folder: &tempfile::TempDir, after: Duration) -> MarkGood {
        MarkGood { path: folder.path().join("proven"), release: "1.1.0-2".into(), after, start: None }
    }

    #[tokio::test]
    async fn an_unhealthy_moment_restarts_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let mark = mark(&folder, Duration::from_millis(300));
        let (last_bad, checks) = (Cell::new(Instant::now()), Cell::new(0));
        mark.when_healthy(async || {
            checks.set(checks.get() + 1);
            // Bad at first, and again after a few good checks.
            let bad = checks.get() < 3 || checks.get() == 6;
            if bad {
                last_bad.set(Instant::now());
            }
            assert!(!mark.path.exists());
            !bad
        })
        .await;
        assert!(last_bad.get().elapsed() >= mark.after, "{:?}", last_bad.get().elapsed());
        assert_eq!(fs::read_to_string(&mark.path).unwrap(), "1.1.0-2\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[tokio::test]
    async fn a_release_is_marked_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut mark = mark(&folder, Duration::from_millis(10));
        mark.when_healthy(async || true).await;
        let never = async || panic!("health is checked again");
        mark.when_healthy(never).await;
        mark.release = "1.0.0-1".into();
        mark.when_healthy(async || true).await;
        assert_eq!(fs::read_to_string(&mark.path).unwrap(), "1.0.0-1\n");
    }

    #[tokio::test]
    async fn a_mark_that_cannot_be_written_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let mark = mark(&folder, Duration::from_millis(60));
        let obstacle = landfall_host::durable::partial(&mark.path);
        fs::create_dir(&obstacle).unwrap();
        let checks = Cell::new(0);
        mark.when_healthy(async || {
            checks.set(checks.get() + 1);
            if checks.get() == 100 {
                fs::remove_dir(&obstacle).unwrap();
            }
            true
        })
        .await;
        assert!(checks.get() >= 100, "it was marked at check {}", checks.get());
        assert_eq!(fs::read_to_string(&mark.path).unwrap(), "1.1.0-2\n");
    }

    #[tokio::test]
    async fn a_start_is_marked_as_soon_as_it_is_healthy() {
        let folder = tempfile::tempdir().unwrap();
        let (path, invocation): (_, Invocation) = (folder.path().join("healthy"), "a".repeat(32).parse().unwrap());
        let start = MarkHealthy { path: path.clone(), invocation: invocation.clone() };
        let mark = MarkGood { start: Some(start), ..mark(&folder, Duration::from_mins(10)) };
        let checks = Cell::new(0);
        let checked = async || {
            checks.set(checks.get() + 1);
            assert!(!mark::is_on(&path, &invocation), "marked before it was healthy");
            checks.get() == 3
        };
        // The check after the third is minutes away.
        let waited = tokio::time::timeout(Duration::from_mins(1), async {
            tokio::select! {
                () = mark.when_healthy(checked) => {}
                () = async { while !path.exists() { tokio::time::sleep(Duration::from_millis(10)).await } } => {}
            }
        });
        waited.await.unwrap();
        assert!(mark::is_on(&path, &invocation) && !mark.path.exists());
        assert_eq!(checks.get(), 3);
    }
}
