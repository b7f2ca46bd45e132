//! What an error means to the caller: its exit code, its word for scripts, and what to do next. In one place, so that the
//! same error never has two codes.

use crate::decode::DecodeError;
use crate::engine::{ArchiveError, EngineError};
use crate::interrupt;
use crate::lock::LockError;
use crate::media::{self, BundleError, MediaError};
use crate::plan::policy::Refusal;
use crate::record::RecordError;
use crate::retained_release::RetainedError;
use crate::settings::SettingsError;
use crate::state::installed::InstalledRelease;
use crate::trust::{RootFilesError, TrustError};
use landfall_console::{Exit, Failure};
use landfall_manifests::{File, Image, ReadError};
use landfall_systemd::{UnitManager, UnitName};
use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// How many lines of a service's log are shown when it does not become well.
const LOG_LINES: u16 = 20;

/// The exit code, the word for scripts, and what to do next.
pub(crate) type Verdict = (Exit, &'static str, &'static str);

pub(crate) const REMAKE: &str = "the bundle was signed like this: ask its publisher for another one";
const ROOM: &str = "free room there: `landfall-installer plan FILE` says how much is needed";
pub(crate) const TRUST: &str = "compare the key ids with those that you were given by another way than the media";
pub(crate) const RECORD: &str = "put the file back as it was, or remove the host's installation by hand";
const RECOVER: &str = "run `landfall-installer recover` first";
const ENGINE: &str = "start the engine, or say which one with --engine (none leaves images out)";

/// Turns a command's error into a [`Failure`], if it is of a kind that a person can act on.
pub(crate) fn classified(error: anyhow::Error) -> anyhow::Error {
    if error.chain().any(<dyn Error>::is::<Failure>) {
        return error;
    }
    if interrupt::caused(&error) {
        let message = "interrupted by a signal: the host is as it was before";
        return Failure::new(Exit::Unexpected, "interrupted", message)
            .hint("the same command goes on from there; a first installation begins anew")
            .into();
    }
    let full = error.chain().find_map(<dyn Error>::downcast_ref::<io::Error>).and_then(of_disk);
    match full.or_else(|| error.chain().find_map(verdict)) {
        Some((exit, code, hint)) => Failure::new(exit, code, format!("{error:#}")).hint(hint).into(),
        None => error,
    }
}

fn verdict(cause: &(dyn Error + 'static)) -> Option<Verdict> {
    None.or_else(|| cause.downcast_ref::<BundleError>().map(media::of_bundle))
        .or_else(|| cause.downcast_ref::<ReadError>().map(media::of_read))
        .or_else(|| cause.downcast_ref::<DecodeError>().map(|_| (Exit::Damaged, "damaged", REMAKE)))
        .or_else(|| cause.downcast_ref::<MediaError>().map(media::of_media))
        .or_else(|| cause.downcast_ref().map(TrustError::verdict))
        .or_else(|| cause.downcast_ref().map(RootFilesError::verdict))
        .or_else(|| cause.downcast_ref().map(of_refusal))
        .or_else(|| cause.downcast_ref().map(of_settings))
        .or_else(|| cause.downcast_ref().and_then(RetainedError::verdict))
        .or_else(|| cause.downcast_ref().and_then(of_lock))
        .or_else(|| cause.downcast_ref().and_then(of_record))
        .or_else(|| cause.downcast_ref().and_then(of_engine))
}

fn of_disk(error: &io::Error) -> Option<Verdict> {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded => Some((Exit::Unfit, "disk_full", ROOM)),
        FileTooLarge => Some((Exit::Unfit, "file_too_large", "put the store on a file system that holds such files")),
        ReadOnlyFilesystem => Some((Exit::Unfit, "read_only", "mount the file system for writing")),
        PermissionDenied => Some((Exit::Unfit, "not_permitted", not_permitted(rustix::process::geteuid().is_root()))),
        _ => None,
    }
}

