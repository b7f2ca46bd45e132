//! Marks a release as good once it has been healthy for long enough without interruption. The installer keeps such a release, and counts
//! no more starts of it.

use crate::service::log;
use landfall_host::good_mark;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often health is checked within the required time.
const CHECKS: u32 = 60;

/// The mark of one release.
#[derive(Debug, Clone)]
pub(crate) struct MarkGood {
    /// The file that holds it.
    pub(crate) path: PathBuf,
    /// The release: `<version>-<serial>`.
    pub(crate) release: String,
    /// How long the release must be healthy without interruption.
    pub(crate) after: Duration,
}

impl MarkGood {
    /// Checks health until the release can be marked, marks it, and returns; at once where it was marked before.
    pub(crate) async fn when_healthy(&self, healthy: impl AsyncFn() -> bool) {
        let mut since = None;
        while !good_mark::is_marked(&self.path, &self.release) {
            // The monotonic clock: setting the host's time makes no release good.
            let now = Instant::now();
            since = if healthy().await { since.or(Some(now)) } else { None };
            if since.is_some_and(|since| since.elapsed() >= self.after) {
                let mark = self.clone();
                // A failure is tried again after the next check: a full disk may have space by then.
                match tokio::task::spawn_blocking(move || good_mark::mark(&mark.path, &mark.release)).await {
                    Ok(Ok(())) => return log::info!("marked_good", release = self.release),
                    Ok(Err(error)) => {
                        log::warning!("mark_not_written", path = self.path.display(), error = log::chain(&error));
                    }
                    Err(error) => log::warning!("mark_not_written", path = self.path.display(), error = error),
                }
            }
            tokio::time::sleep(self.after / CHECKS).await;
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
        MarkGood { path: folder.path().join("proven"), release: "1.1.0-2".into(), after }
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
}
