//! What errors of bundles mean: reading, copying and repairing them, and writing them to a medium.

use super::build::{of_output, of_signing};
use super::classes::{DAMAGED, PARTS_TOO_SMALL, TRUST_CHAIN, unfit, usage};
use crate::bundle_documents::DocumentError;
use crate::delta::DeltaError;
use crate::folder_index::FolderIndexError;
use crate::repair::RepairError;
use crate::scan::DatabaseError;
use crate::stick::{RootFileError, SplitError, StickError};
use landfall_console::{ErrorClass, Exit, StorageFault};
use landfall_keys::TrustError;
use landfall_manifests::{IndexError, InventoryError, ReadError};
use landfall_media::{BundleError, CopyError, MediaError, ParityError, RequestFileError, media_error};
use std::io;

const FIND_PARTS: &str = "put all parts into one folder, or name the folders of the others with --parts";
const TRUST: &str = "compare the key ids with those that you were given out of band";
const CHANGED_HEAD: &str = "where a byte of the manifest or of a signature was damaged on its way, copy the bundle again, or have it repaired: \
                            `landfall-installer verify BUNDLE --request FILE` writes what `landfall-bundler repair FILE` packs; where it \
                            was changed on purpose, no copy will do";
const UNREADABLE: ErrorClass = ErrorClass::new(Exit::Damaged, "unreadable", "check the disk that the bundle is on");
const REQUEST: ErrorClass = usage("request", "carry the request here again, or have it written again");

pub(super) fn of_bundle(error: &BundleError) -> ErrorClass {
    match error {
        BundleError::Media(error) => of_media(error),
        BundleError::Read { source, .. } => of_read(source),
        BundleError::Blob { .. } => DAMAGED,
        // One run has one exit code: the first damage decides.
        BundleError::Several(report) => report.first().map_or(DAMAGED, of_bundle),
    }
}

pub(super) fn of_folder_index(error: &FolderIndexError) -> ErrorClass {
    match error {
        FolderIndexError::List { .. } => usage("no_folder", "name the folder that the bundles are in"),
        FolderIndexError::Empty { .. } => usage("no_bundle", "put bundles there, files NAME.landfall.tar"),
        FolderIndexError::Product { .. } => usage("product", "give each product a folder of its own"),
        FolderIndexError::Bundle(error) => of_bundle(error),
        FolderIndexError::Release { .. } => DAMAGED,
        FolderIndexError::NotAnIndex { .. } => usage("exists", "move it to another folder"),
        FolderIndexError::Read { .. } => unfit("unreadable", "check the disk that the folder is on"),
        FolderIndexError::Index(IndexError::Signatures) => {
            usage("signatures", "remove the index, and sign it by the keys that count")
        }
        FolderIndexError::Index(_) => usage("index", "move bundles that hosts no longer need to another folder"),
        FolderIndexError::Write(_) => unfit("cannot_write", "give this user the right to write there"),
    }
}

pub(super) fn of_media(error: &MediaError) -> ErrorClass {
    match error {
        MediaError::Open { .. }
        | MediaError::NotAFile(_)
        | MediaError::Server { .. }
        | MediaError::PartOpen { .. }
        | MediaError::PartNotAFile(_) => {
            usage("missing_file", "name a bundle, a file NAME.landfall.tar, or one of its parts")
        }
        MediaError::NotAFolder(_) => usage("parts", "--parts takes a folder in which parts of the bundle are"),
        MediaError::PartName(_) => usage("part_name", "rename the parts: to BUNDLE.part001, BUNDLE.part002 and so on"),
        MediaError::Missing { .. } => ErrorClass::new(Exit::Damaged, "part_missing", FIND_PARTS),
        MediaError::Empty(_) | MediaError::PartSize { .. } | MediaError::Surplus { .. } => ErrorClass::new(
            Exit::Damaged,
            "damaged_parts",
            "copy that part again from where it was made, and compare its sha256sum",
        ),
        MediaError::Changed { .. } | MediaError::OtherManifest { .. } => DAMAGED,
        MediaError::Prompt { .. } => UNREADABLE,
    }
}

