//! How often a release may still be started before it counts as broken: `state/tries`.
//!
//! The counter is written before a switch, lowered durably before each start of the service, and taken away once the release
//! has proven itself, or is no longer the current one. The runtime says that it has, in [`Layout::proven`], after ten good
//! minutes in one go. So neither a crash loop nor a power cut in the middle of one lets a broken release run for ever, before
//! its commit or after it.
//!
//! Lowering happens without the installer's lock, which the one that waits for the start may hold. Whoever changes the counter
//! holds the state folder itself, for that moment only: what was read before a switch is not written after it.

use super::error::StateError;
use super::folder_lock::lock_folder;
use crate::durable::{self, PathError};
use crate::layout::Layout;
use crate::lock::{Lock, LockError};
use crate::record::{RecordError, read_json, write_json};
use crate::settings;
use landfall_manifests::{Digest, ReleaseId};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How often a release that has not proven itself is started.
const TRIES: u32 = 5;
/// A release's id and a newline.
const PROVEN_BYTES: u64 = 512;
/// How long another process that changes the counter is waited for: a slow disk takes less, and landfall.service gives its
/// hook more.
const PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(10);

/// The record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Tries {
    /// `<version>-<serial>`
    pub(crate) release: String,
    pub(crate) left: u32,
    /// The text of `config.toml` when the release became the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<Digest>,
    /// It ended after its last try, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) spent: bool,
}

/// What a start means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Nothing is counted, or there are tries left.
    Free,
    /// The release has had its tries.
    Exhausted,
}

impl Tries {
    pub(crate) fn read(layout: &Layout) -> Result<Option<Self>, RecordError> {
        read_json(&layout.tries())
    }

    /// Begins to count the starts of a release. Its settings are in place.
    pub(crate) fn arm(layout: &Layout, release: &ReleaseId) -> Result<(), LockError> {
        let settings = settings_of(layout);
        Self { release: release.to_string(), left: TRIES, settings, spent: false }.write(layout)
    }

    pub(crate) fn write(&self, layout: &Layout) -> Result<(), LockError> {
        let _turn = turn(layout)?;
        Ok(self.put(layout)?)
    }

    fn put(&self, layout: &Layout) -> Result<(), PathError> {
        write_json(&layout.tries(), self)
    }

    /// Stops to count.
    pub(crate) fn disarm(layout: &Layout) -> Result<(), LockError> {
        let _turn = turn(layout)?;
        Ok(durable::remove(&layout.tries())?)
    }

    /// The counter of a release that runs again because another failed: that is not held against it. One that has had all its
    /// tries is still to give way.
    pub(crate) fn renewed(&self) -> Self {
        Self { left: if self.spent { 0 } else { TRIES }, ..self.clone() }
    }

    /// Whether `config.toml` is what it was when the release became the current one. Where it is not, a release that does not
    /// understand it is not to blame.
    pub(crate) fn settings_are_untouched(&self, layout: &Layout) -> bool {
        self.settings.is_none_or(|then| settings_of(layout) == Some(then))
    }

    /// Whether the release that `current` points at has had its tries.
    pub(crate) fn exhausted(layout: &Layout) -> Result<bool, RecordError> {
        Ok(Self::counting(layout)?.is_some_and(|tries| tries.spent))
    }

    /// The counter, if it is one of the current release that has not proven itself.
    pub(crate) fn counting(layout: &Layout) -> Result<Option<Self>, RecordError> {
        let Some(tries) = Self::read(layout)? else { return Ok(None) };
        let current = std::fs::read_link(layout.current()).ok();
        let is_current = current.as_ref().and_then(|link| link.file_name()) == Some(tries.release.as_ref());
        Ok(Some(tries).filter(|tries| is_current && !has_proven(layout, &tries.release)))
    }
}

fn settings_of(layout: &Layout) -> Option<Digest> {
    let text = durable::read(&layout.settings(), settings::MAX_BYTES).ok().flatten();
    text.map(|text| Digest::of(&text))
}

/// For as long as this value lives, nobody else changes the counter.
fn turn(layout: &Layout) -> Result<Option<Lock>, LockError> {
    let started = Instant::now();
    loop {
        match lock_folder(&layout.state()) {
            Err(LockError::Busy) if started.elapsed() < PATIENCE => std::thread::sleep(POLL),
            other => return other,
        }
    }
}

/// Forgets what a release proved in an earlier stay.
pub(crate) fn forget_proof(layout: &Layout) -> Result<(), PathError> {
    durable::remove(&layout.proven())
}

/// Whether the release has run well for long enough. What cannot be read proves nothing.
pub(crate) fn has_proven(layout: &Layout, release: &str) -> bool {
    let proven = durable::read(&layout.proven(), PROVEN_BYTES).ok().flatten().unwrap_or_default();
    proven.strip_suffix(b"\n") == Some(release.as_bytes())
}

