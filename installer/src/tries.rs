//! How often a release may still be started before it counts as broken: `state/tries`.
//!
//! The counter is written before a switch, lowered durably before each start of the service, and taken away once the release
//! has proven itself, or is no longer the current one. The runtime says that it has, in [`Layout::proven`], after ten good
//! minutes in one go. So neither a crash loop nor a power cut in the middle of one lets a broken release run for ever, before
//! its commit or after it.
//!
//! Lowering happens without the lock, which the installer that waits for the start may hold. A counter that is not of the
//! current release counts nothing, so that a write which comes too late does no harm.

use crate::durable::{self, PathError};
use crate::installed::{RecordError, read_json, write_json};
use crate::layout::Layout;
use landfall_manifests::ReleaseId;
use serde::{Deserialize, Serialize};

/// How often a release that has not proven itself is started.
const TRIES: u32 = 5;
/// A release's id and a newline.
const PROVEN_BYTES: u64 = 512;

/// The record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Tries {
    /// `<version>-<serial>`
    pub(crate) release: String,
    pub(crate) left: u32,
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

    /// Begins to count the starts of a release, whatever it proved in an earlier stay.
    pub(crate) fn arm(layout: &Layout, release: &ReleaseId) -> Result<(), PathError> {
        durable::remove(&layout.proven())?;
        Self { release: release.to_string(), left: TRIES, spent: false }.write(layout)
    }

    pub(crate) fn write(&self, layout: &Layout) -> Result<(), PathError> {
        write_json(&layout.tries(), self)
    }

    /// Stops to count.
    pub(crate) fn disarm(layout: &Layout) -> Result<(), PathError> {
        durable::remove(&layout.tries())
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

/// Whether the release has run well for long enough. What cannot be read proves nothing.
pub(crate) fn has_proven(layout: &Layout, release: &str) -> bool {
    let proven = durable::read(&layout.proven(), PROVEN_BYTES).ok().flatten().unwrap_or_default();
    proven.strip_suffix(b"\n") == Some(release.as_bytes())
}

/// Counts a start of the service that is about to happen. Writes under a temporary name of its own: the installer may be
/// writing too.
pub(crate) fn count_start(layout: &Layout) -> Result<Start, RecordError> {
    let Some(mut tries) = Tries::counting(layout)? else { return Ok(Start::Free) };
    tries.spent = tries.left == 0;
    tries.left = tries.left.saturating_sub(1);
    let temporary = layout.state().join(".tries.start");
    write_json(&temporary, &tries)?;
    durable::rename(&temporary, &layout.tries())?;
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
        Tries::arm(&layout, &id("1.1.0-2")).unwrap();
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
}