pub(super) fn of_read(error: &ReadError) -> ErrorClass {
    match error {
        // A signature by a key that is trusted, over other bytes: a flipped bit does that as well as an attacker.
        ReadError::Untrusted(TrustError::BadSignature { .. }) => {
            ErrorClass::new(Exit::Untrusted, "untrusted", CHANGED_HEAD)
        }
        ReadError::Untrusted(_) => ErrorClass::new(Exit::Untrusted, "untrusted", TRUST),
        // A medium's own error comes through `Read` as the cause of an io::Error: its class is the more exact one.
        ReadError::Source { source, .. } => media_error(source).map_or(UNREADABLE, of_media),
        ReadError::NotABundle => {
            ErrorClass::new(Exit::Damaged, "not_a_bundle", "name a file that `landfall-bundler build` wrote")
        }
        ReadError::Patch { .. } => {
            ErrorClass::new(Exit::Damaged, "patch", "`landfall-installer` takes it together with the bundle")
        }
        ReadError::Signature { .. }
        | ReadError::Release(_)
        | ReadError::Header { .. }
        | ReadError::NotInManifest { .. }
        | ReadError::Digest { .. }
        | ReadError::Padding { .. }
        | ReadError::Truncated { .. }
        | ReadError::Trailing { .. }
        | ReadError::Sink { .. } => DAMAGED,
    }
}

pub(super) fn of_copy(error: &CopyError) -> ErrorClass {
    match error {
        CopyError::Bundle(error) => of_bundle(error),
        CopyError::Write { .. } => unfit(
            "cannot_write",
            "check that the folder is yours and its disk sound, or copy the bundle to another one",
        ),
    }
}

pub(super) fn of_delta(error: &DeltaError) -> ErrorClass {
    const BASE: &str = "name a bundle of an earlier release of this product with --base, for this processor";
    match error {
        DeltaError::Bundle(error) => of_bundle(error),
        DeltaError::Release(_) | DeltaError::Make { .. } => DAMAGED,
        DeltaError::Sign(error) => of_signing(error),
        DeltaError::Parts(_) => PARTS_TOO_SMALL,
        DeltaError::Output(error) => of_output(error),
        DeltaError::Copy(error) => of_copy(error),
        DeltaError::InventoryFile { .. } => {
            usage("missing_file", "name a bundle of an earlier release, or what a host's `inventory` wrote")
        }
        DeltaError::Inventory { source: InventoryError::Untrusted(_), .. } => ErrorClass::new(
            Exit::Untrusted,
            "untrusted",
            "have the host write it again, and compare its key with --host-key",
        ),
        DeltaError::Inventory { .. } => {
            ErrorClass::new(Exit::Damaged, "inventory", "have `landfall-installer inventory` write it again")
        }
        DeltaError::OtherProduct { .. } => ErrorClass::new(Exit::Policy, "product", BASE),
        DeltaError::OtherPlatform { .. } => ErrorClass::new(Exit::Policy, "platform", BASE),
        DeltaError::Newer { .. } => ErrorClass::new(Exit::Policy, "downgrade", BASE),
        DeltaError::FullIsDelta(_) => usage("delta", "name the full bundle of the release"),
        DeltaError::TooMany(..) => usage("bases", "make a delta for some of them, and one for the others"),
        DeltaError::ReplacesSource { .. } => usage("exists", "name another file with --out"),
    }
}

pub(super) fn of_repair(error: &RepairError) -> ErrorClass {
    match error {
        RepairError::Request(error) => of_request(error),
        RepairError::Unlisted { .. } => REQUEST,
        RepairError::OtherRelease { .. } => {
            usage("other_release", "name the bundle of that very release with --from: a new build of it is another one")
        }
    }
}

pub(super) fn of_document(error: &DocumentError) -> ErrorClass {
    match error {
        DocumentError::Read { source, .. } => media_error(source).map_or(DAMAGED, of_media),
        DocumentError::Damaged { .. } => DAMAGED,
        DocumentError::Bom { .. } => {
            ErrorClass::new(Exit::Damaged, "sbom", "build the bundle anew, or ask its publisher")
        }
    }
}

