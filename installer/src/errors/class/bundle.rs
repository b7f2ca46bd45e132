//! What is wrong with a bundle, or with the media that it is on.

use super::host::{of_io, or_storage};
use crate::content::ContentError;
use crate::content::DecodeError;
use crate::media::{BundleError, MediaError};
use landfall_console::{ErrorClass, Exit};
use landfall_keys::TrustError;
use landfall_manifests::ReadError;
use landfall_media::media_error;
use std::io::ErrorKind;

const COPY_AGAIN: &str = "copy the bundle again from where it was made, or only the damaged part of it: \
                          `landfall-installer verify --request FILE` says how";
const COMPARE_KEYS: &str = "compare the key ids with those that you were given out of band";
const CHANGED_HEAD: &str = "where a byte of the manifest or of a signature was damaged on its way, copy the bundle again, or have it repaired: \
                            `landfall-installer verify BUNDLE --request FILE` writes what to ask for; where it was changed on purpose, \
                            no copy will do";
const FAILING: &str = "the media may be failing: copy the bundle to another one";
const PATCH_ALONE: &str = "name the bundle that it was made for, and give this file with --patch";
const UNREADABLE: ErrorClass = ErrorClass::new(Exit::Damaged, "unreadable", FAILING);

/// Of a bundle that was signed as it is, and cannot be used.
pub(super) const MADE_WRONG: ErrorClass =
    ErrorClass::new(Exit::Damaged, "damaged", "the bundle was signed like this: ask its publisher for another one");

/// Of a bundle in several damaged places, the first one decides.
pub(super) fn of_bundle(error: &BundleError) -> ErrorClass {
    match error {
        BundleError::Media(media) => or_storage(error, of_media(media)),
        BundleError::Read { source, .. } => or_storage(error, of_read(source)),
        BundleError::Blob { .. } => ErrorClass::new(Exit::Damaged, "damaged", COPY_AGAIN),
        BundleError::Several(report) => {
            report.first().map_or(ErrorClass::new(Exit::Damaged, "damaged", COPY_AGAIN), of_place)
        }
    }
}

/// One of several damaged places.
fn of_place(error: &BundleError) -> ErrorClass {
    match error {
        BundleError::Media(media) => of_media(media),
        BundleError::Read { source, .. } => of_read(source),
        BundleError::Blob { .. } | BundleError::Several(_) => ErrorClass::new(Exit::Damaged, "damaged", COPY_AGAIN),
    }
}

/// What came, or did not come, out of a stored blob.
pub(super) fn of_content(error: &ContentError) -> ErrorClass {
    match error {
        ContentError::Interrupted(_) => ErrorClass::UNEXPECTED,
        ContentError::Decode(error) => of_decode(error),
        ContentError::Io(error) => of_io(error),
    }
}

fn of_decode(error: &DecodeError) -> ErrorClass {
    match error {
        DecodeError::Compression(_) => or_storage(error, MADE_WRONG),
        DecodeError::TooLong(_)
        | DecodeError::TooShort { .. }
        | DecodeError::Digest { .. }
        | DecodeError::Difference(_) => MADE_WRONG,
    }
}

/// What a bundle that is damaged or refused means.
fn of_read(error: &ReadError) -> ErrorClass {
    match error {
        // A signature by a key that is trusted, over other bytes: a flipped bit does that as well as an attacker.
        ReadError::Untrusted(TrustError::BadSignature { .. }) => {
            ErrorClass::new(Exit::Untrusted, "untrusted", CHANGED_HEAD)
        }
        ReadError::Untrusted(_) => ErrorClass::new(Exit::Untrusted, "untrusted", COMPARE_KEYS),
        ReadError::Release(_) => MADE_WRONG,
        ReadError::NotABundle => ErrorClass::new(Exit::Damaged, "not_a_bundle", "name a file NAME.landfall.tar"),
        ReadError::Patch { .. } => ErrorClass::new(Exit::Damaged, "patch", PATCH_ALONE),
        ReadError::Source { source, .. } => media_error(source).map_or(UNREADABLE, of_media),
        // A full disk is found among its causes before.
        ReadError::Sink { .. } => {
            ErrorClass::new(Exit::Unexpected, "unwritable", "the host's disk may be failing: look at its log")
        }
        ReadError::Signature { .. }
        | ReadError::Header { .. }
        | ReadError::NotInManifest { .. }
        | ReadError::Digest { .. }
        | ReadError::Padding { .. }
        | ReadError::Truncated { .. }
        | ReadError::Trailing { .. } => ErrorClass::new(Exit::Damaged, "damaged", COPY_AGAIN),
    }
}

/// What files that are not those of a bundle mean.
fn of_media(error: &MediaError) -> ErrorClass {
    match error {
        MediaError::Open { .. } | MediaError::NotAFile(_) => {
            ErrorClass::new(Exit::Usage, "missing_file", "name a file NAME.landfall.tar, or one of its parts")
        }
        MediaError::Server { source, .. } if source.kind() == ErrorKind::InvalidData => {
            ErrorClass::new(Exit::Damaged, "server", "look at what the server has, and have the index written again")
        }
        MediaError::Server { .. } => ErrorClass::new(
            Exit::Unfit,
            "unreachable",
            "look whether the server runs, then run the same command again: it goes on where it stopped",
        ),
        MediaError::PartNotAFile(_) | MediaError::PartOpen { .. } => {
            ErrorClass::new(Exit::Damaged, "part", "copy this part again, or name the folder that has it with --parts")
        }
        MediaError::PartName(_) => {
            ErrorClass::new(Exit::Usage, "part_name", "rename the parts: to BUNDLE.part001, BUNDLE.part002 and so on")
        }
        MediaError::NotAFolder(_) => {
            ErrorClass::new(Exit::Usage, "parts", "--parts takes a folder in which parts of the bundle are")
        }
        MediaError::Missing { .. } => ErrorClass::new(
            Exit::Damaged,
            "missing_part",
            "put it into one of these folders, or name the one that it is in with --parts",
        ),
        MediaError::Empty(_) | MediaError::PartSize { .. } => ErrorClass::new(
            Exit::Damaged,
            "damaged",
            "copy all parts again from where they were made, none of another size",
        ),
        MediaError::Surplus { .. } => ErrorClass::new(
            Exit::Damaged,
            "stray_part",
            "remove it: it may be left from another cut of the same bundle",
        ),
        MediaError::Changed { .. } => ErrorClass::new(
            Exit::Damaged,
            "changed",
            "wait until whatever writes to it has ended, or copy the bundle again",
        ),
        MediaError::OtherManifest { .. } => ErrorClass::new(
            Exit::Damaged,
            "other_patch",
            "`verify --request FILE` says what a patch for this bundle must hold",
        ),
        MediaError::Prompt { .. } => UNREADABLE,
    }
}
