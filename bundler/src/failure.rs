//! What an error means to the caller: its exit code, its word for scripts, and what to do next. In one place, so that the
//! same error never has two codes.

use crate::assemble::AssembleError;
use crate::blob_store::{LayerError, StoreError};
use crate::bundle_file::BundleError;
use crate::commands::repair::RepairError;
use crate::definition::DefinitionError;
use crate::output::OutputError;
use crate::parts::OpenError;
use crate::plan::PlanError;
use crate::rewrite::RewriteError;
use crate::sources::{FileError, ImageError, SourceError};
use crate::stick::{SplitError, StickError};
use crate::trust::TrustFolderError;
use landfall_console::{Exit, Failure};
use landfall_keys::ChainError;
use landfall_manifests::parts::RangesError;
use landfall_manifests::{ReadError, ReleaseError, SignError};
use std::error::Error;
use std::io;
use std::path::Path;

/// Turns a command's error into a [`Failure`], if it is of a kind that a person can act on.
pub(crate) fn classified(error: anyhow::Error) -> anyhow::Error {
    if error.chain().any(<dyn Error>::is::<Failure>) {
        return error;
    }
    let medium = error.chain().find_map(<dyn Error>::downcast_ref).map(of_stick);
    let full = error.chain().find_map(<dyn Error>::downcast_ref::<io::Error>).and_then(disk_full);
    let found = medium.or(full).or_else(|| error.chain().find_map(verdict));
    match found {
        Some((exit, code, hint)) => Failure::new(exit, code, format!("{error:#}")).hint(hint).into(),
        None => error,
    }
}

/// Says how much room there is, if `error` is that there was too little in `folder`. To be asked when the temporary files
/// are gone.
pub(crate) fn with_room(error: anyhow::Error, folder: &Path) -> anyhow::Error {
    let found = error.chain().find_map(<dyn Error>::downcast_ref::<io::Error>);
    let is_full = found.is_some_and(|error| error.kind() == io::ErrorKind::StorageFull);
    match rustix::fs::statvfs(folder) {
        Ok(room) if is_full => {
            let free = room.f_bavail.saturating_mul(room.f_frsize);
            let message = format!("{error:#}: {free} bytes are free in {}, which was too little", folder.display());
            Failure::new(Exit::Unfit, "disk_full", message).hint(ROOM).into()
        }
        _ => error,
    }
}

type Verdict = (Exit, &'static str, &'static str);

const ROOM: &str = "free room there, or write to another disk with --out: packing needs the bundle's size and its largest \
                    layer's";
const DEFINITION: &str = "correct the definition, and build again";
const SOURCE_FILE: &str = "correct the path in the definition (it is relative to the definition), or make the file";
const COPY_AGAIN: &str = "copy the bundle again from where it was made, and compare its sha256sum";
const PART_SIZE: &str = "ask for larger parts";
const FIND_PARTS: &str = "put all parts into one folder, or name the folders of the others with --parts";
const CHANGED: &str = "build again when nothing writes to it";
const SECRET: &str = "move it out of what is packed";
const ROOT: &str = "compare the root's sha256sum with what its publisher told you by another way than the bundle";
const TRUST: &str = "compare the key ids with those that you were given by another way than the bundle";

fn disk_full(error: &io::Error) -> Option<Verdict> {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded => Some((Exit::Unfit, "disk_full", ROOM)),
        FileTooLarge => Some((Exit::Unfit, "file_too_large", "write to a file system that holds files of this size")),
        ReadOnlyFilesystem => Some((Exit::Unfit, "read_only", "write to another disk with --out")),
        _ => None,
    }
}