pub(super) fn of_database(error: &DatabaseError) -> ErrorClass {
    match error {
        DatabaseError::Read { .. } => {
            usage("missing_file", "name a folder of advisories with --db, all of which you can read")
        }
        DatabaseError::Advisory { .. } => {
            usage("advisory", "get it again, or move what is no advisory out of the folder")
        }
        DatabaseError::Empty { .. } => {
            usage("no_advisories", "unpack an archive of osv.dev there, one for each ecosystem")
        }
    }
}

pub(super) fn of_request(error: &RequestFileError) -> ErrorClass {
    match error {
        RequestFileError::Read { .. } => {
            usage("missing_file", "name the request that `landfall-installer verify --request` wrote")
        }
        RequestFileError::Parse { .. } => REQUEST,
        // The bundler writes no requests.
        RequestFileError::Exists(_) | RequestFileError::Write(_) | RequestFileError::Folder { .. } => {
            ErrorClass::UNEXPECTED
        }
    }
}

pub(super) fn of_stick(error: &StickError) -> ErrorClass {
    match error {
        StickError::Copy(error) => of_copy(error),
        StickError::Release(_) => DAMAGED,
        StickError::NoFolder { .. } => usage("no_folder", "name the folder where the medium is mounted"),
        StickError::Inspect { .. } => unfit("unreadable", "plug the medium in again, or take another one"),
        StickError::NotOverwritten { .. }
        | StickError::OtherProgram { .. }
        | StickError::OtherRoot { .. }
        | StickError::StalePart { .. } => usage("exists", "move it to another folder"),
        StickError::Installer { .. } => usage("missing_file", "name the installer with --installer"),
        StickError::InstallerArch { .. } => {
            usage("wrong_arch", "name the installer for the release's processor with --installer")
        }
        StickError::NoSpace { .. } => unfit("disk_full", "remove what is on the medium, or take a larger one"),
        StickError::Split(SplitError::TooLarge { .. } | SplitError::Ranges(_)) => {
            usage("split", "give another size with --split, or none")
        }
        StickError::Parity(error) => of_parity(error),
        StickError::Write { source, .. } => of_writing_to_stick(source),
        StickError::ReadBack { .. } => ErrorClass::new(
            Exit::Damaged,
            "medium",
            "the medium is worn out, or smaller than it says: take another one",
        ),
    }
}

fn of_parity(error: &ParityError) -> ErrorClass {
    match error {
        ParityError::Geometry(_) => usage("parity", "give another share with --parity, or none"),
        ParityError::Bundle(error) => of_bundle(error),
        ParityError::Changed(_) => {
            ErrorClass::new(Exit::Damaged, "changed", "wait until whatever writes to the bundle has ended")
        }
        ParityError::Write(source) => of_writing_to_stick(source),
        ParityError::Code(_) => ErrorClass::UNEXPECTED,
    }
}

pub(super) fn of_writing_to_stick(error: &io::Error) -> ErrorClass {
    match StorageFault::of(error) {
        Some(StorageFault::Full) => unfit("disk_full", "remove what is on the medium, or take a larger one"),
        Some(StorageFault::FileTooLarge) => unfit("file_too_large", "cut the bundle, such as with --split 4000MB"),
        Some(StorageFault::ReadOnly) => unfit("read_only", "undo its write protection, or mount it for writing"),
        Some(StorageFault::NotPermitted) | None => {
            unfit("cannot_write", "plug the medium in again, or take another one")
        }
    }
}

pub(super) fn of_root_file(error: &RootFileError) -> ErrorClass {
    match error {
        RootFileError::Chain(_) | RootFileError::Successor(_) => TRUST_CHAIN,
        RootFileError::Refused { source, .. } => of_bundle(source),
        RootFileError::Adopt(_) => ErrorClass::UNEXPECTED,
    }
}
