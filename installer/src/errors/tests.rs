//! The table of errors: each variant, and its exit code, its word for scripts and the beginning of its hint.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::content::ContentError;
use crate::content::DecodeError;
use crate::database::DatabaseError;
use crate::durable::At as _;
use crate::engine::EngineError;
use crate::interrupt::Interrupted;
use crate::media::{BundleError, MediaError};
use crate::mirror::{MirrorAddress, MirrorError};
use crate::packages::DpkgError;
use crate::plan::preflight::Problem;
use crate::recovery_binary::RecoveryError;
use crate::removal::RemovalError;
use crate::retained_release::RetainedError;
use crate::retained_release::unfold::UnfoldError;
use crate::settings::{SettingsError, SettingsFileError};
use crate::state::journal::StepName;
use crate::steps::{ImageError, RevertOutcome, UnhealthyError};
use crate::trust::FirstUseError;
use landfall_console::{Classify as _, Exit};
use landfall_host::layout::RootFolderError;
use landfall_host::runtime_program::RuntimeProgramError;
use landfall_host::settings;
use landfall_keys::{ChainError, RootError};
use landfall_manifests::{Digest, IndexError, ReadError, ReleaseId};
use landfall_systemd::UnitName;
use std::path::Path;
use std::time::Duration;

fn path(kind: io::ErrorKind) -> PathError {
    Err::<(), _>(io::Error::from(kind)).at("write", Path::new("/x")).unwrap_err()
}

fn full() -> PathError {
    path(io::ErrorKind::StorageFull)
}

fn gone() -> PathError {
    path(io::ErrorKind::NotFound)
}

fn id() -> ReleaseId {
    "1.0.0-1".parse().unwrap()
}

fn read(source: ReadError) -> BundleError {
    BundleError::Read { place: "a.tar".to_owned(), source }
}

fn wrong_content() -> ContentError {
    DecodeError::TooLong(3).into()
}

fn unreachable() -> EngineError {
    EngineError::Unreachable { address: "unix:///x".to_owned(), source: "refused".into() }
}

fn json() -> serde_json::Error {
    serde_json::from_str::<u32>("x").unwrap_err()
}

/// The exit code, the word for scripts and the hint's beginning that `error` has.
fn check(error: impl Into<Error>, exit: Exit, code: &str, hint: Option<&str>) {
    let error = error.into();
    let class = error.class();
    let text = landfall_console::message_with_causes(&error);
    assert_eq!((class.exit, class.code), (exit, code), "{text}");
    match hint {
        None => assert_eq!(class.hint, None, "{text}"),
        Some(hint) => assert!(class.hint.is_some_and(|found| found.starts_with(hint)), "{text}: {:?}", class.hint),
    }
}

#[test]
fn storage() {
    for (kind, code, hint) in [
        (io::ErrorKind::StorageFull, "disk_full", "free room"),
        (io::ErrorKind::QuotaExceeded, "disk_full", "free room"),
        (io::ErrorKind::FileTooLarge, "file_too_large", "put the store"),
        (io::ErrorKind::ReadOnlyFilesystem, "read_only", "mount"),
        (io::ErrorKind::PermissionDenied, "not_permitted", "r"),
    ] {
        let (exit, hint) = (Exit::Unfit, Some(hint));
        check(path(kind), exit, code, hint);
        check(LockError::from(path(kind)), exit, code, hint);
        check(StateError::from(RecordError::from(path(kind))), exit, code, hint);
        check(PlanError::SettingsFile(path(kind).into()), exit, code, hint);
        check(StepError::Receipt(path(kind).into()), exit, code, hint);
        check(StepError::EndJournal(path(kind)), exit, code, hint);
        check(StepError::RemoveState(path(kind).into()), exit, code, hint);
        check(StepError::from(DatabaseError::from(path(kind))), exit, code, hint);
        check(StepError::from(RetainedError::from(UnfoldError::from(path(kind)))), exit, code, hint);
        check(io::Error::from(kind), exit, code, hint);
        let sink = ReadError::Sink { entry: "blobs/x".to_owned(), source: kind.into() };
        check(StepError::from(read(sink)), exit, code, hint);
        let load = |source| StepError::Load { image: "a".to_owned(), source };
        check(load(ImageError::Archive(io::Error::from(kind).into())), exit, code, hint);
        check(load(ImageError::Path(path(kind))), exit, code, hint);
        check(
            EngineError::Unreachable { address: String::new(), source: io::Error::from(kind).into() },
            exit,
            code,
            hint,
        );
    }
    check(gone(), Exit::Unexpected, "unexpected", None);
}

