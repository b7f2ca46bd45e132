//! How often a new release may still be started before it is reverted: `state/tries`.
//!
//! The counter is written before a switch, lowered durably before each start of the service, and removed once the release is marked
//! good or is no longer the current one. The runtime writes the mark ([`Layout::proven`]) after ten healthy minutes without a break.
//! So neither a crash loop nor a power cut in the middle of one lets a broken release run for ever, before its commit or after it.
//!
//! Lowering the counter does not take the installer's lock, which the process that waits for the start may hold. Whoever changes the
//! counter locks the state folder itself, for that moment only: a value that was read before a switch is not written after it.

use super::error::StateError;
use super::folder_lock::lock_folder;
use crate::durable::{self, PathError};
use crate::layout::Layout;
use crate::lock::{Lock, LockError};
use crate::record::{RecordError, read_json, write_json};
use crate::settings;
use landfall_host::good_mark;
use landfall_manifests::{Digest, ReleaseId};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How often a release is started before it is marked good.
const MAX_STARTS: u32 = 5;
/// How long to wait for another process that changes the counter: a slow disk takes less, and landfall.service gives its hook more.
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
    /// Whether the service was to be started once more after its last start.
    #[serde(rename = "spent", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) exhausted: bool,
}

/// Whether the service may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Its starts are not counted, or some are left.
    Allowed,
    /// No start is left.
    Exhausted,
}

impl Tries {
    pub(crate) fn read(layout: &Layout) -> Result<Option<Self>, RecordError> {
        read_json(&layout.tries())
    }

    /// Begins to count the starts of a release, whose settings are in place.
    pub(crate) fn start_counting(layout: &Layout, release: &ReleaseId) -> Result<(), LockError> {
        // What the release was given: a file that somebody changes later is not its fault.
        let settings = settings_of(layout);
        Self { release: release.to_string(), left: MAX_STARTS, settings, exhausted: false }.write(layout)
    }

    pub(crate) fn write(&self, layout: &Layout) -> Result<(), LockError> {
        let _lock = lock_counter(layout)?;
        Ok(self.put(layout)?)
    }

    fn put(&self, layout: &Layout) -> Result<(), PathError> {
        write_json(&layout.tries(), self)
    }

    /// Stops counting.
    pub(crate) fn stop_counting(layout: &Layout) -> Result<(), LockError> {
        let _lock = lock_counter(layout)?;
        Ok(durable::remove(&layout.tries())?)
    }

    /// The counter of a release that runs again because another one failed, which is no fault of its own: it has all its starts again.
    /// An exhausted one stays exhausted.
    pub(crate) fn reset(&self) -> Self {
        Self { left: if self.exhausted { 0 } else { MAX_STARTS }, ..self.clone() }
    }

    /// Whether `config.toml` is what it was when the release became the current one. A release that does not take a changed file
    /// is not to blame.
    pub(crate) fn settings_are_untouched(&self, layout: &Layout) -> bool {
        self.settings.is_none_or(|then| settings_of(layout) == Some(then))
    }

    /// Whether the current release is exhausted.
    pub(crate) fn is_exhausted(layout: &Layout) -> Result<bool, RecordError> {
        Ok(Self::counting(layout)?.is_some_and(|tries| tries.exhausted))
    }

    /// The counter, if it counts the current release, and that is not marked good.
    pub(crate) fn counting(layout: &Layout) -> Result<Option<Self>, RecordError> {
        let Some(tries) = Self::read(layout)? else { return Ok(None) };
        let current = std::fs::read_link(layout.current()).ok();
        // A switch writes the counter before it changes `current`: until then, a start is one of the release from before.
        let is_current = current.as_ref().and_then(|link| link.file_name()) == Some(tries.release.as_ref());
        Ok(Some(tries).filter(|tries| is_current && !is_marked_good(layout, &tries.release)))
    }
}

fn settings_of(layout: &Layout) -> Option<Digest> {
    let text = durable::read(&layout.settings(), settings::MAX_BYTES).ok().flatten();
    text.map(|text| Digest::of(&text))
}

/// Locks the counter for as long as the returned value lives.
fn lock_counter(layout: &Layout) -> Result<Option<Lock>, LockError> {
    let started = Instant::now();
    loop {
        match lock_folder(&layout.state()) {
            Err(LockError::Busy) if started.elapsed() < PATIENCE => std::thread::sleep(POLL),
            other => return other,
        }
    }
}

/// Removes the mark that a release is good.
pub(crate) fn clear_good_mark(layout: &Layout) -> Result<(), PathError> {
    good_mark::unmark(&layout.proven())
}

/// Whether the release is marked good. A mark that cannot be read counts for nothing.
pub(crate) fn is_marked_good(layout: &Layout, release: &str) -> bool {
    good_mark::is_marked(&layout.proven(), release)
}

