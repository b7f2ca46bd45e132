//! What each error means to the caller: its exit code, its word for scripts, and what to do next.
//!
//! Every `match` here is without a wildcard, so that a new kind of error does not compile until it has its row. The test beside
//! it holds a sample of each.

use crate::assemble::AssembleError;
use crate::blob_store::{LayerError, StoreError};
use crate::commands::build::BuildHostError;
use crate::commands::keygen::KeygenError;
use crate::definition::DefinitionError;
use crate::error::Error;
use crate::key_files::KeyFileError;
use crate::output::OutputError;
use crate::plan::PlanError;
use crate::repair::RepairError;
use crate::sources::{FileError, SourceError};
use crate::stick::{RootFileError, SplitError, StickError};
use crate::trust::{CliTrustError, TrustFolderError};
use landfall_console::{Classify, ErrorClass, Exit, StorageFault};
use landfall_engine::EngineError;
use landfall_manifests::{ReadError, SignError};
use landfall_media::{BundleError, CopyError, MediaError, RequestFileError, media_error};
use std::io;

const ROOM: &str = "free room there, or write to another disk with --out: packing needs the bundle's size and its largest \
                    layer's";
const DEFINITION: &str = "correct the definition, and build again";
const SOURCE_FILE: &str = "correct the path in the definition (it is relative to the definition), or make the file";
const COPY_AGAIN: &str = "copy the bundle again from where it was made, and compare its sha256sum";
const PART_SIZE: &str = "ask for larger parts";
const FIND_PARTS: &str = "put all parts into one folder, or name the folders of the others with --parts";
const CHANGED: &str = "build again when nothing writes to it";
const SECRET: &str = "move it out of what is packed";
const ROOT: &str = "compare the root's sha256sum with the one that its publisher gave you out of band";
const TRUST: &str = "compare the key ids with those that you were given out of band";

const DAMAGED: ErrorClass = ErrorClass::new(Exit::Damaged, "damaged", COPY_AGAIN);
const UNREADABLE: ErrorClass = ErrorClass::new(Exit::Damaged, "unreadable", "check the disk that the bundle is on");
const REQUEST: ErrorClass = usage("request", "carry the request here again, or have it written again");
const TRUST_CHAIN: ErrorClass = ErrorClass::new(Exit::Untrusted, "trust_chain", ROOT);
const PARTS_TOO_SMALL: ErrorClass = usage("part_size", PART_SIZE);

const fn usage(code: &'static str, hint: &'static str) -> ErrorClass {
    ErrorClass::new(Exit::Usage, code, hint)
}

const fn unfit(code: &'static str, hint: &'static str) -> ErrorClass {
    ErrorClass::new(Exit::Unfit, code, hint)
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        // A medium has its own words for being full or read-only.
        if let Self::Stick(error) = self
            && !matches!(error, StickError::Copy(_))
        {
            return of_stick(error);
        }
        // Whatever was being done, it failed for want of room.
        if let Some(class) = StorageFault::among(self).and_then(of_storage) {
            return class;
        }
        match self {
            Self::Definition(error) => of_definition(error),
            Self::BuildHost(error) => of_build_host(error),
            Self::Plan(error) => of_plan(error),
            Self::Output(error) => of_output(error),
            Self::File(error) => of_file(error),
            Self::Image(error) => of_source(&error.source),
            Self::Store(error) => of_store(error),
            Self::Assemble(error) => of_assembly(error),
            Self::Sign(error) => of_signing(error),
            Self::Release(_) => DAMAGED,
            Self::Bundle(error) => of_bundle(error),
            Self::Copy(error) => of_copy(error),
            Self::PartSize(_) => PARTS_TOO_SMALL,
            Self::Repair(error) => of_repair(error),
            Self::Stick(error) => of_stick(error),
            Self::RootFile(error) => of_root_file(error),
            Self::Keygen(error) => of_keygen(error),
            Self::KeyFile(error) => of_key_file(error),
            Self::CliTrust(error) => of_cli_trust(error),
            Self::TrustFolder(error) => of_trust_folder(error),
            Self::DefinitionTrust { source, .. } => of_trust_folder(source),
            Self::NoSpace { .. } => unfit("disk_full", ROOM),
            Self::OwnPath(_) | Self::ProgramPages(_) | Self::Stdout(_) | Self::Format(_) => ErrorClass::UNEXPECTED,
        }
    }
}