fn verdict(cause: &(dyn Error + 'static)) -> Option<Verdict> {
    None.or_else(|| cause.downcast_ref().map(of_definition))
        .or_else(|| cause.downcast_ref().map(of_plan))
        .or_else(|| cause.downcast_ref().map(of_output))
        .or_else(|| cause.downcast_ref().map(of_file))
        .or_else(|| cause.downcast_ref::<ImageError>().map(|error| of_source(&error.source)))
        .or_else(|| cause.downcast_ref().map(of_assembly))
        .or_else(|| cause.downcast_ref().map(of_bundle))
        .or_else(|| cause.downcast_ref().map(of_rewriting))
        .or_else(|| cause.downcast_ref().map(of_repair))
        .or_else(|| cause.downcast_ref().map(|_: &RangesError| (Exit::Usage, "part_size", PART_SIZE)))
        .or_else(|| cause.downcast_ref().map(of_signing))
        .or_else(|| cause.downcast_ref().map(of_release))
        .or_else(|| cause.downcast_ref().map(of_store))
        .or_else(|| cause.downcast_ref().map(of_trust))
        .or_else(|| cause.downcast_ref().map(|_: &ChainError| (Exit::Untrusted, "trust_chain", ROOT)))
}

fn of_definition(error: &DefinitionError) -> Verdict {
    match error {
        DefinitionError::Read { .. } => (Exit::Usage, "missing_file", "name the definition, a TOML file"),
        DefinitionError::TooLarge { .. } | DefinitionError::Wrong { .. } => (Exit::Usage, "definition", DEFINITION),
    }
}

fn of_plan(error: &PlanError) -> Verdict {
    match error {
        PlanError::Arch => (Exit::Usage, "arch", "add arch = \"amd64\" or \"arm64\" to [release]"),
    }
}

fn of_output(error: &OutputError) -> Verdict {
    match error {
        OutputError::NoFolder { .. } => (Exit::Usage, "no_folder", "make the folder first, or correct --out"),
        OutputError::NotABundle { .. } | OutputError::NotAPatch { .. } | OutputError::ShadowsExistingParts { .. } => {
            (Exit::Usage, "exists", "name another file with --out")
        }
        OutputError::PartName { .. } => (Exit::Usage, "part_name", "name a file without .partNNN with --out"),
        OutputError::WholeAndParts { .. } => {
            (Exit::Usage, "exists", "move one of the two to another folder; add signatures before the bundle is split")
        }
        OutputError::NotUtf8 { .. } => (Exit::Usage, "part_name", "give the bundle a name in UTF-8"),
        OutputError::ShadowsParts { .. } => (Exit::Usage, "exists", "remove it, or name another folder with --out"),
        OutputError::ReplacesOwnParts { .. } => (Exit::Usage, "output_in_source", "write to another folder with --out"),
        OutputError::ReplacesSource { .. } | OutputError::InsideSource { .. } => {
            (Exit::Usage, "output_in_source", "write to another folder with --out")
        }
        OutputError::SecretInSource { .. } => (Exit::Usage, "secret_key_in_source", SECRET),
    }
}

fn of_file(error: &FileError) -> Verdict {
    match error {
        FileError::Read { line: None, .. } => {
            let hint = "put landfall and landfall-installer beside landfall-bundler, or name them in [runtime]";
            (Exit::Usage, "missing_file", hint)
        }
        FileError::Read { .. } => (Exit::Usage, "missing_file", SOURCE_FILE),
        FileError::Program { .. } => {
            (Exit::Usage, "wrong_arch", "name programs for the release's arch in [runtime], or correct arch")
        }
        FileError::Special { .. } => {
            (Exit::Usage, "special_file", "replace it with what it stands for, or leave it out")
        }
        FileError::SecretKey { .. } => (Exit::Usage, "secret_key_in_source", SECRET),
        FileError::Settings { .. } => (Exit::Usage, "config", "correct it, and build again"),
        FileError::Path { .. } | FileError::NotUtf8 { .. } | FileError::Twice { .. } => {
            (Exit::Usage, "definition", DEFINITION)
        }
        FileError::Changed { .. } => (Exit::Unexpected, "changed", CHANGED),
        FileError::Store(error) => of_store(error),
    }
}

fn of_source(error: &SourceError) -> Verdict {
    match error {
        SourceError::Read { .. } => (Exit::Usage, "missing_file", SOURCE_FILE),
        SourceError::NoSuchImage { .. } | SourceError::Ambiguous { .. } => {
            (Exit::Usage, "no_such_image", "correct the image's source in the definition")
        }
        SourceError::NotInEngine { .. } => (Exit::Usage, "no_such_image", "`docker images` shows what the engine has"),
        SourceError::NoSuchPlatform { .. } | SourceError::Platform { .. } => {
            (Exit::Usage, "wrong_arch", "take the image for the release's arch, or correct arch in [release]")
        }
        SourceError::Special { .. } => (Exit::Usage, "special_file", "remove it from the folder"),
        SourceError::SecretKey { .. } => (Exit::Usage, "secret_key_in_source", SECRET),
        SourceError::TooManyLayers(_) => (Exit::Usage, "too_many_layers", "squash the image"),
        SourceError::Changed { .. } => (Exit::Unexpected, "changed", CHANGED),
        SourceError::Layer(_, LayerError::Window) => {
            (Exit::Usage, "layer_window", "repack the layer: compress it again without --long and --ultra")
        }
        SourceError::Foreign(_) => {
            (Exit::Usage, "foreign_layer", "copy the image with its foreign layers, or build it from another base")
        }
        SourceError::NoEngine { .. } => {
            (Exit::Unfit, "no_engine", "start the engine, or say where it is with DOCKER_HOST")
        }
        SourceError::Engine { .. } => (Exit::Unfit, "engine", "the engine's own log says more"),
        SourceError::Store(error) | SourceError::Layer(_, LayerError::Store(error)) => of_store(error),
        SourceError::Archive(_)
        | SourceError::NoEntry(_)
        | SourceError::Json { .. }
        | SourceError::TooLarge { .. }
        | SourceError::Digest { .. }
        | SourceError::Size { .. }
        | SourceError::LayerCount { .. }
        | SourceError::MediaType { .. }
        | SourceError::LayerKind(_)
        | SourceError::Layer(..) => {
            (Exit::Damaged, "damaged_image", "make the image's archive again, or copy it again")
        }
    }
}

fn of_assembly(error: &AssembleError) -> Verdict {
    match error {
        AssembleError::Write { .. } | AssembleError::Place { .. } => {
            (Exit::Unfit, "cannot_write", "write to a folder that is yours with --out")
        }
        AssembleError::Sign(error) => of_signing(error),
        AssembleError::Store(error) => of_store(error),
        AssembleError::Parts(_) => (Exit::Usage, "part_size", PART_SIZE),
    }
}

fn of_bundle(error: &BundleError) -> Verdict {
    match error {
        BundleError::Open(OpenError::Open { .. }) => {
            (Exit::Usage, "missing_file", "name a bundle, a file NAME.landfall.tar, or one of its parts")
        }
        BundleError::Refused { source, .. } => of_read(source),
        BundleError::Damaged { .. } => (Exit::Damaged, "damaged", COPY_AGAIN),
        BundleError::Missing(_) => (Exit::Damaged, "part_missing", FIND_PARTS),
        BundleError::Misfit { .. } | BundleError::Open(OpenError::Ranges { .. }) => {
            (Exit::Damaged, "damaged_parts", "copy that part again from where it was made, and compare its sha256sum")
        }
    }
}

fn of_stick(error: &StickError) -> Verdict {
    match error {
        StickError::NoFolder { .. } => (Exit::Usage, "no_folder", "name the folder where the medium is mounted"),
        StickError::Inspect { .. } => (Exit::Unfit, "unreadable", "plug the medium in again, or take another one"),
        StickError::NotOverwritten { .. }
        | StickError::OtherProgram { .. }
        | StickError::OtherRoot { .. }
        | StickError::StalePart { .. } => (Exit::Usage, "exists", "move it to another folder"),
        StickError::Installer { .. } => (Exit::Usage, "missing_file", "name the installer with --installer"),
        StickError::InstallerArch { .. } => {
            (Exit::Usage, "wrong_arch", "name the installer for the release's processor with --installer")
        }
        StickError::NoSpace { .. } => (Exit::Unfit, "disk_full", "remove what is on the medium, or take a larger one"),
        StickError::Split(SplitError::TooLarge { .. } | SplitError::Ranges(_)) => {
            (Exit::Usage, "split", "give another size with --split, or none")
        }
        StickError::Write { source, .. } => of_writing(source),
        StickError::ReadBack { .. } => {
            (Exit::Damaged, "medium", "the medium is worn out, or smaller than it says: take another one")
        }
    }
}

fn of_writing(error: &io::Error) -> Verdict {
    use io::ErrorKind::{FileTooLarge, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull => (Exit::Unfit, "disk_full", "remove what is on the medium, or take a larger one"),
        FileTooLarge => (Exit::Unfit, "file_too_large", "cut the bundle, such as with --split 4000MB"),
        ReadOnlyFilesystem => (Exit::Unfit, "read_only", "undo its write protection, or mount it for writing"),
        _ => (Exit::Unfit, "cannot_write", "plug the medium in again, or take another one"),
    }
}

fn of_rewriting(error: &RewriteError) -> Verdict {
    match error {
        RewriteError::Bundle(error) => of_bundle(error),
        RewriteError::Write { .. } => (Exit::Unfit, "cannot_write", "copy the bundle to a folder that is yours"),
    }
}

fn of_repair(error: &RepairError) -> Verdict {
    match error {
        RepairError::Read { .. } => (Exit::Usage, "missing_file", "name the request that `verify --request` wrote"),
        RepairError::Request { .. } | RepairError::Unlisted { .. } => {
            (Exit::Usage, "request", "carry the request here again, or have it written again")
        }
        RepairError::OtherRelease { .. } => (
            Exit::Usage,
            "other_release",
            "name the bundle of that very release with --from: a new build of it is another one",
        ),
    }
}

fn of_read(error: &ReadError) -> Verdict {
    match error {
        ReadError::Untrusted(_) => (Exit::Untrusted, "untrusted", TRUST),
        ReadError::Source { .. } => (Exit::Damaged, "unreadable", "check the disk that the bundle lies on"),
        ReadError::NotABundle => (Exit::Damaged, "not_a_bundle", "name a file that `landfall-bundler build` wrote"),
        ReadError::Patch { .. } => (Exit::Damaged, "patch", "`landfall-installer` takes it together with the bundle"),
        _ => (Exit::Damaged, "damaged", COPY_AGAIN),
    }
}

fn of_signing(error: &SignError) -> Verdict {
    match error {
        SignError::Twice(_) | SignError::Count(_) => {
            (Exit::Usage, "signatures", "sign with keys that have not signed yet")
        }
        SignError::TooLarge(_) => (Exit::Usage, "too_large", "pack folders of many files as archives"),
        SignError::Release(_) => (Exit::Usage, "definition", DEFINITION),
        SignError::Key { .. } => (Exit::Usage, "secret_key", "sign with another key"),
    }
}

fn of_release(_: &ReleaseError) -> Verdict {
    (Exit::Damaged, "damaged", COPY_AGAIN)
}

fn of_store(_: &StoreError) -> Verdict {
    (Exit::Unfit, "cannot_write", "write to a folder that is yours with --out: temporary files lie beside the bundle")
}

fn of_trust(error: &TrustFolderError) -> Verdict {
    match error {
        TrustFolderError::NoRoot { .. } => {
            (Exit::Usage, "missing_file", "name the folder with --dir, or make its first root with `trust init`")
        }
        TrustFolderError::Read { .. } => (Exit::Usage, "missing_file", "make it a file that you can read"),
        TrustFolderError::TooLarge { .. } | TrustFolderError::TooMany { .. } => {
            (Exit::Usage, "too_large", "leave nothing but trust roots and their signatures in the folder")
        }
        TrustFolderError::Exists { .. } => {
            (Exit::Usage, "exists", "nothing is overwritten: move it away if it is not what you want to keep")
        }
        TrustFolderError::Chain { .. } => (
            Exit::Untrusted,
            "trust_chain",
            "take out the root or the signature that is named, and have it signed anew: a root's file is never edited",
        ),
        TrustFolderError::Unsigned { .. } => {
            (Exit::Usage, "unsigned_root", "have it signed with `trust sign`, or delete it by hand if it was a mistake")
        }
        TrustFolderError::UnknownKey { .. } | TrustFolderError::NotASigner { .. } => {
            (Exit::Usage, "unknown_key", "`trust show` lists the keys")
        }
        TrustFolderError::Change(_) => {
            (Exit::Usage, "trust_root", "`trust show` lists the keys; --threshold sets how many of them must sign")
        }
        TrustFolderError::Full { .. } => (
            Exit::Usage,
            "trust_full",
            "move the oldest roots and their signatures to another folder, keeping the newest ones: hosts that trust a version \
             from before the oldest one that is left then need `landfall-installer trust import --replace`",
        ),
        TrustFolderError::OtherKeysSignature { .. } => (
            Exit::Usage,
            "shared_id",
            "nothing is overwritten: delete the newest root and the signatures over it, and make it with a new key instead",
        ),
        TrustFolderError::Write { .. } => (Exit::Unfit, "cannot_write", "work in a folder that is yours"),
    }
}
