//! What is wrong with a bundle, told so that it can be found: in which part, where in it, where in the bundle, in which blob,
//! and what of the release needs that.

use super::{Media, MediaError};
use crate::failure;
use crate::interrupt;
use landfall_console::{Exit, Failure};
use landfall_manifests::{Bundle, Digest, ReadError, Release, patch};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::path::Path;

/// How many damaged places are told of a bundle: more are better read from a repair request.
const PLACES_TOLD: usize = 20;
/// How many of those that need a blob are told.
const USERS_TOLD: usize = 3;

const COPY_AGAIN: &str = "copy the bundle again from where it was made, or have only what is damaged brought again: \
                          `landfall-installer verify --request FILE` says how";
const FAILING: &str = "the media may be failing: copy the bundle to another one";
const PATCH_ALONE: &str = "name the bundle that it was made for, and give this file with --patch";

/// The exit code of a bundle that cannot be read, the word for scripts, and what to do next.
pub(crate) fn verdict(error: &ReadError) -> (Exit, &'static str, &'static str) {
    match error {
        ReadError::Untrusted(_) => (Exit::Untrusted, "untrusted", failure::TRUST),
        ReadError::Release(_) => (Exit::Damaged, "damaged", failure::REMAKE),
        ReadError::NotABundle => (Exit::Damaged, "not_a_bundle", "name a file NAME.landfall.tar"),
        ReadError::Patch { .. } => (Exit::Damaged, "patch", PATCH_ALONE),
        ReadError::Source { source, .. } => {
            of_media(source).map_or((Exit::Damaged, "unreadable", FAILING), MediaError::verdict)
        }
        // A host without room is told from this before.
        ReadError::Sink { .. } => (Exit::Unexpected, "unwritable", "the host's disk may be failing: look at its log"),
        _ => (Exit::Damaged, "damaged", COPY_AGAIN),
    }
}

/// The media's error inside one that came out of a [`std::io::Read`].
pub(crate) fn of_media(error: &io::Error) -> Option<&MediaError> {
    error.get_ref()?.downcast_ref()
}

/// Whether the bundle's own manifest or its signatures were damaged on the way, as opposed to being a stranger's.
pub(crate) fn is_in_head(error: &ReadError) -> bool {
    use landfall_keys::TrustError::{BadSignature, NotTrusted, TooManySignatures};
    match error {
        // No bundle is made without a signature: the header of the first one is not what it was.
        ReadError::Untrusted(NotTrusted { signed_by, .. }) => signed_by.is_empty(),
        ReadError::Untrusted(why) => matches!(why, BadSignature { .. } | TooManySignatures { .. }),
        ReadError::Source { source, .. } => !interrupt::is_interrupted(source),
        ReadError::Patch { .. } | ReadError::Sink { .. } => false,
        _ => true,
    }
}

/// Says where in a file of its own, which is no part, something is wrong.
pub(super) fn in_file(path: &Path, error: ReadError) -> anyhow::Error {
    let offset = error.range().map(|range| format!(", offset {}", range.start)).unwrap_or_default();
    anyhow::Error::from(error).context(format!("{}{offset}", path.display()))
}

/// Says where something is wrong, if `error` is about the media. `bundle` is `None` as long as nobody vouches for one.
pub(crate) fn located(media: &Media, bundle: Option<&Bundle>, error: anyhow::Error) -> anyhow::Error {
    let error = match error.downcast::<ReadError>() {
        Ok(error) => error,
        Err(other) => return other.context(media.path().display().to_string()),
    };
    let error = match bundle {
        Some(bundle) if media.is_alone() => {
            patch::unless_patch(error, bundle, |offset, buffer| media.source.read_at(&mut None, buffer, offset))
        }
        _ => error,
    };
    let place = place(media, bundle, &error);
    anyhow::Error::from(error).context(place)
}