fn of_storage(fault: StorageFault) -> Option<ErrorClass> {
    match fault {
        StorageFault::Full => Some(unfit("disk_full", ROOM)),
        StorageFault::FileTooLarge => {
            Some(unfit("file_too_large", "write to a file system that holds files of this size"))
        }
        StorageFault::ReadOnly => Some(unfit("read_only", "write to another disk with --out")),
        // What to do depends on the file.
        StorageFault::NotPermitted => None,
    }
}

fn of_definition(error: &DefinitionError) -> ErrorClass {
    match error {
        DefinitionError::Read { .. } => usage("missing_file", "name the definition, a TOML file"),
        DefinitionError::TooLarge { .. } | DefinitionError::Wrong { .. } => usage("definition", DEFINITION),
    }
}

fn of_build_host(error: &BuildHostError) -> ErrorClass {
    match error {
        BuildHostError::SourceDateEpoch(_) => usage("source_date_epoch", "unset it, or set it as `date +%s` does"),
    }
}

fn of_plan(error: &PlanError) -> ErrorClass {
    match error {
        PlanError::Arch => usage("arch", "add arch = \"amd64\" or \"arm64\" to [release]"),
    }
}

fn of_output(error: &OutputError) -> ErrorClass {
    match error {
        OutputError::NoFolder { .. } => usage("no_folder", "make the folder first, or correct --out"),
        OutputError::NotABundle { .. } | OutputError::NotAPatch { .. } | OutputError::ShadowsExistingParts { .. } => {
            usage("exists", "name another file with --out")
        }
        OutputError::PartName { .. } => usage("part_name", "name a file without .partNNN with --out"),
        OutputError::WholeAndParts { .. } => {
            usage("exists", "move one of the two to another folder; add signatures before the bundle is split")
        }
        OutputError::NotUtf8 { .. } => usage("part_name", "give the bundle a name in UTF-8"),
        OutputError::ShadowsParts { .. } => usage("exists", "remove it, or name another folder with --out"),
        OutputError::ReplacesOwnParts { .. }
        | OutputError::ReplacesSource { .. }
        | OutputError::InsideSource { .. } => usage("output_in_source", "write to another folder with --out"),
        OutputError::SecretInSource { .. } => usage("secret_key_in_source", SECRET),
    }
}

fn of_file(error: &FileError) -> ErrorClass {
    match error {
        FileError::Read { line: None, .. } => usage(
            "missing_file",
            "put landfall and landfall-installer beside landfall-bundler, or name them in [runtime]",
        ),
        FileError::Read { line: Some(_), .. } => usage("missing_file", SOURCE_FILE),
        FileError::Program { .. } => {
            usage("wrong_arch", "name programs for the release's arch in [runtime], or correct arch")
        }
        FileError::Special { .. } => usage("special_file", "replace it with what it stands for, or leave it out"),
        FileError::SecretKey { .. } => usage("secret_key_in_source", SECRET),
        FileError::Settings { .. } => usage("config", "correct it, and build again"),
        FileError::Path { .. } | FileError::NotUtf8 { .. } | FileError::Twice { .. } => usage("definition", DEFINITION),
        FileError::Changed { .. } => ErrorClass::new(Exit::Unexpected, "changed", CHANGED),
        FileError::Store(error) => of_store(error),
    }
}

fn of_engine(error: &EngineError) -> ErrorClass {
    match error {
        EngineError::NoEngine(_) | EngineError::Unreachable { .. } => {
            unfit("no_engine", "start the engine, or say where it is with DOCKER_HOST")
        }
        EngineError::TooOld { .. }
        | EngineError::NoAnswer { .. }
        | EngineError::NotFound { .. }
        | EngineError::Conflict { .. }
        | EngineError::Failed { .. }
        | EngineError::InvalidAnswer { .. }
        | EngineError::Archive(_) => unfit("engine", "the engine's own log says more"),
    }
}

fn of_source(error: &SourceError) -> ErrorClass {
    match error {
        SourceError::Read { .. } => usage("missing_file", SOURCE_FILE),
        SourceError::NoSuchImage { .. } | SourceError::Ambiguous { .. } => {
            usage("no_such_image", "correct the image's source in the definition")
        }
        SourceError::NotInEngine { .. } => usage("no_such_image", "`docker images` shows what the engine has"),
        SourceError::NoSuchPlatform { .. } | SourceError::Platform { .. } => {
            usage("wrong_arch", "take the image for the release's arch, or correct arch in [release]")
        }
        SourceError::Special { .. } => usage("special_file", "remove it from the folder"),
        SourceError::SecretKey { .. } => usage("secret_key_in_source", SECRET),
        SourceError::TooManyLayers(_) => usage("too_many_layers", "squash the image"),
        SourceError::Changed { .. } => ErrorClass::new(Exit::Unexpected, "changed", CHANGED),
        SourceError::Foreign(_) => {
            usage("foreign_layer", "copy the image with its foreign layers, or build it from another base")
        }
        SourceError::Engine(error) => of_engine(error),
        SourceError::Store(error) => of_store(error),
        SourceError::Layer(_, error) => of_layer(error),
        SourceError::Archive(_)
        | SourceError::NoEntry(_)
        | SourceError::Json { .. }
        | SourceError::TooLarge { .. }
        | SourceError::Digest { .. }
        | SourceError::Size { .. }
        | SourceError::LayerCount { .. }
        | SourceError::MediaType { .. }
        | SourceError::LayerKind(_) => DAMAGED_IMAGE,
    }
}

