//! What errors of building mean: the definition, the sources, the output.

use super::classes::{PARTS_TOO_SMALL, unfit, usage};
use crate::assemble::{AssembleError, PackedReleaseError};
use crate::blob_store::{LayerError, StoreError};
use crate::build_host::BuildHostError;
use crate::cache::CacheError;
use crate::cosign::CosignError;
use crate::definition::DefinitionError;
use crate::lock_file::LockFileError;
use crate::output::OutputError;
use crate::plan::PlanError;
use crate::registry::{CredentialsError, DownloadError, RegistryError};
use crate::sources::{AddError, FileError, SourceError};
use crate::starter::StarterError;
use landfall_console::{ErrorClass, Exit, StorageFault};
use landfall_engine::EngineError;
use landfall_manifests::SignError;
use std::io;

pub(super) const DEFINITION: &str = "correct the definition, and build again";
pub(super) const SOURCE_FILE: &str =
    "correct the path in the definition (it is relative to the definition), or make the file";
pub(super) const CHANGED: &str = "build again when nothing writes to it";
const SECRET: &str = "move it out of what is packed";

pub(super) fn of_definition(error: &DefinitionError) -> ErrorClass {
    match error {
        DefinitionError::Read { .. } => usage("missing_file", "name the definition, a TOML file"),
        DefinitionError::TooLarge { .. } | DefinitionError::Wrong { .. } => usage("definition", DEFINITION),
    }
}

pub(super) fn of_lock_file(error: &LockFileError) -> ErrorClass {
    match error {
        LockFileError::Read { .. } => usage("lock_file", "make landfall.lock a file that you can read, or remove it"),
        LockFileError::Syntax { .. } => {
            usage("lock_file", "restore it from version control, or remove it and build again")
        }
        LockFileError::Unpinned { .. } => {
            usage("not_locked", "pin it with `landfall-bundler update`, or build without --locked")
        }
        LockFileError::NoSuchImage(_) | LockFileError::Fixed(_) => {
            usage("no_such_image", "name images of the definition whose source is docker:// with a tag")
        }
        LockFileError::Write(_) => unfit("cannot_write", "make the definition's folder one that you can write to"),
    }
}

pub(super) fn of_cache(error: &CacheError) -> ErrorClass {
    match error {
        CacheError::Folder { .. } | CacheError::Others { .. } | CacheError::NotACache { .. } => {
            unfit("cache", "name a folder that only you can write to with --cache, or build with --no-cache")
        }
    }
}

pub(super) fn of_starter(error: &StarterError) -> ErrorClass {
    match error {
        StarterError::Exists { .. } => {
            usage("exists", "nothing is overwritten: name another folder, or another product")
        }
        StarterError::Write { .. } => unfit("cannot_write", "name a folder that is yours"),
        StarterError::NoAnswer => usage(
            "no_answer",
            "answer all questions, or by flags (`landfall-bundler init --help`), or take the defaults with --yes",
        ),
        StarterError::Answer(_) => ErrorClass::UNEXPECTED,
        StarterError::Image(_) => usage("image_source", "name one with --image, or none for now"),
        StarterError::Definition(_) => usage("definition", "give other answers"),
    }
}

pub(super) fn of_build_host(error: &BuildHostError) -> ErrorClass {
    match error {
        BuildHostError::SourceDateEpoch(_) => usage("source_date_epoch", "unset it, or set it as `date +%s` does"),
        BuildHostError::OwnPath(_) | BuildHostError::ProgramPages(_) => ErrorClass::UNEXPECTED,
    }
}

pub(super) fn of_plan(error: &PlanError) -> ErrorClass {
    match error {
        PlanError::Arch => usage("arch", "add arch = \"amd64\" or \"arm64\" to [release]"),
    }
}