/// What to do about a refusal of the system's.
fn not_permitted(is_root: bool) -> &'static str {
    if is_root {
        "root may not do it either: look for an attribute (lsattr), a read-only or foreign mount, or a security module that forbids it"
    } else {
        "run it as root"
    }
}

fn of_refusal(refusal: &Refusal) -> Verdict {
    let (code, hint) = match refusal {
        Refusal::Platform(..) => ("platform", "get the bundle that was made for this processor"),
        Refusal::Delta(_) => ("delta", "get the full bundle of this release"),
        Refusal::Product { .. } => ("product", "use another host, or `landfall-installer uninstall --purge` first"),
        Refusal::Floor { .. } => {
            ("downgrade", "get a bundle with a higher serial; a release that is kept comes back with `rollback`")
        }
        Refusal::Installed { .. } => ("installed", "bring it in with `landfall-installer update FILE`"),
        Refusal::NotInstalled(_) => ("not_installed", "`landfall-installer install FILE` brings in the first release"),
        Refusal::SameSerial { .. } => ("same_serial", "ask the publisher for a release with a serial of its own"),
        Refusal::Path { .. } => ("upgrade_path", "update to a release in between first"),
        Refusal::NotKept { .. } => (
            "not_kept",
            "`landfall-installer status` lists the releases that are kept, and `rollback --to` brings any of them back",
        ),
        Refusal::Ambiguous { .. } => ("ambiguous", "say which one with its id: `landfall-installer rollback --to ID`"),
        Refusal::Irreversible { .. } => (
            "irreversible",
            "--restore-snapshot goes back all the same: the database is then the one from before that update, and the later \
             one stays beside it in a file",
        ),
        Refusal::Incomplete(_) => ("incomplete", "build the bundle with `landfall-bundler build`"),
    };
    (Exit::Policy, code, hint)
}

fn of_settings(error: &SettingsError) -> Verdict {
    match error {
        SettingsError::Conflicts(_) => (
            Exit::Usage,
            "settings_conflict",
            "in config.toml, give each of them the value that the new release has, or the one that the old one had; change it \
             after the update",
        ),
        _ => (
            Exit::Usage,
            "settings",
            "the config.toml of the release lists the settings; `landfall-installer plan FILE` is a safe way to try",
        ),
    }
}

fn of_lock(error: &LockError) -> Option<Verdict> {
    matches!(error, LockError::Busy).then_some((Exit::Busy, "busy", "wait until it has ended"))
}

fn of_record(error: &RecordError) -> Option<Verdict> {
    match error {
        RecordError::Path(_) => None,
        RecordError::Parse { .. } | RecordError::Text { .. } => Some((Exit::Unexpected, "record", RECORD)),
    }
}

fn of_engine(error: &EngineError) -> Option<Verdict> {
    match error {
        EngineError::NoEngine(_) | EngineError::Unreachable { .. } => Some((Exit::Unfit, "no_engine", ENGINE)),
        EngineError::TooOld { .. }
        | EngineError::NoAnswer { .. }
        | EngineError::NotFound { .. }
        | EngineError::Conflict { .. }
        | EngineError::Failed { .. }
        | EngineError::InvalidAnswer { .. } => Some((Exit::Unfit, "engine", "the engine's own log says more")),
        EngineError::Archive(_) => None,
    }
}

/// An [`io::Error`] hides the error that it was made from; this brings ours to light.
fn unwrapped(error: io::Error) -> anyhow::Error {
    let kind = error.kind();
    let Some(inner) = error.into_inner() else { return io::Error::from(kind).into() };
    let inner = match inner.downcast::<DecodeError>() {
        Ok(decode) => return (*decode).into(),
        Err(other) => other,
    };
    match inner.downcast::<ArchiveError>() {
        Ok(archive) => {
            let context = archive.to_string();
            bared(archive.source).context(context)
        }
        Err(other) => io::Error::new(kind, other).into(),
    }
}

/// An error of the system is kept as it is, with its number.
fn bared(error: io::Error) -> anyhow::Error {
    if error.get_ref().is_some() { unwrapped(error) } else { error.into() }
}

