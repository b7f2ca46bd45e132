//! Describes where a bundle is damaged: in which part, at which offset of the part and of the bundle, in which blob, and which
//! images and files of the release need that blob.

use crate::errors::bundle_error::{BundleError, DamageReport};
use crate::errors::media_error::{MediaError, media_error};
use crate::media::Media;
use landfall_manifests::{Bundle, Digest, ReadError, Release, patch};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

/// How many damaged places a report lists: more are better read from a repair request.
const PLACES_LISTED: usize = 20;
/// How many of those that need a blob are named.
const USERS_NAMED: usize = 3;

impl Media {
    /// Says where something is wrong with the bytes of the bundle. `bundle` is `None` as long as its manifest is not verified.
    pub fn located(&self, bundle: Option<&Bundle>, error: ReadError) -> BundleError {
        let error = match bundle {
            // A patch that was named as the bundle looks like a damaged bundle: it is called what it is.
            Some(bundle) if self.is_single_file() => {
                patch::recognize_patch(error, bundle, |offset, buffer| self.read_source_at(offset, buffer))
            }
            _ => error,
        };
        BundleError::Read { place: self.place(bundle.map(Bundle::release), &error), source: error }
    }

    /// Reports everything that [`crate::verify()`] found, first offset first.
    ///
    /// # Errors
    /// Something is damaged.
    pub fn report(&self, bundle: &Bundle, damage: Vec<ReadError>) -> Result<(), BundleError> {
        let mut damage = each_lost_part_once(damage);
        let count = damage.len();
        if count < 2 {
            return damage.pop().map_or(Ok(()), |error| Err(self.located(Some(bundle), error)));
        }
        let places = damage.into_iter().take(PLACES_LISTED).map(|error| self.located(Some(bundle), error)).collect();
        Err(BundleError::Several(DamageReport { bundle: self.path().to_owned(), places, count }))
    }

    /// Where something is wrong, and what of `release` needs the blob there.
    pub(crate) fn place(&self, release: Option<&Release>, error: &ReadError) -> String {
        match error.range() {
            Some(range) => match (error.blob(), error.entry()) {
                (None, Some(entry)) => format!("{}, in {entry}", self.describe(&range)),
                (blob, _) => self.place_of(release, &range, blob.as_ref()),
            },
            None => format!("{}{}", self.head_path().display(), self.why_not_recovered(&(0..1))),
        }
    }

    /// Where a range of the bundle is, and what of `release` needs the blob there.
    pub(crate) fn place_of(&self, release: Option<&Release>, range: &Range<u64>, blob: Option<&Digest>) -> String {
        let mut place = self.describe(range);
        let Some(blob) = blob else { return place };
        let _ = write!(place, ", in blob {blob}");
        let users = release.map(|release| users(release, blob)).unwrap_or_default();
        if !users.is_empty() {
            let _ = write!(place, " of {}", users.join(", "));
        }
        place
    }

    /// Why a parity file does not help, in parentheses, if there is one that was tried there.
    fn why_not_recovered(&self, range: &Range<u64>) -> String {
        let lost = self.lost_in(range);
        lost.map_or_else(String::new, |(parity, lost)| format!(" ({} does not help: {lost})", parity.display()))
    }

    /// The files and the offsets in them that a range of the bundle spans.
    fn describe(&self, range: &Range<u64>) -> String {
        // The last byte and not the one behind it, which may be in the next part.
        let ((from, start), (to, end)) = (self.file_at(range.start), self.file_at(range.end.saturating_sub(1)));
        let mut text = format!("{}, offset {start}", from.display());
        if to != from {
            let _ = write!(text, ", to {}, offset {end}", to.display());
        }
        if (from.as_path(), start) != (self.path(), range.start) {
            let _ = write!(text, " (offset {} of the bundle)", range.start);
        }
        text.push_str(&self.why_not_recovered(range));
        text
    }
}

/// A part that cannot be read is missed by each entry in it: only the first of these errors is kept.
fn each_lost_part_once(damage: Vec<ReadError>) -> Vec<ReadError> {
    let mut reported = BTreeSet::new();
    let mut is_news = |error: &ReadError| match error {
        ReadError::Source { source, .. } => {
            media_error(source).and_then(MediaError::lost_part).is_none_or(|part| reported.insert(part.to_owned()))
        }
        _ => true,
    };
    damage.into_iter().filter(|error| is_news(error)).collect()
}

/// What of the release needs a blob.
fn users(release: &Release, blob: &Digest) -> Vec<String> {
    let mut users = release.users_of(blob);
    if users.len() > USERS_NAMED {
        let more = users.split_off(USERS_NAMED).len();
        users.push(format!("and {more} more"));
    }
    users
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::io;
    use std::path::PathBuf;

    #[test]
    fn a_part_that_cannot_be_read_is_reported_once() {
        let of = |error: MediaError, offset| ReadError::of(error.into(), "blobs/x", offset);
        let missing = |name: &str| MediaError::Missing { name: name.to_owned(), folders: Vec::new() };
        let lost: [fn(PathBuf) -> MediaError; 5] = [
            MediaError::PartNotAFile,
            |path| MediaError::PartOpen { path, source: io::ErrorKind::PermissionDenied.into() },
            |path| MediaError::Open { path, source: io::ErrorKind::PermissionDenied.into() },
            |path| MediaError::PartSize { path, found: 2, expected: 1 },
            |path| MediaError::Changed { path, before: 2, now: 1 },
        ];
        for lost in lost {
            let damage = vec![of(lost("/a.part002".into()), 10), of(lost("/a.part002".into()), 20)];
            assert_eq!(each_lost_part_once(damage).len(), 1, "{}", lost("/a".into()));
        }
        let damage = vec![
            of(missing("a.part002"), 10),
            of(missing("a.part002"), 20),
            ReadError::Trailing { offset: 25 },
            of(missing("a.part003"), 30),
        ];
        let found: Vec<u64> = each_lost_part_once(damage).iter().map(|error| error.range().unwrap().start).collect();
        assert_eq!(found, [10, 25, 30]);
    }
}
