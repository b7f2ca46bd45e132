//! What an error of a bundle or of its media means to the caller: the exit code, the word for scripts, and what to do next.

use super::{BundleError, MediaError};
use crate::failure::{self, Verdict};
use landfall_console::Exit;
use landfall_manifests::ReadError;
use landfall_media::media_error;

const COPY_AGAIN: &str = "copy the bundle again from where it was made, or have only what is damaged brought again: \
                          `landfall-installer verify --request FILE` says how";
const FAILING: &str = "the media may be failing: copy the bundle to another one";
const PATCH_ALONE: &str = "name the bundle that it was made for, and give this file with --patch";
const UNREADABLE: Verdict = (Exit::Damaged, "unreadable", FAILING);

/// Of a bundle in several damaged places, the first one decides.
pub(crate) fn of_bundle(error: &BundleError) -> Verdict {
    match error {
        BundleError::Media(error) => of_media(error),
        BundleError::Read { source, .. } => of_read(source),
        BundleError::Several(report) => report.first().map_or((Exit::Damaged, "damaged", COPY_AGAIN), of_bundle),
    }
}

/// What a bundle that is damaged or refused means.
pub(crate) fn of_read(error: &ReadError) -> Verdict {
    match error {
        ReadError::Untrusted(_) => (Exit::Untrusted, "untrusted", failure::TRUST),
        ReadError::Release(_) => (Exit::Damaged, "damaged", failure::REMAKE),
        ReadError::NotABundle => (Exit::Damaged, "not_a_bundle", "name a file NAME.landfall.tar"),
        ReadError::Patch { .. } => (Exit::Damaged, "patch", PATCH_ALONE),
        ReadError::Source { source, .. } => media_error(source).map_or(UNREADABLE, of_media),
        // A host without room is told from this before.
        ReadError::Sink { .. } => (Exit::Unexpected, "unwritable", "the host's disk may be failing: look at its log"),
        _ => (Exit::Damaged, "damaged", COPY_AGAIN),
    }
}

/// What files that are not those of a bundle mean.
pub(crate) fn of_media(error: &MediaError) -> Verdict {
    match error {
        MediaError::Open { .. } | MediaError::NotAFile(_) => {
            (Exit::Usage, "missing_file", "name a file NAME.landfall.tar, or one of its parts")
        }
        MediaError::PartNotAFile(_) | MediaError::PartOpen { .. } => {
            (Exit::Damaged, "part", "copy this part again, or name the folder that has it with --parts")
        }
        MediaError::PartName(_) => {
            (Exit::Usage, "part_name", "rename the parts: to BUNDLE.part001, BUNDLE.part002 and so on")
        }
        MediaError::NotAFolder(_) => (Exit::Usage, "parts", "--parts takes a folder in which parts of the bundle are"),
        MediaError::Missing { .. } => (
            Exit::Damaged,
            "missing_part",
            "put it into one of these folders, or name the one that it is in with --parts",
        ),
        MediaError::Empty(_) | MediaError::TooLong { .. } => {
            (Exit::Damaged, "damaged", "copy all parts again from where they were made, none of another size")
        }
        MediaError::Surplus { .. } => {
            (Exit::Damaged, "stray_part", "remove it: it may be left from another cut of the same bundle")
        }
        MediaError::Changed { .. } => {
            (Exit::Damaged, "changed", "wait until whatever writes to it has ended, or copy the bundle again")
        }
        MediaError::OtherManifest { .. } => {
            (Exit::Damaged, "other_patch", "`verify --request FILE` says what a patch for this bundle must hold")
        }
        MediaError::Prompt { .. } => UNREADABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn an_error_of_the_media_keeps_its_verdict_inside_of_a_read() {
        let missing = MediaError::Missing { name: "a.part002".to_owned(), folders: vec!["".into(), "/b".into()] };
        assert_eq!(missing.to_string(), "a.part002 is missing: looked in the current folder, /b");
        let (exit, code, _) = of_read(&ReadError::of(missing.into(), "blobs/x", 512));
        assert_eq!((exit, code), (Exit::Damaged, "missing_part"));
        let (exit, code, _) = of_read(&ReadError::of(io::Error::other("EIO"), "blobs/x", 512));
        assert_eq!((exit, code), (Exit::Damaged, "unreadable"));
    }
}