#[test]
fn the_host() {
    check(PlanError::from(RootFolderError::NotAFolder("/x".into())), Exit::Usage, "root", None);
    let outside = RootFolderError::Outside { root: "/mnt".into(), folder: "/mnt/opt".into(), real: "/data/opt".into() };
    check(PlanError::from(outside), Exit::Unfit, "outside_root", Some("put the folder"));
    check(LockError::Busy, Exit::Busy, "busy", Some("wait"));
    let parse = RecordError::Parse { path: "/x".into(), source: json() };
    check(parse, Exit::Unexpected, "record", Some("put the file back"));
    let text = RecordError::Text { path: "/x".into(), expected: "serial" };
    check(StateError::from(text), Exit::Unexpected, "record", Some("put the file back"));
    let left_id = RecordError::Text { path: "/x".into(), expected: "id of an installation" };
    check(PlanError::LeftId(left_id), Exit::Unexpected, "record", Some("put that one file back"));
    let unsettled = StateError::Unsettled { error: full(), undo: gone() };
    check(unsettled, Exit::Busy, "unsettled", Some("run `landfall-installer recover`"));
    check(unreachable(), Exit::Unfit, "no_engine", Some("start the engine"));
    let (operation, message) = (|| "load".to_owned(), || "no".to_owned());
    let source = || "no".into();
    for error in [
        EngineError::NoAnswer { operation: operation(), source: source() },
        EngineError::NotFound { operation: operation(), message: message() },
        EngineError::Conflict { operation: operation(), message: message() },
        EngineError::Failed { operation: operation(), message: message() },
        EngineError::InvalidAnswer { operation: operation(), source: source() },
    ] {
        check(error, Exit::Unfit, "engine", Some("the engine's own log"));
    }
    check(EngineError::Archive(io::Error::other("x")), Exit::Unexpected, "unexpected", None);
    check(UnitName::new("x y").unwrap_err(), Exit::Unexpected, "unexpected", None);
    let text = SettingsFileError::Text { path: "/x".into(), source: settings::text(vec![0xff]).unwrap_err() };
    check(PlanError::SettingsFile(text), Exit::Usage, "settings", Some("save the file"));
}

#[test]
fn bundles() {
    let check = |error: ReadError, exit, code, hint| {
        let error = read(error);
        super::tests::check(PlanError::from(error), exit, code, Some(hint));
    };
    check(ReadError::NotABundle, Exit::Damaged, "not_a_bundle", "name a file");
    check(ReadError::Trailing { offset: 1 }, Exit::Damaged, "damaged", "copy the bundle again");
    check(ReadError::Patch { held: 1, blobs: 2 }, Exit::Damaged, "patch", "name the bundle");
    check(ReadError::of(io::Error::other("EIO"), "blobs/x", 512), Exit::Damaged, "unreadable", "the media");
    let missing = || MediaError::Missing { name: "a.part002".to_owned(), folders: vec!["".into(), "/b".into()] };
    check(ReadError::of(missing().into(), "blobs/x", 512), Exit::Damaged, "missing_part", "put it into");
    let sink = ReadError::Sink { entry: "x".to_owned(), source: io::Error::other("EIO") };
    check(sink, Exit::Unexpected, "unwritable", "the host's disk");
    let unsigned = landfall_keys::TrustError::NotTrusted { signed_by: Vec::new(), trusted: Vec::new() };
    check(unsigned.into(), Exit::Untrusted, "untrusted", "compare the key ids");

    let open = MediaError::Open { path: "/x".into(), source: io::ErrorKind::NotFound.into() };
    let (file, of) = (|| Path::new("/x").to_owned(), |error: MediaError| PlanError::from(error));
    let name = || "a".to_owned();
    let server = |kind: io::ErrorKind| MediaError::Server { address: name(), source: kind.into() };
    let other =
        MediaError::OtherManifest { path: file(), bundle: file(), patch: Digest::of(b"a"), own: Digest::of(b"b") };
    for (error, exit, code, hint) in [
        (open, Exit::Usage, "missing_file", "name a file"),
        (server(io::ErrorKind::ConnectionReset), Exit::Unfit, "unreachable", "look whether the server runs"),
        (server(io::ErrorKind::InvalidData), Exit::Damaged, "server", "look at what the server has"),
        (MediaError::NotAFile(file()), Exit::Usage, "missing_file", "name a file"),
        (MediaError::NotAFolder(file()), Exit::Usage, "parts", "--parts takes"),
        (MediaError::PartNotAFile(file()), Exit::Damaged, "part", "copy this part"),
        (MediaError::PartName(file()), Exit::Usage, "part_name", "rename the parts"),
        (missing(), Exit::Damaged, "missing_part", "put it into"),
        (MediaError::Empty(file()), Exit::Damaged, "damaged", "copy all parts"),
        (MediaError::PartSize { path: file(), found: 2, expected: 1 }, Exit::Damaged, "damaged", "copy all parts"),
        (MediaError::Surplus { name: name(), last: name() }, Exit::Damaged, "stray_part", "remove it"),
        (MediaError::Changed { path: file(), before: 2, now: 1 }, Exit::Damaged, "changed", "wait until"),
        (other, Exit::Damaged, "other_patch", "`verify --request FILE`"),
        (MediaError::Prompt { name: name(), source: io::Error::other("x") }, Exit::Damaged, "unreadable", "the media"),
    ] {
        super::tests::check(of(error), exit, code, Some(hint));
    }
}