/// Counts a start of the service that is about to happen.
pub(crate) fn count_start(layout: &Layout) -> Result<Start, StateError> {
    let _lock = lock_counter(layout)?;
    let Some(mut tries) = Tries::counting(layout)? else { return Ok(Start::Allowed) };
    tries.exhausted = tries.left == 0;
    tries.left = tries.left.saturating_sub(1);
    // Written before the start, not after it: a power cut in the middle of a start has used it up as well.
    tries.put(layout)?;
    Ok(if tries.exhausted { Start::Exhausted } else { Start::Allowed })
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
        Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
        for left in (0..MAX_STARTS).rev() {
            assert_eq!(count_start(&layout).unwrap(), Start::Allowed);
            assert_eq!(Tries::read(&layout).unwrap().unwrap().left, left);
            assert!(!Tries::is_exhausted(&layout).unwrap());
        }
        assert_eq!(count_start(&layout).unwrap(), Start::Exhausted);
        assert!(Tries::is_exhausted(&layout).unwrap());
    }

    #[test]
    fn a_release_that_is_marked_good_itself_is_no_longer_counted() {
        let (_folder, layout) = host("1.1.0-2");
        Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
        std::fs::write(layout.proven(), "1.0.0-1\n").unwrap();
        assert_eq!(count_start(&layout).unwrap(), Start::Allowed);
        assert!(Tries::read(&layout).unwrap().is_some(), "another release is marked good");
        std::fs::write(layout.proven(), "1.1.0-2\n").unwrap();
        assert_eq!(count_start(&layout).unwrap(), Start::Allowed);
        assert_eq!(Tries::counting(&layout).unwrap(), None);
        clear_good_mark(&layout).unwrap();
        assert!(Tries::counting(&layout).unwrap().is_some(), "it has to earn the mark again");
    }

    #[test]
    fn a_counter_of_another_release_counts_nothing() {
        let (_folder, layout) = host("1.0.0-1");
        Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
        let armed = Tries::read(&layout).unwrap();
        assert_eq!(count_start(&layout).unwrap(), Start::Allowed);
        assert_eq!((Tries::counting(&layout).unwrap(), Tries::read(&layout).unwrap()), (None, armed));
    }

    #[test]
    fn a_value_read_before_a_switch_is_not_written_after_it() {
        let (_folder, layout) = host("1.1.0-2");
        Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
        let lock = lock_counter(&layout).unwrap();
        std::thread::scope(|scope| {
            let hook = scope.spawn(|| count_start(&layout).unwrap());
            std::thread::sleep(10 * POLL);
            assert!(!hook.is_finished(), "it waits for the lock");
            durable::point(&layout.current(), std::path::Path::new("releases/1.2.0-3")).unwrap();
            drop(lock);
            assert_eq!(hook.join().unwrap(), Start::Allowed);
        });
        assert_eq!(
            Tries::read(&layout).unwrap().unwrap().left,
            MAX_STARTS,
            "the release that was left was not counted"
        );
    }

    #[test]
    fn every_change_waits_for_the_lock() {
        let (_folder, layout) = host("1.1.0-2");
        let lock = lock_counter(&layout).unwrap();
        let changes: [fn(&Layout); 3] = [
            |layout| Tries::start_counting(layout, &id("1.1.0-2")).unwrap(),
            |layout| {
                Tries { release: "1.1.0-2".into(), left: 1, settings: None, exhausted: false }.write(layout).unwrap();
            },
            |layout| Tries::stop_counting(layout).unwrap(),
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
            drop(lock);
        });
    }

    #[test]
    fn a_release_that_runs_again_has_all_its_starts_unless_it_is_exhausted() {
        let tries = Tries { release: "1.1.0-2".into(), left: 0, settings: None, exhausted: false };
        assert_eq!(tries.reset().left, MAX_STARTS);
        let exhausted = Tries { exhausted: true, ..tries };
        assert_eq!(exhausted.reset(), exhausted);
    }

    #[test]
    fn notices_that_somebody_changed_the_settings() {
        let (_folder, layout) = host("1.1.0-2");
        std::fs::create_dir_all(layout.settings().parent().unwrap()).unwrap();
        std::fs::write(layout.settings(), "[api]\n").unwrap();
        Tries::start_counting(&layout, &id("1.1.0-2")).unwrap();
        count_start(&layout).unwrap();
        let tries = Tries::counting(&layout).unwrap().unwrap();
        assert!(tries.settings_are_untouched(&layout));
        std::fs::write(layout.settings(), "[api]\nport = \n").unwrap();
        assert!(!tries.settings_are_untouched(&layout));
        std::fs::remove_file(layout.settings()).unwrap();
        assert!(!tries.settings_are_untouched(&layout));
    }
}