pub(super) fn of_output(error: &OutputError) -> ErrorClass {
    match error {
        OutputError::SeveralBundles { .. } => usage("no_folder", "name a folder that exists with --out"),
        OutputError::NoFolder { .. } => usage("no_folder", "make the folder first, or correct --out"),
        OutputError::NotABundle { .. } | OutputError::NotAPatch { .. } | OutputError::ShadowsExistingParts { .. } => {
            usage("exists", "name another file with --out")
        }
        OutputError::PartName { .. } => usage("part_name", "name a file without .partNNN with --out"),
        OutputError::WholeAndParts { .. } => {
            usage("exists", "move one of the two to another folder; add signatures before the bundle is split")
        }
        OutputError::LongName { .. } => usage("part_name", "give the bundle a shorter name"),
        OutputError::PartNotAFile { .. } => usage("exists", "move it to another folder"),
        OutputError::NotUtf8 { .. } => usage("part_name", "give the bundle a name in UTF-8"),
        OutputError::ShadowsParts { .. } => usage("exists", "remove it, or name another folder with --out"),
        OutputError::ReplacesOwnParts { .. }
        | OutputError::ReplacesSource { .. }
        | OutputError::InsideSource { .. } => usage("output_in_source", "write to another folder with --out"),
        OutputError::Summary { .. } => usage("summary", "name another file with --summary"),
        OutputError::CacheInSource { .. } => {
            usage("cache_in_source", "name another folder with --cache, or none with --no-cache")
        }
        OutputError::SecretInSource { .. } => usage("secret_key_in_source", SECRET),
    }
}

pub(super) fn of_file(error: &FileError) -> ErrorClass {
    match error {
        // Without a line, nobody named the file: it was looked for beside the bundler.
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
        FileError::Path { .. }
        | FileError::NotUtf8 { .. }
        | FileError::Twice { .. }
        | FileError::FolderDigest { .. } => usage("definition", DEFINITION),
        FileError::Changed { .. } => ErrorClass::new(Exit::Unexpected, "changed", CHANGED),
        FileError::Digest { .. } => ErrorClass::new(
            Exit::Damaged,
            "damaged_file",
            "get the file again; or correct its sha256, if this is the file that is meant",
        ),
        FileError::Download { source, .. } => of_download(source),
        FileError::Store(error) => of_store(error),
    }
}

