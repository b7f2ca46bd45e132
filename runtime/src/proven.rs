//! The proof that a release works: a file that says so once it has been healthy for long enough in one go.

use crate::log;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two looks, as a part of the time that is asked for.
const LOOKS: u32 = 60;
/// Most that is read of an earlier proof: a release's name is shorter.
const PROOF_BYTES: u64 = 256;

/// A proof that is to be given.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    /// Where it is written.
    pub(crate) path: PathBuf,
    /// What is proven: `<version>-<serial>`.
    pub(crate) release: String,
    /// How long everything is to be well in one go.
    pub(crate) after: Duration,
}

impl Proof {
    /// Asks now and then whether all is well, and returns when the proof has been given; at once when it was given before.
    pub(crate) async fn give(&self, healthy: impl AsyncFn() -> bool) {
        let mut since = None;
        while !self.is_given() {
            let now = Instant::now();
            since = if healthy().await { since.or(Some(now)) } else { None };
            if since.is_some_and(|since| since.elapsed() >= self.after) {
                let proof = self.clone();
                // Tried again at the next look where it fails: a full disk may have room by then.
                match tokio::task::spawn_blocking(move || proof.write()).await {
                    Ok(Ok(())) => return log::info!("proven", release = self.release),
                    Ok(Err(error)) => log::warning!("proof_not_written", path = self.path.display(), error = error),
                    Err(error) => log::warning!("proof_not_written", path = self.path.display(), error = error),
                }
            }
            tokio::time::sleep(self.after / LOOKS).await;
        }
    }

    fn is_given(&self) -> bool {
        let mut text = String::new();
        let read = File::open(&self.path).and_then(|file| file.take(PROOF_BYTES).read_to_string(&mut text));
        read.is_ok() && text == self.text()
    }

    fn text(&self) -> String {
        format!("{}\n", self.release)
    }

    /// Whole or not at all, and still there after a power cut.
    fn write(&self) -> io::Result<()> {
        let partial = self.path.with_extension("partial");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, &self.path)?;
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::cell::Cell;

    fn proof(folder: &tempfile::TempDir, after: Duration) -> Proof {
        Proof { path: folder.path().join("proven"), release: "1.1.0-2".into(), after }
    }

    #[tokio::test]
    async fn a_bad_moment_starts_the_time_anew() {
        let folder = tempfile::tempdir().unwrap();
        let proof = proof(&folder, Duration::from_millis(300));
        let (start, looks) = (Instant::now(), Cell::new(0));
        let last_bad = Cell::new(start);
        proof
            .give(async || {
                looks.set(looks.get() + 1);
                // Bad at first, and again after half of the time.
                let bad = start.elapsed() < Duration::from_millis(20) || (start.elapsed().as_millis() / 10) == 15;
                if bad {
                    last_bad.set(Instant::now());
                }
                assert!(!proof.path.exists());
                !bad
            })
            .await;
        assert!(last_bad.get().elapsed() >= proof.after, "{:?}", last_bad.get().elapsed());
        assert!(looks.get() > 10);
        assert_eq!(fs::read_to_string(&proof.path).unwrap(), "1.1.0-2\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[tokio::test]
    async fn a_proof_is_given_once_for_a_release() {
        let folder = tempfile::tempdir().unwrap();
        let mut proof = proof(&folder, Duration::from_millis(10));
        proof.give(async || true).await;
        let never = async || panic!("nothing is left to be asked");
        proof.give(never).await;
        proof.release = "1.0.0-1".into();
        proof.give(async || true).await;
        assert_eq!(fs::read_to_string(&proof.path).unwrap(), "1.0.0-1\n");
    }

    #[tokio::test]
    async fn a_proof_that_cannot_be_written_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let proof = proof(&folder, Duration::from_millis(60));
        let obstacle = folder.path().join("proven.partial");
        fs::create_dir(&obstacle).unwrap();
        let start = Instant::now();
        proof
            .give(async || {
                if start.elapsed() > Duration::from_millis(120) {
                    fs::remove_dir(&obstacle).unwrap_or_default();
                }
                true
            })
            .await;
        assert_eq!(fs::read_to_string(&proof.path).unwrap(), "1.1.0-2\n");
    }
}