const DAMAGED_IMAGE: ErrorClass =
    ErrorClass::new(Exit::Damaged, "damaged_image", "make the image's archive again, or copy it again");

fn of_layer(error: &LayerError) -> ErrorClass {
    match error {
        LayerError::Read(_) | LayerError::Compression { .. } => DAMAGED_IMAGE,
        LayerError::Window => usage("layer_window", "repack the layer: compress it again without --long and --ultra"),
        LayerError::Store(error) => of_store(error),
    }
}

fn of_store(error: &StoreError) -> ErrorClass {
    match error {
        StoreError::Folder { .. } | StoreError::Write { .. } => {
            unfit("cannot_write", "write to a folder that is yours with --out: temporary files lie beside the bundle")
        }
    }
}

fn of_assembly(error: &AssembleError) -> ErrorClass {
    match error {
        AssembleError::Write { .. } | AssembleError::Place { .. } => {
            unfit("cannot_write", "write to a folder that is yours with --out")
        }
        AssembleError::Sign(error) => of_signing(error),
        AssembleError::Store(error) => of_store(error),
        AssembleError::Parts(_) => PARTS_TOO_SMALL,
    }
}

fn of_signing(error: &SignError) -> ErrorClass {
    match error {
        SignError::Twice(_) | SignError::Count(_) => usage("signatures", "sign with keys that have not signed yet"),
        SignError::TooLarge(_) => usage("too_large", "pack folders of many files as archives"),
        SignError::Release(_) => usage("definition", DEFINITION),
        SignError::Key { .. } => usage("secret_key", "sign with another key"),
    }
}

fn of_bundle(error: &BundleError) -> ErrorClass {
    match error {
        BundleError::Media(error) => of_media(error),
        BundleError::Read { source, .. } => of_read(source),
        BundleError::Blob { .. } => DAMAGED,
        BundleError::Several(report) => report.first().map_or(DAMAGED, of_bundle),
    }
}

