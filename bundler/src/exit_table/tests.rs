mod deltas;
mod host_packages;
mod indexes;
mod keys;
mod registries;
mod starter;

use super::classes::{ROOM, ROOM_FOR_COPY, unfit};
use crate::assemble::{AssembleError, PackedReleaseError, VolumeError};
use crate::blob_store::{LayerError, StoreError};
use crate::build_host::BuildHostError;
use crate::bundle_documents::DocumentError;
use crate::definition::{DefinitionError, DefinitionLine};
use crate::elf::ElfError;
use crate::error::Error;
use crate::image_config::ConfigError;
use crate::key_files::KeyPairError;
use crate::output::OutputError;
use crate::plan::{PlanError, RequestedImage};
use crate::registry::ReferenceError;
use crate::repair::RepairError;
use crate::scan::DatabaseError;
use crate::sources::{AddError, FileError, SourceError};
use crate::stick::{RootFileError, SplitError, StickError};
use landfall_console::{Classify as _, Exit, Failure, Size};
use landfall_engine::EngineError;
use landfall_keys::{KeyId, MAX_SIGNATURES, RootLink, TrustError};
use landfall_manifests::parity::GeometryError;
use landfall_manifests::parts::RangesError;
use landfall_manifests::repair::{RequestError, RequestedBlobs};
use landfall_manifests::sbom::{BUNDLE_PATH, BomError};
use landfall_manifests::{Arch, BundlePath, Digest, PathError, ReleaseError, TenantProblem, WriteError};
use landfall_manifests::{ReadError, SignError};
use landfall_media::{BundleError, CopyError, MediaError, ParityError, RequestFileError};
use std::io;
use std::path::PathBuf;

fn io() -> io::Error {
    io::Error::other("the device is gone")
}

fn document() -> BundlePath {
    BUNDLE_PATH.parse().unwrap()
}

fn at(path: &str) -> PathBuf {
    PathBuf::from(path)
}

fn line() -> DefinitionLine {
    DefinitionLine { file: at("acme.toml"), number: 7 }
}

fn id() -> KeyId {
    "0123456789ABCDEF".parse().unwrap()
}

fn blob() -> Digest {
    Digest::of(b"")
}

fn json() -> serde_json::Error {
    serde_json::from_str::<bool>("1").unwrap_err()
}

fn chain_error() -> landfall_keys::ChainError {
    RootLink::from_texts("{}".to_owned(), Vec::new()).unverified_root().unwrap_err()
}

fn image(source: SourceError) -> Error {
    let requested = RequestedImage { image: "hello".parse().unwrap(), reference: None, line: line() };
    requested.error(source).into()
}

fn refused(source: ReadError) -> BundleError {
    BundleError::Read { place: "b.tar".to_owned(), source }
}

fn media(error: MediaError) -> Error {
    BundleError::Media(error).into()
}

/// A sample of every error.
fn all() -> impl Iterator<Item = Error> {
    let build = [build(), sources(), registries::lock_and_cache(), registries::all(), registries::signatures()];
    let of_packages = host_packages::all();
    let of_keys = [keys::of_keys(), keys::of_trust_folders(), starter::of_starter(), deltas::of_deltas()];
    build
        .into_iter()
        .chain([registries::downloads(), writing(), reading(), sticks(), indexes::all()])
        .chain(of_keys)
        .chain([of_packages])
        .flatten()
}

#[test]
fn no_message_repeats_itself_and_no_hint_its_message() {
    for error in all() {
        let failure = Failure::from(error);
        let message = failure.to_string();
        let parts: Vec<&str> = message.split(": ").collect();
        assert!(parts.windows(2).all(|pair| pair[0] != pair[1]), "{message}");
        assert!(failure.advice().is_none_or(|hint| !message.contains(hint)), "{message}");
    }
}