#[test]
fn mirrors() {
    let at = || MirrorAddress::Folder("/x".into());
    let file = "a.landfall.tar".to_owned();
    let unsigned = landfall_keys::TrustError::NotTrusted { signed_by: Vec::new(), trusted: Vec::new() };
    for (error, exit, code, hint) in [
        (MirrorError::NoIndex { at: at() }, Exit::Usage, "no_index", "name the folder"),
        (MirrorError::Read { at: at(), source: io::Error::other("x") }, Exit::Unfit, "unreachable", "look whether"),
        (IndexError::Untrusted(unsigned).into(), Exit::Untrusted, "untrusted", "have the index signed"),
        (IndexError::TooLarge.into(), Exit::Damaged, "index", "have `landfall-bundler index`"),
        (
            MirrorError::OtherBundle { file, found: Digest::of(b"a"), expected: Digest::of(b"b") },
            Exit::Damaged,
            "other_bundle",
            "have `landfall-bundler index`",
        ),
    ] {
        check(PlanError::from(error), exit, code, Some(hint));
    }
}

#[test]
fn contents_of_blobs() {
    let made_wrong = Some("the bundle was signed like this");
    let file = UnfoldError::File {
        file: "a".to_owned(),
        blob: Digest::of(b"a"),
        to: "/x".into(),
        source: wrong_content().into(),
    };
    check(StepError::from(file), Exit::Damaged, "damaged", made_wrong);
    check(PlanError::Defaults("it is not text".to_owned()), Exit::Damaged, "damaged", made_wrong);
    let layer = ImageError::Layer { layer: "layer x".to_owned(), source: wrong_content() };
    check(StepError::Load { image: "a".to_owned(), source: layer }, Exit::Damaged, "damaged", made_wrong);
    let engine = EngineError::Archive(io::Error::from(DecodeError::TooLong(3)));
    let error = StepError::Load { image: "a".to_owned(), source: engine.into() };
    check(error, Exit::Damaged, "damaged", made_wrong);
    let error = StepError::EngineImage { image: "a".to_owned(), reason: "x".to_owned() };
    check(error, Exit::Unexpected, "engine_image", None);
}

#[test]
fn releases_on_the_host() {
    let no_blob =
        RetainedError::NoBlob { release: id().into(), path: "/x".into(), file: "a".to_owned(), blob: Digest::of(b"a") };
    check(PlanError::from(no_blob), Exit::Damaged, "release_damaged", Some("`landfall-installer update FILE`"));
    let source = landfall_keys::TrustError::NotTrusted { signed_by: Vec::new(), trusted: Vec::new() };
    let untrusted = RetainedError::Untrusted { release: id().into(), source };
    check(StepError::from(untrusted), Exit::Untrusted, "untrusted", Some("its record"));
}