/// Counts a start of the service that is about to happen.
pub(crate) fn count_start(layout: &Layout) -> Result<Start, StateError> {
    let _turn = turn(layout)?;
    let Some(mut tries) = Tries::counting(layout)? else { return Ok(Start::Free) };
    tries.spent = tries.left == 0;
    tries.left = tries.left.saturating_sub(1);
    tries.put(layout)?;
    Ok(if tries.spent { Start::Exhausted } else { Start::Free })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn host(current: &str) -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        for path in [layout.state(), layout.releases(), layout.at("var/lib/landfall/db")] {
            std::fs::create_dir_all(path).unwrap();
        }
        std::os::unix::fs::symlink(format!("releases/{current}"), layout.current()).unwrap();
        (folder, layout)
    }

    fn id(text: &str) -> ReleaseId {
        let (version, serial) = text.rsplit_once('-').unwrap();
        ReleaseId { version: version.parse().unwrap(), serial: serial.parse::<u64>().unwrap().try_into().unwrap() }
    }

    #[test]
    fn a_release_has_five_starts() {
        let (_folder, layout) = host("1.1.0-2");
        Tries::arm(&layout, &id("1.1.0-2")).unwrap();
        for left in (0..TRIES).rev() {
            assert_eq!(count_start(&layout).unwrap(), Start::Free);
            assert_eq!(Tries::read(&layout).unwrap().unwrap().left, left);
            assert!(!Tries::exhausted(&layout).unwrap());
        }
        assert_eq!(count_start(&layout).unwrap(), Start::Exhausted);
        assert!(Tries::exhausted(&layout).unwrap());
    }

    #[test]
    fn a_release_that_has_proven_itself_is_no_longer_counted() {
        let (_folder, layout) = host("1.1.0-2");
        Tries::arm(&layout, &id("1.1.0-2")).unwrap();
        std::fs::write(layout.proven(), "1.0.0-1\n").unwrap();
        assert_eq!(count_start(&layout).unwrap(), Start::Free);
        assert!(Tries::read(&layout).unwrap().is_some(), "another release has proven itself");
        std::fs::write(layout.proven(), "1.1.0-2\n").unwrap();
        assert_eq!(count_start(&layout).unwrap(), Start::Free);
        assert_eq!(Tries::counting(&layout).unwrap(), None);
        forget_proof(&layout).unwrap();
        assert!(Tries::counting(&layout).unwrap().is_some(), "it has to prove itself again");
    }

    #[test]
    fn a_counter_of_another_release_counts_nothing() {
        let (_folder, layout) = host("1.0.0-1");
        Tries::arm(&layout, &id("1.1.0-2")).unwrap();
        let armed = Tries::read(&layout).unwrap();
        assert_eq!(count_start(&layout).unwrap(), Start::Free);
        assert_eq!((Tries::counting(&layout).unwrap(), Tries::read(&layout).unwrap()), (None, armed));
    }

    #[test]
    fn what_was_read_before_a_switch_is_not_written_after_it() {
        let (_folder, layout) = host("1.1.0-2");
        Tries::arm(&layout, &id("1.1.0-2")).unwrap();
        let held = turn(&layout).unwrap();
        std::thread::scope(|scope| {
            let hook = scope.spawn(|| count_start(&layout).unwrap());
            std::thread::sleep(10 * POLL);
            assert!(!hook.is_finished(), "it waits for its turn");
            durable::point(&layout.current(), std::path::Path::new("releases/1.2.0-3")).unwrap();
            drop(held);
            assert_eq!(hook.join().unwrap(), Start::Free);
        });
        assert_eq!(Tries::read(&layout).unwrap().unwrap().left, TRIES, "the release that was left was not counted");
    }

    #[test]
    fn every_change_waits_for_its_turn() {
        let (_folder, layout) = host("1.1.0-2");
        let held = turn(&layout).unwrap();
        let changes: [fn(&Layout); 3] = [
            |layout| Tries::arm(layout, &id("1.1.0-2")).unwrap(),
            |layout| Tries { release: "1.1.0-2".into(), left: 1, settings: None, spent: false }.write(layout).unwrap(),
            |layout| Tries::disarm(layout).unwrap(),
        ];
        std::thread::scope(|scope| {
            let changing = changes.map(|change| {
                scope.spawn({
                    let layout = &layout;
                    move || change(layout)
                })
            });
            std::thread::sleep(10 * POLL);
            assert!(changing.iter().all(|change| !change.is_finished()));
            drop(held);
        });
    }

    #[test]
    fn a_release_that_runs_again_has_all_its_tries_unless_it_has_to_give_way() {
        let tries = Tries { release: "1.1.0-2".into(), left: 0, settings: None, spent: false };
        assert_eq!(tries.renewed().left, TRIES);
        let spent = Tries { spent: true, ..tries };
        assert_eq!(spent.renewed(), spent);
    }

    #[test]
    fn notices_that_somebody_changed_the_settings() {
        let (_folder, layout) = host("1.1.0-2");
        std::fs::create_dir_all(layout.settings().parent().unwrap()).unwrap();
        std::fs::write(layout.settings(), "[api]\n").unwrap();
        Tries::arm(&layout, &id("1.1.0-2")).unwrap();
        count_start(&layout).unwrap();
        let tries = Tries::counting(&layout).unwrap().unwrap();
        assert!(tries.settings_are_untouched(&layout));
        std::fs::write(layout.settings(), "[api]\nport = \n").unwrap();
        assert!(!tries.settings_are_untouched(&layout));
        std::fs::remove_file(layout.settings()).unwrap();
        assert!(!tries.settings_are_untouched(&layout));
    }
}