/// Every row of the table, each with a sample of the error, as `error => exit code, hint`.
#[test]
fn each_error_has_its_exit_code_its_word_and_its_hint() {
    let rows: Vec<String> = all()
        .map(|error| {
            let failure = Failure::from(error);
            let hint = failure.advice().unwrap_or("-");
            format!("{failure}\n    => {} {}: {hint}", failure.exit().number(), failure.code())
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn too_little_room_counts_whatever_was_being_done_but_on_a_medium_has_its_own_words() {
    let full = || io::Error::from(io::ErrorKind::StorageFull);
    let store = StoreError::Write { folder: at("out"), source: full() };
    let class = |error: Error| (error.class().exit, error.class().code, error.class().hint);
    assert_eq!(class(image(SourceError::Store(store))), (Exit::Unfit, "disk_full", Some(ROOM)));
    let copy = || CopyError::Write { path: at("b.tar"), source: WriteError::Output(full()) };
    let copied = (Exit::Unfit, "disk_full", Some(ROOM_FOR_COPY));
    // As `split`, `sign` and `repair` fail: with how much room there is.
    let (split, folder) = (Error::from(copy().to(&at("out/b.tar"))), std::env::temp_dir());
    let split = split.with_free_space(&folder);
    let message = split.to_string();
    assert!(message.starts_with("out/b.tar cannot be written: ") && message.contains(" are free in "), "{message}");
    for error in [split, copy().into(), StickError::Copy(copy()).into()] {
        assert_eq!(class(error), copied);
    }
    let stick = class(StickError::Write { path: at("stick"), source: full() }.into());
    assert_eq!(stick, (Exit::Unfit, "disk_full", Some("remove what is on the medium, or take a larger one")));
    let read_only = KeyPairError::Create { path: at("k.key"), source: io::ErrorKind::ReadOnlyFilesystem.into() };
    assert_eq!(class(read_only.into()).1, "read_only");
    let forbidden = FileError::Read { line: None, path: at("a"), source: io::ErrorKind::PermissionDenied.into() };
    assert_eq!(class(forbidden.into()).1, "missing_file");
}

fn build() -> Vec<Error> {
    vec![
        DefinitionError::Read { file: at("acme.toml"), source: io() }.into(),
        DefinitionError::TooLarge { file: at("acme.toml"), limit: 1 }.into(),
        DefinitionError::Wrong { line: line(), message: "unknown field".to_owned() }.into(),
        BuildHostError::SourceDateEpoch("now".to_owned()).into(),
        PlanError::Arch.into(),
        OutputError::NoFolder { path: at("out/") }.into(),
        OutputError::SeveralBundles { path: at("out"), count: 2 }.into(),
        OutputError::NotABundle { path: at("out") }.into(),
        OutputError::NotAPatch { path: at("out") }.into(),
        OutputError::ShadowsParts { path: at("out") }.into(),
        OutputError::ReplacesOwnParts { path: at("out") }.into(),
        OutputError::PartName { path: at("out.part001") }.into(),
        OutputError::ShadowsExistingParts { path: at("out"), part: at("out.part001") }.into(),
        OutputError::WholeAndParts { path: at("out"), part: at("out.part001") }.into(),
        OutputError::NotUtf8 { path: at("out") }.into(),
        OutputError::LongName { path: at("out") }.into(),
        OutputError::PartNotAFile { path: at("out.part009") }.into(),
        OutputError::ReplacesSource { line: line(), out: at("out") }.into(),
        OutputError::Summary { path: at("b.tar") }.into(),
        OutputError::InsideSource { line: line(), source_path: at("docs"), out: at("docs/out") }.into(),
        OutputError::CacheInSource { line: line(), source_path: at("docs"), cache: at("docs/cache") }.into(),
        OutputError::SecretInSource { line: line(), source_path: at("docs"), secret: at("docs/k.key") }.into(),
        Error::NoSpace {
            class: unfit("disk_full", ROOM),
            message: "no space left".to_owned(),
            free: 3,
            folder: at("out"),
        },
        BuildHostError::OwnPath(io()).into(),
        BuildHostError::ProgramPages(io()).into(),
        Error::Stdout(io()),
        Error::Format(std::fmt::Error),
    ]
}

fn sources() -> Vec<Error> {
    let path_error: PathError = "../a".parse::<landfall_manifests::BundlePath>().unwrap_err();
    let store = || StoreError::Write { folder: at("out"), source: io() };
    let [what, said, own] = ["the image's manifest", "a/b", "c/d"].map(str::to_owned);
    let digests = || SourceError::Digest { what: "layer 1".to_owned(), expected: blob(), found: Digest::of(b"x") };
    vec![
        FileError::Read { line: None, path: at("landfall"), source: io() }.into(),
        FileError::Read { line: Some(line()), path: at("docs"), source: io() }.into(),
        FileError::Program { line: None, path: at("landfall"), arch: "amd64", source: ElfError::NotElf }.into(),
        FileError::Special { line: line(), path: at("docs/pipe"), kind: "named pipe" }.into(),
        FileError::Settings { line: line(), path: at("config.toml"), reason: "not TOML".to_owned() }.into(),
        FileError::SecretKey { line: line(), path: at("docs/k.key") }.into(),
        FileError::Path { line: line(), path: at("docs/.."), source: path_error }.into(),
        FileError::NotUtf8 { line: line(), path: at("docs/x") }.into(),
        FileError::Twice { line: None, path: "docs".parse().unwrap(), first: at("a") }.into(),
        FileError::Changed { path: at("docs/log") }.into(),
        FileError::FolderDigest { line: line(), path: at("docs") }.into(),
        FileError::Digest { line: line(), path: at("docs/a"), found: blob() }.into(),
        image(SourceError::Read { path: at("a.tar"), source: io() }),
        image(SourceError::Archive(io())),
        image(SourceError::CutOff),
        image(SourceError::Stream),
        image(SourceError::NotTar),
        image(SourceError::Compressed("bzip2")),
        image(SourceError::Window),
        image(SourceError::Terminal),
        image(SourceError::NoLayer { digest: blob(), name: Some("a/layer.tar".to_owned()) }),
        image(SourceError::Schema1),
        image(SourceError::NotAnImage("a Helm chart".to_owned())),
        image(SourceError::NoEntry("index.json".to_owned())),
        image(SourceError::NoSuchImage { requested: "hello".to_owned(), available: Vec::new() }),
        image(SourceError::Ambiguous { available: vec!["a".to_owned(), "b".to_owned()] }),
        image(SourceError::SameName { requested: "a".to_owned(), ids: vec!["0123".to_owned(), "4567".to_owned()] }),
        image(SourceError::NoSuchPlatform { requested: "linux/amd64".to_owned(), available: Vec::new() }),
        image(SourceError::Platform { found: "linux/arm64".to_owned(), requested: "linux/amd64".to_owned() }),
        image(SourceError::Json { what: "index.json".to_owned(), source: json() }),
        image(SourceError::TooLarge { what: "index.json".to_owned(), limit: Size(1) }),
        image(SourceError::TooManyLayers(128)),
        image(digests()),
        image(SourceError::Size { what: "layer 1".to_owned(), expected: 1, found: 2 }),
        image(SourceError::LayerCount { expected: 1, found: 2 }),
        image(SourceError::MediaType { what: "the manifest".to_owned(), found: "text/plain".to_owned() }),
        image(SourceError::LayerKind("layer.tar".to_owned())),
        image(SourceError::Special { path: at("rootfs/pipe"), kind: "pipe" }),
        image(SourceError::Attribute { path: at("rootfs/bin"), name: "trusted.x".to_owned() }),
        image(SourceError::Whiteout { path: at("rootfs/.wh.bin") }),
        image(SourceError::SecretKey { path: at("rootfs/k.key") }),
        image(SourceError::Changed { path: at("rootfs/log") }),
        image(AddError::File { path: at("etc/motd") }.into()),
        image(AddError::Folder { path: at("etc") }.into()),
        image(AddError::Link { path: at("a/b/c") }.into()),
        image(AddError::Twice { path: at("www/index.html") }.into()),
        image(AddError::FolderAttribute { path: at("site"), name: "user.note".to_owned() }.into()),
        image(AddError::ManyFolders.into()),
        image(SourceError::BaseConfig(ConfigError::Spelling { found: "env".to_owned(), expected: "Env" })),
        image(SourceError::Foreign("sha256:00".to_owned())),
        image(SourceError::Layer("layer.tar".to_owned(), LayerError::Read(io()))),
        image(SourceError::Layer("layer.tar".to_owned(), LayerError::Window)),
        image(SourceError::Layer("layer.tar".to_owned(), LayerError::NotTar)),
        image(SourceError::Layer("layer.tar".to_owned(), LayerError::LongName { path: "n".repeat(300) })),
        image(SourceError::Layer("layer.tar".to_owned(), LayerError::GnuSparse("var/core".to_owned()))),
        image(SourceError::Layer("layer.tar".to_owned(), LayerError::Store(store()))),
        image(SourceError::Store(store())),
        image(SourceError::NotInEngine { address: "unix:///e".to_owned(), reference: "hello".to_owned() }),
        image(SourceError::MediaTypes { what, said, own }),
        image(SourceError::Reference(ReferenceError::Tag("?".to_owned()))),
        engine(EngineError::Unreachable { address: "unix:///e".to_owned(), source: "the device is gone".into() }),
        engine(EngineError::Failed { operation: "export images".to_owned(), message: "out of memory".to_owned() }),
    ]
}

fn engine(error: EngineError) -> Error {
    image(SourceError::Engine(error))
}

fn writing() -> Vec<Error> {
    let write = || WriteError::Output(io());
    vec![
        StoreError::Folder { folder: at("out"), source: io() }.into(),
        StoreError::Folder { folder: at("out"), source: io::ErrorKind::PermissionDenied.into() }.into(),
        PackedReleaseError::Store(StoreError::Folder { folder: at("out"), source: io() }).into(),
        PackedReleaseError::Config {
            image: "app".parse().unwrap(),
            source: ConfigError::Spelling { found: "volumes".to_owned(), expected: "Volumes" },
        }
        .into(),
        PackedReleaseError::Volume { image: "app".parse().unwrap(), source: VolumeError::Tenant(TenantProblem::Port) }
            .into(),
        AssembleError::Write { path: at("b.tar"), source: io() }.into(),
        AssembleError::Place { path: at("b.tar"), source: io() }.into(),
        AssembleError::Place { path: at("b.tar"), source: io::ErrorKind::AlreadyExists.into() }.into(),
        AssembleError::Output(OutputError::NotABundle { path: at("out") }).into(),
        AssembleError::Sign(SignError::Count(MAX_SIGNATURES + 1)).into(),
        AssembleError::Store(StoreError::Folder { folder: at("out"), source: io() }).into(),
        AssembleError::Parts(RangesError::TooMany).into(),
        SignError::Release(ReleaseError::Problems(Vec::new())).into(),
        SignError::TooLarge(1 << 30).into(),
        SignError::NoRoom { bytes: 2000, room: 1024 }.into(),
        SignError::Twice(id().to_string()).into(),
        Error::PartSize(RangesError::TooMany),
        CopyError::Write { path: at("b.tar"), source: write() }.into(),
        CopyError::Write { path: at("b.tar"), source: WriteError::Output(io::ErrorKind::StorageFull.into()) }.into(),
        CopyError::Bundle(refused(ReadError::NotABundle)).into(),
    ]
}

fn reading() -> Vec<Error> {
    let untrusted = TrustError::NotTrusted { signed_by: vec![id()], trusted: vec![id()] };
    let wanted = Box::new(RequestedBlobs {
        product: "acme".parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        serial: 1.try_into().unwrap(),
        arch: Arch::Amd64,
        manifest: blob(),
        blobs: Vec::new(),
    });
    let reads = vec![
        ReadError::NotABundle,
        ReadError::Signature { entry: "landfall.json.x.minisig".to_owned(), offset: 512, reason: "text".to_owned() },
        ReadError::Untrusted(untrusted),
        ReadError::Untrusted(TrustError::BadSignature { key_id: id() }),
        ReadError::Release(ReleaseError::Problems(Vec::new())),
        ReadError::Header { entry: "blobs/x".to_owned(), offset: 512 },
        ReadError::NotInManifest { offset: 512 },
        ReadError::Patch { held: 1, blobs: 2 },
        ReadError::Digest { entry: "blobs/x".to_owned(), offset: 512, size: 1, found: blob() },
        ReadError::Padding { entry: "blobs/x".to_owned(), offset: 512 },
        ReadError::Truncated { entry: Some("blobs/x".to_owned()), offset: 512 },
        ReadError::Trailing { offset: 512 },
        ReadError::Source { entry: "blobs/x".to_owned(), offset: 512, source: io() },
        ReadError::Sink { entry: "blobs/x".to_owned(), source: io() },
    ];
    let mut errors: Vec<Error> = reads.into_iter().map(|error| refused(error).into()).collect();
    errors.extend([
        media(MediaError::Open { path: at("b.tar"), source: io() }),
        media(MediaError::Server { address: "http://10.0.0.1/b.tar".to_owned(), source: io() }),
        media(MediaError::NotAFile(at("b.tar"))),
        media(MediaError::NotAFolder(at("disc1"))),
        media(MediaError::PartNotAFile(at("b.tar.part002"))),
        media(MediaError::PartOpen { path: at("b.tar.part002"), source: io() }),
        media(MediaError::PartName(at("b.tar.part002"))),
        media(MediaError::Missing { name: "b.tar.part002".to_owned(), folders: vec![at("disc1")] }),
        media(MediaError::Empty(at("b.tar.part002"))),
        media(MediaError::PartSize { path: at("b.tar.part002"), found: 1, expected: 2 }),
        media(MediaError::Surplus { name: "b.tar.part003".to_owned(), last: "b.tar.part002".to_owned() }),
        media(MediaError::Changed { path: at("b.tar"), before: 2, now: 1 }),
        refused(ReadError::of(
            MediaError::Missing { name: "b.tar.part002".to_owned(), folders: vec![at("disc1")] }.into(),
            "blobs/x",
            512,
        ))
        .into(),
        BundleError::Blob { place: "b.tar".to_owned() }.into(),
        DocumentError::Read { path: document(), source: io() }.into(),
        DocumentError::Damaged { path: document() }.into(),
        DocumentError::Bom { path: document(), source: BomError::Format("SPDX".to_owned()) }.into(),
        Error::NoEvidence(at("b.tar")),
        DatabaseError::Read { path: at("osv"), source: io() }.into(),
        DatabaseError::Advisory { path: at("osv/a.json"), source: json() }.into(),
        DatabaseError::Empty { path: at("osv") }.into(),
        Error::Release(ReleaseError::Problems(Vec::new())),
        RepairError::Request(RequestFileError::Read { path: at("request.json"), source: io() }).into(),
        RepairError::Request(RequestFileError::Parse { path: at("request.json"), source: RequestError::Partial })
            .into(),
        RepairError::OtherRelease { wanted, bundle: at("b.tar"), found: "acme 1.1.0".to_owned() }.into(),
        RepairError::Unlisted { path: at("request.json"), blob: blob() }.into(),
    ]);
    errors
}

fn sticks() -> Vec<Error> {
    let stick = || at("stick");
    vec![
        StickError::NoFolder { path: stick() }.into(),
        StickError::Inspect { path: stick(), source: io() }.into(),
        StickError::NotOverwritten { path: stick() }.into(),
        StickError::OtherProgram { path: stick(), source: ElfError::NotElf }.into(),
        StickError::OtherRoot { path: stick() }.into(),
        StickError::StalePart { path: stick() }.into(),
        StickError::Installer { path: stick(), source: io() }.into(),
        StickError::InstallerArch { path: stick(), source: ElfError::NotElf }.into(),
        StickError::NoSpace { path: stick(), needed: 2, free: 1 }.into(),
        StickError::Split(SplitError::TooLarge { size: 2, largest: 1 }).into(),
        StickError::Split(SplitError::Ranges(RangesError::TooMany)).into(),
        StickError::Release(ReleaseError::Problems(Vec::new())).into(),
        StickError::Copy(CopyError::Bundle(refused(ReadError::NotABundle))).into(),
        StickError::Parity(GeometryError::Percent(99).into()).into(),
        StickError::Parity(ParityError::Changed(at("b.tar"))).into(),
        StickError::Write { path: stick(), source: io() }.into(),
        StickError::Write { path: stick(), source: io::ErrorKind::StorageFull.into() }.into(),
        StickError::ReadBack { path: stick(), faults: Vec::new() }.into(),
        RootFileError::Chain(chain_error()).into(),
        RootFileError::Refused { told: "its keys".to_owned(), source: Box::new(refused(ReadError::NotABundle)) }.into(),
    ]
}