#[test]
fn trust() {
    let argument = || "x".to_owned();
    let chain = |source| TrustError::Chain { pinned: 1, source };
    for (error, exit, code, hint) in [
        (TrustError::Key { argument: argument(), reason: argument() }, Exit::Usage, "trust", "--trust takes"),
        (TrustError::RootNotAlone, Exit::Usage, "trust", "--trust takes"),
        (TrustError::CliKeys(RootError::Version), Exit::Usage, "trust", "give --trust"),
        (chain(ChainError::Fork { version: 1 }), Exit::Untrusted, "trust_chain", "ask the publisher"),
        (chain(ChainError::TooManyLinks { found: 257 }), Exit::Untrusted, "trust_chain", "it was made or copied wrong"),
        (TrustError::CliChain(ChainError::Fork { version: 1 }), Exit::Untrusted, "trust_chain", "compare the keys"),
        (TrustError::Path(gone()), Exit::Untrusted, "trust_root", "put the file back"),
        (TrustError::Path(full()), Exit::Unfit, "disk_full", "free room"),
        (TrustError::Changed, Exit::Busy, "trust_changed", "`landfall-installer trust show`"),
    ] {
        check(error, exit, code, Some(hint));
    }
    check(RootFilesError::None("/x".into()), Exit::Usage, "no_roots", Some("name the publisher's folder"));
    check(RootFilesError::Missing("/x".into()), Exit::Usage, "missing_file", Some("name the publisher's folder"));
    check(RootFilesError::Text("/x".into()), Exit::Damaged, "damaged", Some("copy the roots"));
    check(RootFilesError::Bundle(read(ReadError::NotABundle)), Exit::Damaged, "not_a_bundle", Some("name a file"));
    check(PinError::Restored(full()), Exit::Unfit, "disk_full", Some("free room"));
    check(Error::ImportUnrecorded(full()), Exit::Busy, "unrecorded", Some("`landfall-installer recover` finishes it"));
    check(PinError::Unsettled { error: full(), undo: gone() }, Exit::Busy, "unsettled", Some("run"));
    for error in [FirstUseError::NoKeyGiven, FirstUseError::NoKeyOffered, FirstUseError::NoKeyAccepted] {
        check(PlanError::from(error), Exit::Untrusted, "not_trusted", Some("give the publisher's public key"));
    }
    let error = PlanError::from(FirstUseError::Roots(ChainError::Fork { version: 2 }));
    check(error, Exit::Untrusted, "trust_chain", Some("it was made or copied wrong"));
}

#[test]
fn policy_and_settings() {
    for (error, code, hint) in [
        (Refusal::NotInstalled("update"), "not_installed", "`landfall-installer install FILE`"),
        (Refusal::Delta { base: "1.0.0".to_owned(), missing: 1, omitted: 2 }, "delta", "get the full bundle"),
        (Refusal::Installed { installed: id(), offered: id() }, "installed", "bring it in with"),
        (Refusal::SameSerial { there: id(), offered: id() }, "same_serial", "ask the publisher"),
        (Refusal::NotKept { wanted: String::new(), kept: String::new() }, "not_kept", "`landfall-installer status`"),
        (Refusal::NothingKept { wanted: String::new() }, "not_kept", "`landfall-installer update FILE`"),
        (Refusal::Ambiguous { wanted: String::new(), ids: String::new() }, "ambiguous", "say which one"),
        (Refusal::Irreversible { from: id(), to: id() }, "irreversible", "--restore-snapshot"),
        (Refusal::Incomplete(String::new()), "incomplete", "build the bundle"),
    ] {
        check(error, Exit::Policy, code, Some(hint));
    }
    let unknown = SettingsError::Unknown("a.b".to_owned());
    check(PlanError::from(unknown), Exit::Usage, "settings", Some("`landfall-installer config show`"));
    check(PlanError::SettingsExist("/x".into()), Exit::Usage, "settings", Some("`landfall-installer config set`"));
    check(PlanError::Answers(String::new()), Exit::Usage, "answers", Some("--answers takes"));
    check(PlanError::NoEngine(String::new()), Exit::Unfit, "no_engine", None);
    check(PlanError::Unfit(vec![Problem::NotRoot]), Exit::Unfit, "unfit", Some("change what is listed"));
    check(PlanError::Declined, Exit::Usage, "declined", Some("answer y"));
    let failure = || Failure::new(Exit::Untrusted, "other_root", "x").hint("leave out --trust");
    check(failure(), Exit::Untrusted, "other_root", None);
    assert_eq!(Error::from(PlanError::OtherRoot(failure())).into_failure(), failure(), "keeps its own hint");
    assert_eq!(Error::from(PlanError::NoRoot(failure())).into_failure(), failure(), "keeps its own hint");
}