/// Everything that is wrong with a bundle, first offset first.
pub(crate) fn report(media: &Media, bundle: &Bundle, damage: Vec<ReadError>) -> anyhow::Result<()> {
    let mut damage = each_lost_part_once(damage);
    let places = damage.len();
    if places < 2 {
        return damage.pop().map_or(Ok(()), |error| Err(located(media, Some(bundle), error.into())));
    }
    let mut message = format!("{} is damaged in {places} places:", media.path().display());
    let mut first = None;
    for error in damage.into_iter().take(PLACES_TOLD) {
        let error = located(media, Some(bundle), error.into());
        let _ = write!(message, "\n- {error:#}");
        first.get_or_insert(error);
    }
    if places > PLACES_TOLD {
        let _ = write!(message, "\n- and in {} more", places - PLACES_TOLD);
    }
    let (exit, code, hint) = first
        .as_ref()
        .and_then(|error| error.downcast_ref())
        .map_or_else(|| (Exit::Damaged, "damaged", COPY_AGAIN), verdict);
    Err(Failure::new(exit, code, message).hint(hint).into())
}

/// A part that is not there, or is not what it has to be, is missed by each entry in it.
fn each_lost_part_once(damage: Vec<ReadError>) -> Vec<ReadError> {
    let mut told = BTreeSet::new();
    let mut is_news = |error: &ReadError| match error {
        ReadError::Source { source, .. } => {
            of_media(source).and_then(MediaError::lost_part).is_none_or(|part| told.insert(part.to_owned()))
        }
        _ => true,
    };
    damage.into_iter().filter(|error| is_news(error)).collect()
}

fn place(media: &Media, bundle: Option<&Bundle>, error: &ReadError) -> String {
    let Some(range) = error.range() else { return media.head_path().display().to_string() };
    let mut place = media.describe(&range);
    if let (Some(bundle), Some(blob)) = (bundle, error.blob()) {
        let _ = write!(place, ", in blob {blob}");
        let users = users(bundle.release(), &blob);
        if !users.is_empty() {
            let _ = write!(place, " of {}", users.join(", "));
        }
    }
    place
}

/// What of the release needs a blob.
fn users(release: &Release, blob: &Digest) -> Vec<String> {
    let images = release.images.iter().filter(|image| {
        let layers = image.layers.iter().map(|layer| &layer.blob);
        layers.chain([&image.manifest, &image.config]).any(|needed| needed == blob)
    });
    let files = release.files.iter().filter(|file| file.blob == *blob);
    let mut users: Vec<String> = images.map(|image| format!("image {}", image.name)).collect();
    users.extend(files.map(|file| format!("file {}", file.path)));
    if users.len() > USERS_TOLD {
        let more = users.split_off(USERS_TOLD).len();
        users.push(format!("and {more} more"));
    }
    users
}

impl Media {
    /// Where a range of the bundle lies.
    fn describe(&self, range: &Range<u64>) -> String {
        let ((from, start), (to, end)) = (self.place(range.start), self.place(range.end.saturating_sub(1)));
        let mut text = format!("{}, offset {start}", from.display());
        if to != from {
            let _ = write!(text, ", to {}, offset {end}", to.display());
        }
        if (from.as_path(), start) != (self.path(), range.start) {
            let _ = write!(text, " (offset {} of the bundle)", range.start);
        }
        text
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn a_part_that_is_lost_is_told_once() {
        let of = |error: MediaError, offset| ReadError::of(error.into(), "blobs/x", offset);
        let missing = |name: &str| MediaError::Missing { name: name.to_owned(), folders: Vec::new() };
        let lost: [fn(PathBuf) -> MediaError; 5] = [
            MediaError::PartKind,
            |path| MediaError::PartOpen { path, source: io::ErrorKind::PermissionDenied.into() },
            |path| MediaError::Open { path, source: io::ErrorKind::PermissionDenied.into() },
            |path| MediaError::Long { path, found: 2, expected: 1 },
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
        let told: Vec<u64> = each_lost_part_once(damage).iter().map(|error| error.range().unwrap().start).collect();
        assert_eq!(told, [10, 25, 30]);
    }

    #[test]
    fn an_error_of_the_media_keeps_its_verdict_inside_of_a_read() {
        let missing = MediaError::Missing { name: "a.part002".to_owned(), folders: vec!["".into(), "/b".into()] };
        assert_eq!(missing.to_string(), "a.part002 is missing: it was looked for in the current folder, /b");
        let (exit, code, _) = verdict(&ReadError::of(missing.into(), "blobs/x", 512));
        assert_eq!((exit, code), (Exit::Damaged, "missing_part"));
        let (exit, code, _) = verdict(&ReadError::of(io::Error::other("EIO"), "blobs/x", 512));
        assert_eq!((exit, code), (Exit::Damaged, "unreadable"));
    }
}