/// An image that could not be loaded: the fault is the bundle's or the engine's.
pub(crate) fn of_load(error: EngineError, image: &Image) -> anyhow::Error {
    let context = format!("load image {}", image.name);
    match error {
        EngineError::Archive(source) => bared(source).context(context),
        other => anyhow::Error::from(other).context(context),
    }
}

/// A file that could not be unfolded: the fault is the bundle's or the disk's.
pub(crate) fn of_file(error: io::Error, file: &File, path: &Path) -> anyhow::Error {
    let context = format!("unfold {} (blob {}) to {}", file.path, file.blob, path.display());
    bared(error).context(context)
}

/// The release's own settings are of no use: the fault is the publisher's.
pub(crate) fn of_defaults(reason: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Damaged, "damaged", format!("the release's config.toml cannot be used: {reason}")).hint(REMAKE)
}

/// The service did not start or did not become well, with what it last said.
pub(crate) fn of_service(error: &anyhow::Error, unit: &UnitName, units: &dyn UnitManager) -> anyhow::Error {
    let mut message = format!("{unit} did not become healthy: {error:#}");
    for line in units.log(unit, LOG_LINES).unwrap_or_default() {
        let _ = write!(message, "\n  {line}");
    }
    Failure::new(Exit::Unfit, "unhealthy", message)
        .hint("correct what the log complains about, and install again")
        .into()
}

/// The release did not pass, and the one from before runs: `again` says how well, if it had stopped for a while.
pub(crate) fn reverted(
    error: anyhow::Error,
    release: &InstalledRelease,
    again: Option<anyhow::Result<()>>,
) -> anyhow::Error {
    let failure = Failure::of(&classified(error));
    let id = release.id();
    let message = match again {
        None => format!("{failure}\nThis host goes on with {id}, which was not touched"),
        Some(Ok(())) => format!("{failure}\nThis host runs {id} again, as before"),
        Some(Err(ill)) => format!("{failure}\nThis host is back at {id}, which is not well: {ill:#}"),
    };
    let hint = "tenants and their data are as before; give the publisher what the log says";
    Failure::new(Exit::Reverted, "reverted", message).hint(hint).into()
}