#[test]
fn transitions() {
    let interrupted = || StepError::from(Interrupted);
    let again = Some("run the same command again");
    check(TransitionError::Undone(interrupted()), Exit::Unexpected, "interrupted", again);
    let reverted =
        TransitionError::Reverted { cause: Box::new(full().into()), outcome: RevertOutcome::RunsAgain(id()) };
    check(reverted, Exit::Reverted, "reverted", Some("tenants and their data"));
    let unsettled = TransitionError::Unsettled { cause: String::new(), undo: String::new() };
    check(unsettled, Exit::Busy, "unsettled", Some("run `landfall-installer recover`"));
    let unrecorded = TransitionError::Unrecorded(full().into());
    check(unrecorded, Exit::Busy, "unrecorded", Some("`landfall-installer recover` finishes it"));
    check(TransitionError::Listen(io::Error::other("x")), Exit::Unexpected, "unexpected", None);

    let cannot_recover = || RecoveryError::Journal("/x".into());
    check(StepError::HostCannotRecover(cannot_recover()), Exit::Unfit, "no_recovery", Some("run the update with"));
    check(StepError::ReleaseCannotRecover(cannot_recover()), Exit::Unexpected, "unexpected", None);
    let unhealthy = UnhealthyError { unit: UnitName::LANDFALL, reason: "down".to_owned(), log: Vec::new() };
    check(StepError::from(unhealthy), Exit::Unfit, "unhealthy", Some("correct what the log"));
    check(StepError::from(DatabaseError::NotRun(id())), Exit::Unfit, "programs_not_run", Some("do it on that host"));
    let undo = StepError::Undo { step: StepName::Load, source: Box::new(unreachable().into()) };
    check(undo, Exit::Unfit, "no_engine", Some("start the engine"));
    let failed = || DpkgError::Failed { what: "dpkg --install", code: 1, words: "no".to_owned() };
    check(StepError::from(failed()), Exit::Unfit, "dpkg", Some("correct what dpkg"));
    check(StepError::from(DpkgError::Answer), Exit::Unfit, "dpkg", Some("correct what dpkg"));
    let left = DpkgError::Left(vec!["runc".to_owned()]);
    check(StepError::from(left), Exit::Unfit, "packages_left", Some("`dpkg --remove`"));
    let package = StepError::Package { name: "runc".to_owned(), to: "/x".into(), source: wrong_content().into() };
    check(package, Exit::Damaged, "damaged", Some("the bundle was signed like this"));
    let no_answer = StepError::NoAnswer { waited: Duration::from_secs(1), source: unreachable().into() };
    check(no_answer, Exit::Unfit, "no_engine", Some("`journalctl`"));
    check(StepError::EngineUnfit(vec![Problem::NotRoot]), Exit::Unfit, "unfit", Some("change what is listed"));
    let unfinished = |error: RemovalError| UninstallError(error);
    check(unfinished(failed().into()), Exit::Unfit, "dpkg", Some("correct that"));
    check(unfinished(full().into()), Exit::Unfit, "disk_full", Some("correct that"));
    check(unfinished(gone().into()), Exit::Unexpected, "unexpected", Some("correct that"));

    for (word, code) in [
        (Some("database_in_use"), "database_in_use"),
        (Some("no_snapshot"), "no_snapshot"),
        (Some("migration_failed"), "migration_failed"),
        (Some("irreversible"), "migration"),
        (Some("of_a_later_release"), "migration"),
        (None, "migration"),
    ] {
        let refused = || DatabaseError::Migrate {
            release: id(),
            source: Box::new(RuntimeProgramError::Failed {
                command: "landfall migrate".to_owned(),
                exit: 6,
                code: word.map(str::to_owned),
                message: "no".to_owned(),
            }),
        };
        check(StepError::from(refused()), Exit::Unfit, code, None);
        let rehearsal = DatabaseError::FirstRehearsal { release: id(), source: refused().into() };
        check(StepError::from(rehearsal), Exit::Unfit, code, None);
    }
}

#[test]
fn messages_of_a_reverted_or_unrecorded_transition() {
    let text = |error: TransitionError| Error::from(error).into_failure().to_string();
    let reverted =
        TransitionError::Reverted { cause: Box::new(full().into()), outcome: RevertOutcome::Untouched(id()) };
    assert_eq!(
        text(reverted),
        "cannot write /x: no storage space\nThis host still runs 1.0.0-1, which was not touched"
    );
    let unrecorded = text(TransitionError::Unrecorded(full().into()));
    assert_eq!(unrecorded, "the release is in place, but recording it failed: cannot write /x: no storage space");
    let interrupted = text(TransitionError::Undone(Interrupted.into()));
    assert_eq!(interrupted, "interrupted by a signal: the host is as it was before");
}