fn of_media(error: &MediaError) -> ErrorClass {
    match error {
        MediaError::Open { .. }
        | MediaError::NotAFile(_)
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

fn of_read(error: &ReadError) -> ErrorClass {
    match error {
        ReadError::Untrusted(_) => ErrorClass::new(Exit::Untrusted, "untrusted", TRUST),
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

fn of_copy(error: &CopyError) -> ErrorClass {
    match error {
        CopyError::Bundle(error) => of_bundle(error),
        CopyError::Write { .. } => unfit("cannot_write", "copy the bundle to a folder that is yours"),
    }
}

fn of_repair(error: &RepairError) -> ErrorClass {
    match error {
        RepairError::Request(error) => of_request(error),
        RepairError::Unlisted { .. } => REQUEST,
        RepairError::OtherRelease { .. } => {
            usage("other_release", "name the bundle of that very release with --from: a new build of it is another one")
        }
    }
}

fn of_request(error: &RequestFileError) -> ErrorClass {
    match error {
        RequestFileError::Read { .. } => usage("missing_file", "name the request that `verify --request` wrote"),
        RequestFileError::Parse { .. } => REQUEST,
        // The bundler writes no requests.
        RequestFileError::Exists(_) | RequestFileError::Write(_) | RequestFileError::Folder { .. } => {
            ErrorClass::UNEXPECTED
        }
    }
}

fn of_stick(error: &StickError) -> ErrorClass {
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
        StickError::Write { source, .. } => of_writing_to_stick(source),
        StickError::ReadBack { .. } => ErrorClass::new(
            Exit::Damaged,
            "medium",
            "the medium is worn out, or smaller than it says: take another one",
        ),
    }
}

fn of_writing_to_stick(error: &io::Error) -> ErrorClass {
    match StorageFault::of(error) {
        Some(StorageFault::Full) => unfit("disk_full", "remove what is on the medium, or take a larger one"),
        Some(StorageFault::FileTooLarge) => unfit("file_too_large", "cut the bundle, such as with --split 4000MB"),
        Some(StorageFault::ReadOnly) => unfit("read_only", "undo its write protection, or mount it for writing"),
        Some(StorageFault::NotPermitted) | None => {
            unfit("cannot_write", "plug the medium in again, or take another one")
        }
    }
}

fn of_root_file(error: &RootFileError) -> ErrorClass {
    match error {
        RootFileError::Chain(_) | RootFileError::Successor(_) => TRUST_CHAIN,
        RootFileError::Refused { source, .. } => of_bundle(source),
        RootFileError::Adopt(_) => ErrorClass::UNEXPECTED,
    }
}

fn of_keygen(error: &KeygenError) -> ErrorClass {
    match error {
        KeygenError::Exists { .. } => usage("exists", "keys are never overwritten: choose another name with --out"),
        KeygenError::Password(_) => ErrorClass::without_hint(Exit::Usage, "password"),
        KeygenError::Generate(_) | KeygenError::Create { .. } | KeygenError::Write { .. } => ErrorClass::UNEXPECTED,
    }
}

fn of_key_file(error: &KeyFileError) -> ErrorClass {
    match error {
        KeyFileError::Read { .. } => ErrorClass::without_hint(Exit::Usage, "missing_file"),
        KeyFileError::TooLarge { .. } => ErrorClass::without_hint(Exit::Usage, "too_large"),
        KeyFileError::SecretKey { .. } => {
            usage("secret_key", "--key takes a file that `landfall-bundler keygen` or `minisign -G` wrote")
        }
        KeyFileError::PublicKey { .. } => {
            usage("public_key", "a public key is a line that begins with RW, or a .pub file")
        }
        KeyFileError::NoTerminal => usage("password", "put it into a file and pass --password-file FILE"),
        KeyFileError::PasswordsDiffer => ErrorClass::without_hint(Exit::Usage, "password"),
        KeyFileError::Prompt(_) => ErrorClass::UNEXPECTED,
    }
}

fn of_cli_trust(error: &CliTrustError) -> ErrorClass {
    match error {
        CliTrustError::File(error) => of_key_file(error),
        CliTrustError::Keys(_) => usage("trust", "correct --trust and --threshold"),
        CliTrustError::RootNotAlone { .. } => usage("trust", "give it alone, without --threshold"),
        CliTrustError::Root { .. } => {
            usage("trust_root", "name a file N.root.json as `landfall-bundler trust` wrote it")
        }
        CliTrustError::Successor(_) => TRUST_CHAIN,
    }
}

fn of_trust_folder(error: &TrustFolderError) -> ErrorClass {
    match error {
        TrustFolderError::NoRoot { .. } => {
            usage("missing_file", "name the folder with --dir, or make its first root with `trust init`")
        }
        TrustFolderError::Read { .. } => usage("missing_file", "make it a file that you can read"),
        TrustFolderError::TooLarge { .. } | TrustFolderError::TooMany { .. } => {
            usage("too_large", "leave nothing but trust roots and their signatures in the folder")
        }
        TrustFolderError::Exists { .. } => {
            usage("exists", "nothing is overwritten: move it away if it is not what you want to keep")
        }
        TrustFolderError::Chain { .. } => ErrorClass::new(
            Exit::Untrusted,
            "trust_chain",
            "take out the root or the signature that is named, and have it signed anew: a root's file is never edited",
        ),
        TrustFolderError::Unsigned { .. } => {
            usage("unsigned_root", "have it signed with `trust sign`, or delete it by hand if it was a mistake")
        }
        TrustFolderError::UnknownKey { .. } | TrustFolderError::NotASigner { .. } => {
            usage("unknown_key", "`trust show` lists the keys")
        }
        TrustFolderError::Change(_) => {
            usage("trust_root", "`trust show` lists the keys; --threshold sets how many of them must sign")
        }
        TrustFolderError::Full { .. } => usage(
            "trust_full",
            "move the oldest roots and their signatures to another folder, keeping the newest ones: hosts that trust a version \
             from before the oldest one that is left then need `landfall-installer trust import --replace`",
        ),
        TrustFolderError::OtherKeysSignature { .. } => usage(
            "shared_id",
            "nothing is overwritten: delete the newest root and the signatures over it, and make it with a new key instead",
        ),
        TrustFolderError::Write { .. } => unfit("cannot_write", "work in a folder that is yours"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