pub(super) fn of_engine(error: &EngineError) -> ErrorClass {
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

pub(super) fn of_source(error: &SourceError) -> ErrorClass {
    match error {
        SourceError::Read { .. } => usage("missing_file", SOURCE_FILE),
        SourceError::NoSuchImage { .. } | SourceError::Ambiguous { .. } | SourceError::SameName { .. } => {
            usage("no_such_image", "correct the image's source in the definition")
        }
        SourceError::NotInEngine { .. } => usage("no_such_image", "`docker images` shows what the engine has"),
        SourceError::NoSuchPlatform { .. } | SourceError::Platform { .. } => {
            usage("wrong_arch", "take the image for the release's arch, or correct arch in [release]")
        }
        SourceError::Special { .. } => usage("special_file", "remove it from the folder"),
        SourceError::SecretKey { .. } => usage("secret_key_in_source", SECRET),
        SourceError::Attribute { .. } => {
            usage("attribute", "remove it with `setfattr -x`, or pack a copy of the folder without it")
        }
        SourceError::Whiteout { .. } => usage("whiteout", "rename it, or leave it out of the folder"),
        SourceError::Add(error) => of_add(error),
        SourceError::BaseConfig(_) => usage("image_config", "build the base anew with the tool that made it"),
        SourceError::Compressed(_) => usage(
            "compressed_archive",
            "decompress it, such as with `bzip2 -d` or `lz4 -d`, and name what comes out in the definition",
        ),
        SourceError::Window => usage(
            "archive_window",
            "compress it again with a smaller window: `xz -8`, or `zstd` without --long and --ultra",
        ),
        SourceError::Terminal => usage("terminal", "pipe the archive into the program, or name its file"),
        SourceError::Schema1 => usage("schema_1", "build it anew, or copy it with `skopeo copy --format v2s2`"),
        SourceError::NotAnImage(_) => {
            usage("not_an_image", "name a container image; other things are packed with [[file]]")
        }
        SourceError::TooManyLayers(_) => usage("too_many_layers", "squash the image"),
        SourceError::Changed { .. } => ErrorClass::new(Exit::Unexpected, "changed", CHANGED),
        SourceError::Foreign(_) => {
            usage("foreign_layer", "copy the image with its foreign layers, or build it from another base")
        }
        SourceError::Engine(error) => of_engine(error),
        SourceError::Reference(_) => usage("definition", DEFINITION),
        SourceError::Registry(error) => of_registry(error),
        SourceError::CosignKey(_) => usage("cosign_key", "name the cosign.pub of `cosign generate-key-pair`"),
        SourceError::Cosign(error) => of_cosign(error),
        SourceError::Store(error) => of_store(error),
        SourceError::Layer(_, error) => of_layer(error),
        SourceError::Archive(_)
        | SourceError::CutOff
        | SourceError::Stream
        | SourceError::NotTar
        | SourceError::NoLayer { .. }
        | SourceError::NoEntry(_)
        | SourceError::Json { .. }
        | SourceError::TooLarge { .. }
        | SourceError::Digest { .. }
        | SourceError::Size { .. }
        | SourceError::LayerCount { .. }
        | SourceError::MediaType { .. }
        | SourceError::MediaTypes { .. }
        | SourceError::LayerKind(_) => DAMAGED_IMAGE,
    }
}

pub(super) fn of_download(error: &DownloadError) -> ErrorClass {
    match error {
        DownloadError::Server(RegistryError::NotFound { .. }) => {
            usage("missing_file", "correct the address in the definition")
        }
        DownloadError::Server(RegistryError::Login { .. }) => {
            usage("missing_file", "download it by hand, and name the file: addresses are asked without a login")
        }
        DownloadError::Server(error) => of_registry(error),
        DownloadError::TooLarge(_) => usage("too_large", "correct the address in the definition"),
        DownloadError::Write(error) => cannot_write(error),
    }
}

fn of_add(error: &AddError) -> ErrorClass {
    let hint = match error {
        AddError::File { .. } | AddError::Twice { .. } => "correct `path`, or leave the file out of what is added",
        AddError::Folder { .. } => "correct `path`: with / at its end, it is the folder that a file goes into",
        AddError::Link { .. } => "name the folder that the link leads to, or move what is below it there",
        AddError::FolderAttribute { .. } => {
            return usage("attribute", "remove it with `setfattr -x`, or pack a copy of the folder without it");
        }
        AddError::ManyFolders => "build the image with another tool, and name it as `source`",
    };
    usage("add", hint)
}

pub(super) fn of_registry(error: &RegistryError) -> ErrorClass {
    match error {
        RegistryError::NotFound { .. } => usage("no_such_image", "correct the image's source in the definition"),
        RegistryError::Login { .. } => unfit(
            "registry_login",
            "log in with `podman login` or `docker login`, or name a file of logins with REGISTRY_AUTH_FILE; some registries say this of what they do not have, too",
        ),
        RegistryError::Credentials(CredentialsError::File { .. }) => {
            usage("registry_credentials", "correct the file, or name another one with REGISTRY_AUTH_FILE")
        }
        RegistryError::Credentials(CredentialsError::Helper { .. }) => {
            unfit("credential_helper", "install the helper, or log in without one")
        }
        RegistryError::Certificate { .. } => {
            unfit("registry_certificate", "name the certificate of the registry's authority with --ca-file")
        }
        RegistryError::CaFile { .. } => usage(
            "ca_file",
            "name a file in PEM with --ca-file; what is for one registry only is in certs.d/HOST: AUTHORITY.crt, CLIENT.cert with CLIENT.key",
        ),
        RegistryError::Plain { .. } => {
            unfit("insecure_registry", "allow it with --insecure-registry, if you trust the network in between")
        }
        RegistryError::Unreachable { .. } => {
            unfit("no_registry", "check the host's name and the network; a proxy is named with HTTPS_PROXY")
        }
        RegistryError::Lost { .. } | RegistryError::Busy { .. } | RegistryError::Answer { .. } => {
            unfit("registry", "build again later, or from a mirror with --registry-mirror")
        }
        RegistryError::Length { .. } => DAMAGED_IMAGE,
    }
}

fn of_cosign(error: &CosignError) -> ErrorClass {
    match error {
        CosignError::Missing { .. } => ErrorClass::new(
            Exit::Untrusted,
            "no_signature",
            "have it signed with `cosign sign --key`, or take an image that is: without its signature, nobody vouches for it",
        ),
        CosignError::Wrong { .. } => ErrorClass::new(
            Exit::Untrusted,
            "signature",
            "compare the key's fingerprint with its owner's; an image that was pushed again has to be signed again",
        ),
        CosignError::Registry(error) => of_registry(error),
    }
}

const DAMAGED_IMAGE: ErrorClass =
    ErrorClass::new(Exit::Damaged, "damaged_image", "make the image's archive again, or copy it again");

pub(super) fn of_layer(error: &LayerError) -> ErrorClass {
    match error {
        LayerError::Read(_) | LayerError::Compression { .. } | LayerError::NotTar => DAMAGED_IMAGE,
        LayerError::LongName { .. } => usage("long_name", "make the image again without that file"),
        LayerError::GnuSparse(_) => usage(
            "sparse_layer",
            "make the image again from files without holes: `cp --sparse=never` copies them so, `tar` without --sparse archives them so",
        ),
        LayerError::Window => usage("layer_window", "repack the layer: compress it again without --long and --ultra"),
        LayerError::Store(error) => of_store(error),
    }
}

pub(super) fn of_store(error: &StoreError) -> ErrorClass {
    match error {
        StoreError::Folder { source, .. } | StoreError::Write { source, .. } => cannot_write(source),
        StoreError::Stale { .. } => ErrorClass::new(Exit::Unexpected, "changed", CHANGED),
    }
}

fn cannot_write(error: &io::Error) -> ErrorClass {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return usage("exists", "name another file with --out");
    }
    let hint = match StorageFault::of(error) {
        Some(StorageFault::NotPermitted) => {
            "write to a folder that is yours with --out: temporary files lie beside the bundle"
        }
        _ => "check the disk, or write to another one with --out: an older bundle there is as it was",
    };
    unfit("cannot_write", hint)
}