/// Whether the same command can go on where this error stopped it, so that what was staged is worth keeping.
pub(crate) fn is_resumable(error: &anyhow::Error) -> bool {
    let unreadable = |cause: &(dyn Error + 'static)| matches!(cause.downcast_ref(), Some(ReadError::Source { .. }));
    interrupt::caused(error) || error.chain().any(unreadable)
}

/// Something failed, and so did undoing it: the journal is there.
pub(crate) fn unsettled(error: anyhow::Error, undo: &anyhow::Error) -> anyhow::Error {
    let failure = Failure::of(&classified(error));
    let message = format!("{failure}; undoing that failed as well: {undo:#}");
    Failure::new(Exit::Busy, "unsettled", message).hint(RECOVER).into()
}

/// The release is committed, and what remains is recovery's to finish.
pub(crate) fn unrecorded(error: anyhow::Error) -> anyhow::Error {
    let failure = Failure::of(&classified(error));
    let message = format!("the release is in place, but recording it failed: {failure}");
    Failure::new(Exit::Busy, "unrecorded", message).hint("`landfall-installer recover` finishes it").into()
}

/// An uninstallation stopped halfway, and its journal is there.
pub(crate) fn unfinished(error: anyhow::Error) -> anyhow::Error {
    let failure = Failure::of(&classified(error));
    let message = format!("the uninstallation is not complete: {failure}");
    let hint = "correct that; then `landfall-installer recover` finishes it, as does the host's next start";
    Failure::new(failure.exit(), failure.code(), message).hint(hint).into()
}

/// The recovery program on the host could not settle what is about to be done.
pub(crate) fn unrecoverable(error: &anyhow::Error) -> anyhow::Error {
    let message = format!("if this were interrupted, it could not be recovered from: {error:#}");
    let hint = "run the update with the host's own /opt/landfall/bin/landfall-installer";
    Failure::new(Exit::Unfit, "no_recovery", message).hint(hint).into()
}

/// An earlier operation was cut off.
pub(crate) fn interrupted(operation: &str) -> Failure {
    let message = format!("this host's last {operation} was interrupted");
    Failure::new(Exit::Busy, "interrupted", message).hint(RECOVER)
}

/// A host that lacks things, all of them listed.
pub(crate) fn unfit(problems: &[impl std::fmt::Display]) -> Failure {
    let list: Vec<String> = problems.iter().map(|problem| format!("- {problem}")).collect();
    let message = format!("this host is not fit:\n{}", list.join("\n"));
    Failure::new(Exit::Unfit, "unfit", message).hint("change what is listed, then run the same command again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::At as _;
    use landfall_manifests::Digest;

    fn exit_of(error: impl Into<anyhow::Error>) -> (Exit, &'static str) {
        let failure = Failure::of(&classified(error.into().context("install")));
        (failure.exit(), failure.code())
    }

    #[test]
    fn each_kind_of_error_has_its_exit_code() {
        let disk = |kind| Err::<(), _>(io::Error::from(kind)).at("write", Path::new("/x")).err();
        for (error, expected) in [
            (anyhow::Error::from(ReadError::NotABundle), (Exit::Damaged, "not_a_bundle")),
            (ReadError::Trailing { offset: 1 }.into(), (Exit::Damaged, "damaged")),
            (ReadError::of(io::Error::other("EIO"), "blobs/x", 512).into(), (Exit::Damaged, "unreadable")),
            (Refusal::NotInstalled("update").into(), (Exit::Policy, "not_installed")),
            (LockError::Busy.into(), (Exit::Busy, "busy")),
            (SettingsError::Unknown("a.b".to_owned()).into(), (Exit::Usage, "settings")),
            (DecodeError::TooLong(3).into(), (Exit::Damaged, "damaged")),
            (anyhow::anyhow!("boom"), (Exit::Unexpected, "unexpected")),
        ] {
            assert_eq!(exit_of(error), expected);
        }
        let full = disk(io::ErrorKind::StorageFull).map(exit_of);
        assert_eq!(full, Some((Exit::Unfit, "disk_full")));
    }

    #[test]
    fn root_is_not_told_to_be_root() {
        assert_eq!(not_permitted(false), "run it as root");
        assert!(not_permitted(true).contains("lsattr"));
    }

    #[test]
    fn an_interrupted_operation_is_named_by_whatever_name() {
        for operation in ["install", "update", "rollback", "uninstall"] {
            assert_eq!(interrupted(operation).to_string(), format!("this host's last {operation} was interrupted"));
        }
    }

    #[test]
    fn a_wrong_layer_is_the_bundles_fault_and_named_also_through_the_engine() {
        let digest = Digest::of(b"");
        let inner = io::Error::from(DecodeError::Digest { expected: digest, found: Digest::of(b"x") });
        let failure = Failure::of(&classified(unwrapped(inner).context("load image a")));
        assert_eq!(failure.exit(), Exit::Damaged);
        assert!(failure.to_string().contains(&digest.to_string()), "{failure}");
    }

    #[test]
    fn a_full_disk_while_a_blob_comes_in_is_the_hosts_fault() {
        let sink = ReadError::Sink { entry: "blobs/x".to_owned(), source: io::ErrorKind::StorageFull.into() };
        assert_eq!(exit_of(sink), (Exit::Unfit, "disk_full"));
    }

    #[test]
    fn a_failed_undo_asks_for_recovery() {
        let failure = Failure::of(&unsettled(ReadError::NotABundle.into(), &anyhow::anyhow!("no engine")));
        assert_eq!((failure.exit(), failure.advice()), (Exit::Busy, Some(RECOVER)));
        assert!(failure.to_string().ends_with("undoing that failed as well: no engine"), "{failure}");
    }
}
