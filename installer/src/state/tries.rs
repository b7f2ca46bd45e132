//! How often a new release may still fail before it is reverted: `state/tries`.
//!
//! The counter is written before a switch and removed once the release is marked good or is no longer the current one. The runtime
//! writes the mark ([`Layout::proven`]) after ten healthy minutes without a break. In between, each start of the service is written
//! down durably before it happens ([`count_start`]) and settled after its end ([`count_end`]), or, where nobody saw that, before the
//! next one; [`super::start_end`] decides which of them count. So neither a crash loop nor a power cut in the middle of one lets a
//! broken release run for ever, before its commit or after it, and no restart that somebody asks for takes a good one away.
//!
//! Lowering the counter does not take the installer's lock, which the process that waits for the start may hold. Whoever changes the
//! counter locks the state folder itself, for that moment only: a value that was read before a switch is not written after it.

use super::error::StateError;
use super::folder_lock::lock_folder;
use super::start_end::StartEnd;
use crate::durable::{self, PathError};
use crate::layout::Layout;
use crate::lock::{Lock, LockError};
use crate::record::{RecordError, read_json, write_json};
use crate::settings;
use landfall_host::{Invocation, mark};
use landfall_manifests::{Digest, ReleaseId};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How many starts of a release may fail before it is marked good.
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
    /// How many more starts may fail.
    pub(crate) left: u32,
    /// The start that is not settled: the service runs, or its end was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<Invocation>,
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

/// A start that has counted against its release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) release: String,
    /// How many more may.
    pub(crate) left: u32,
}

impl Tries {
    pub(crate) fn read(layout: &Layout) -> Result<Option<Self>, RecordError> {
        read_json(&layout.tries())
    }

    /// Begins to count the starts of a release, whose settings are in place.
    pub(crate) fn start_counting(layout: &Layout, release: &ReleaseId) -> Result<(), LockError> {
        // What the release was given: a file that somebody changes later is not its fault.
        let settings = settings_of(layout);
        Self { release: release.to_string(), left: MAX_STARTS, start: None, settings, exhausted: false }.write(layout)
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
        Self { left: if self.exhausted { 0 } else { MAX_STARTS }, start: None, ..self.clone() }
    }

    /// Settles a start, which counts or does not.
    fn settle(&mut self, layout: &Layout, start: &Invocation, end: StartEnd) -> Option<Counted> {
        let was_healthy = mark::is_on(&layout.healthy(), start);
        if !end.counts(was_healthy, self.settings_are_untouched(layout)) {
            return None;
        }
        self.left = self.left.saturating_sub(1);
        Some(Counted { release: self.release.clone(), left: self.left })
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

/// Removes what the runtime has marked: that a release is good, and which of its starts became healthy.
pub(crate) fn clear_marks(layout: &Layout) -> Result<(), PathError> {
    mark::remove(&layout.proven())?;
    mark::remove(&layout.healthy())
}

/// Whether the release is marked good. A mark that cannot be read counts for nothing.
pub(crate) fn is_marked_good(layout: &Layout, release: &str) -> bool {
    mark::is_on(&layout.proven(), release)
}

/// Writes down a start of the service that is about to happen. The one before it counts if it was cut off before it became healthy.
pub(crate) fn count_start(layout: &Layout, start: &Invocation) -> Result<(Start, Option<Counted>), StateError> {
    let _lock = lock_counter(layout)?;
    let Some(mut tries) = Tries::counting(layout)? else { return Ok((Start::Allowed, None)) };
    let last = tries.start.take();
    let counted = last.and_then(|last| tries.settle(layout, &last, StartEnd::CutOff));
    tries.exhausted = tries.left == 0;
    // Written before the start, not after it: a power cut in the middle of a start shows as one that was never settled.
    tries.start = Some(start.clone());
    tries.put(layout)?;
    Ok((if tries.exhausted { Start::Exhausted } else { Start::Allowed }, counted))
}

/// Settles a start of the service that has ended. An end of any other start than the one that was written down last says nothing
/// about the current release: a switch came between, or the start was held back before it was written down.
pub(crate) fn count_end(layout: &Layout, start: &Invocation, end: StartEnd) -> Result<Option<Counted>, StateError> {
    let _lock = lock_counter(layout)?;
    let counting = Tries::counting(layout)?.filter(|tries| tries.start.as_ref() == Some(start));
    let Some(mut tries) = counting else { return Ok(None) };
    tries.start = None;
    let counted = tries.settle(layout, start, end);
    tries.put(layout)?;
    Ok(counted)
}

#[cfg(test)]
mod tests;