pub(super) fn of_packed_release(error: &PackedReleaseError) -> ErrorClass {
    match error {
        PackedReleaseError::Store(error) => of_store(error),
        PackedReleaseError::Config { .. } => usage(
            "image_config",
            "build the image anew with the tool that made it, or leave `tenant` out of the definition",
        ),
        PackedReleaseError::Volume { .. } => {
            usage("volume", "correct the VOLUME in the image, or leave `tenant` out of the definition")
        }
    }
}

pub(super) fn of_assembly(error: &AssembleError) -> ErrorClass {
    match error {
        AssembleError::Write { source, .. } | AssembleError::Place { source, .. } => cannot_write(source),
        AssembleError::Output(error) => of_output(error),
        AssembleError::Sign(error) => of_signing(error),
        AssembleError::Store(error) => of_store(error),
        AssembleError::Parts(_) => PARTS_TOO_SMALL,
    }
}

pub(super) fn of_signing(error: &SignError) -> ErrorClass {
    match error {
        SignError::Twice(_) => usage("signatures", "sign with keys that have not signed yet"),
        SignError::Count(_) => usage("signatures", "sign with fewer keys: hosts count no more signatures than that"),
        SignError::NoRoom { .. } => ErrorClass::new(Exit::Unexpected, "changed", CHANGED),
        SignError::TooLarge(_) => usage(
            "too_large",
            "pack folders of many files as archives; take images from plain archives or OCI layouts, where what an image needs is known before",
        ),
        // The manifest was made from the definition, which alone can make it wrong.
        SignError::Release(_) => usage("definition", DEFINITION),
        SignError::Key { .. } => usage("secret_key", "sign with another key"),
    }
}
