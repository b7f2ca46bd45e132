//! The exit code, the word for scripts and the hint of every error.

mod bundle;
mod host;
mod policy;
mod trust;

use super::Error;
use crate::database::DatabaseError;
use crate::mirror::MirrorError;
use crate::removal::{RemovalError, UninstallError};
use crate::retained_release::RetainedError;
use crate::retained_release::unfold::UnfoldError;
use crate::service::units::UnitsError;
use crate::steps::{ImageError, StepError, TransitionError};
use crate::transition::PlanError;
use crate::trust::PinError;
use host::of_io;
use landfall_console::{Classify, ErrorClass, Exit};
use landfall_host::runtime_program::{MigrateFailure, RuntimeProgramError};
use landfall_manifests::IndexError;

const RECOVER: &str = "run `landfall-installer recover` first";
/// Of an operation that failed, and so did undoing it.
const UNSETTLED: ErrorClass = ErrorClass::new(Exit::Busy, "unsettled", RECOVER);

/// Of an operation that is done, but not recorded.
const UNRECORDED: ErrorClass = ErrorClass::new(Exit::Busy, "unrecorded", "`landfall-installer recover` finishes it");

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Host(error) => error.class(),
            Self::Path(error) | Self::Pin(PinError::Restored(error)) => host::of_path(error),
            Self::Lock(error) => host::of_lock(error),
            Self::Record(error) => host::of_record(error),
            Self::State(error) => host::of_state(error),
            Self::Engine(error) => host::of_engine(error),
            Self::Systemd(error) => host::of_systemd(error),
            Self::Trust(error) => trust::of_trust(error),
            Self::RootFiles(error) => trust::of_root_files(error),
            Self::Pin(PinError::Unsettled { .. }) => UNSETTLED,
            Self::ImportUnrecorded(_) => UNRECORDED,
            Self::Refused(refusal) => policy::of_refusal(refusal),
            Self::Plan(error) | Self::NoReplacement(error) => of_plan(error),
            Self::Transition(error) => of_transition(error),
            Self::Recovery(error) => of_step(error),
            Self::Uninstall(UninstallError(error)) => unfinished(of_removal(error)),
            // The failure has its hint already.
            Self::Failure(failure) => ErrorClass::without_hint(failure.exit(), failure.code()),
            Self::Output(error) => of_io(error),
        }
    }
}

/// Nothing was begun.
fn of_plan(error: &PlanError) -> ErrorClass {
    const ANSWERS: ErrorClass =
        ErrorClass::new(Exit::Usage, "answers", "--answers takes a file of TOML text, in the form of config.toml");
    match error {
        PlanError::Host(error) => error.class(),
        PlanError::Path(error) => host::of_path(error),
        PlanError::Record(error) => host::of_record(error),
        PlanError::Bundle(error) => bundle::of_bundle(error),
        PlanError::Mirror(error) => of_mirror(error),
        PlanError::Trust(error) => trust::of_trust(error),
        PlanError::FirstUse(error) => trust::of_first_use(error),
        PlanError::OtherRoot(failure) | PlanError::NoRoot(failure) => {
            ErrorClass::without_hint(failure.exit(), failure.code())
        }
        PlanError::Refused(refusal) => policy::of_refusal(refusal),
        PlanError::Retained(error) => of_retained(error),
        PlanError::Settings(error) => policy::of_settings(error),
        PlanError::SettingsFile(error) => host::of_settings_file(error),
        PlanError::DefaultsContent(error) => of_unfold(error),
        PlanError::Defaults(_) => bundle::MADE_WRONG,
        PlanError::SettingsExist(_) => {
            ErrorClass::new(Exit::Usage, "settings", "`landfall-installer config set` changes it, before or after")
        }
        PlanError::Answers(_) => ANSWERS,
        PlanError::NoEngine(_) => ErrorClass::without_hint(Exit::Unfit, "no_engine"),
        PlanError::Unfit(_) => {
            ErrorClass::new(Exit::Unfit, "unfit", "change what is listed, then run the same command again")
        }
        PlanError::LeftId(error) => host::of_left_id(error),
        PlanError::Random(_) => ErrorClass::UNEXPECTED,
        PlanError::Declined => ErrorClass::new(Exit::Usage, "declined", "answer y, or give --yes"),
        PlanError::Ask(error) => of_io(error),
    }
}

/// Nothing comes from a mirror.
fn of_mirror(error: &MirrorError) -> ErrorClass {
    match error {
        MirrorError::NoIndex { .. } => ErrorClass::new(
            Exit::Usage,
            "no_index",
            "name the folder, or the address, where `landfall-bundler index` has written landfall-index.json",
        ),
        MirrorError::Read { .. } => {
            ErrorClass::new(Exit::Unfit, "unreachable", "look whether the folder is mounted, or the server runs")
        }
        MirrorError::Index(IndexError::Untrusted(_)) => ErrorClass::new(
            Exit::Untrusted,
            "untrusted",
            "have the index signed by the keys that this host trusts: `landfall-installer trust show` lists them",
        ),
        MirrorError::Index(_) => {
            ErrorClass::new(Exit::Damaged, "index", "have `landfall-bundler index` write it again")
        }
        MirrorError::Trust(error) => trust::of_trust(error),
        MirrorError::Record(error) => host::of_record(error),
        MirrorError::Refused(refusal) => policy::of_refusal(refusal),
        MirrorError::OtherBundle { .. } => ErrorClass::new(
            Exit::Damaged,
            "other_bundle",
            "have `landfall-bundler index` write the index again whenever a bundle changes",
        ),
    }
}

/// A transition was begun.
fn of_transition(error: &TransitionError) -> ErrorClass {
    match error {
        TransitionError::Listen(error) => of_io(error),
        TransitionError::Begin(error) => host::of_state(error),
        TransitionError::Undone(error) => of_step(error),
        TransitionError::Reverted { .. } => ErrorClass::new(
            Exit::Reverted,
            "reverted",
            "tenants and their data are as before; give the publisher what the log says",
        ),
        TransitionError::Unsettled { .. } => UNSETTLED,
        TransitionError::Unrecorded(_) => UNRECORDED,
    }
}

fn of_step(error: &StepError) -> ErrorClass {
    match error {
        StepError::Interrupted(_) => ErrorClass::new(
            Exit::Unexpected,
            "interrupted",
            "run the same command again: an update continues there, a first installation starts over",
        ),
        StepError::Path(error) | StepError::EndJournal(error) => host::of_path(error),
        StepError::Lock(error) | StepError::RemoveState(error) => host::of_lock(error),
        StepError::Record(error) => host::of_record(error),
        StepError::Systemd(error) => host::of_systemd(error),
        StepError::Bundle(error) => bundle::of_bundle(error),
        StepError::Engine(error) => host::of_engine(error),
        StepError::Dpkg(error) => host::of_dpkg(error),
        StepError::Make { source, .. } | StepError::Package { source, .. } => bundle::of_content(source),
        StepError::NoAnswer { .. } => ErrorClass::new(
            Exit::Unfit,
            "no_engine",
            "`journalctl` of the engine's unit says why; where it is not Docker's, name its socket with --engine",
        ),
        StepError::EngineUnfit(_) => {
            ErrorClass::new(Exit::Unfit, "unfit", "change what is listed, then run the same command again")
        }
        StepError::Load { source, .. } => of_image(source),
        StepError::EngineImage { .. } => ErrorClass::without_hint(Exit::Unexpected, "engine_image"),
        StepError::Retained(error) => of_retained(error),
        StepError::Unfold(error) => of_unfold(error),
        StepError::Settings(error) => host::of_settings_file(error),
        StepError::Trust(error) => trust::of_trust(error),
        StepError::Token(_) => ErrorClass::UNEXPECTED,
        StepError::Database(error) => of_database(error),
        StepError::Units(error) => of_units(error),
        StepError::Removal(error) => of_removal(error),
        StepError::Receipt(error) => host::of_receipt(error),
        StepError::HostCannotRecover(_) => ErrorClass::new(
            Exit::Unfit,
            "no_recovery",
            "run the update with the host's own /opt/landfall/bin/landfall-installer",
        ),
        StepError::ReleaseCannotRecover(error) => host::of_recovery_binary(error),
        // Of a first installation: otherwise the release from before runs again, which is `Reverted`.
        StepError::Unhealthy(_) => ErrorClass::new(
            Exit::Unfit,
            "unhealthy",
            "correct what the log complains about, and install again; where an image cannot be tried on this host, \
             `--set update.canary=NAME` tries another one, and `none` tries none",
        ),
        StepError::Undo { source, .. } => of_step(source),
    }
}

fn of_image(error: &ImageError) -> ErrorClass {
    match error {
        ImageError::Engine(error) => host::of_engine(error),
        ImageError::Path(error) => host::of_path(error),
        ImageError::Layer { source, .. } | ImageError::Archive(source) => bundle::of_content(source),
    }
}

fn of_retained(error: &RetainedError) -> ErrorClass {
    const BRING_AGAIN: &str = "`landfall-installer update FILE` with a bundle of a newer release leaves this one behind; \
         `landfall-installer rollback --to VERSION` may reach another one that is kept";
    const TRUST: &str = "its record or its signatures were changed: update to a newer release";
    match error {
        RetainedError::Damaged { .. } | RetainedError::Manifest { .. } | RetainedError::NoBlob { .. } => {
            ErrorClass::new(Exit::Damaged, "release_damaged", BRING_AGAIN)
        }
        RetainedError::Untrusted { .. } => ErrorClass::new(Exit::Untrusted, "untrusted", TRUST),
        RetainedError::Path(error) => host::of_path(error),
        RetainedError::Unfold(error) => of_unfold(error),
    }
}

fn of_unfold(error: &UnfoldError) -> ErrorClass {
    match error {
        UnfoldError::Path(error) => host::of_path(error),
        UnfoldError::File { source, .. } => bundle::of_content(source),
    }
}

fn of_database(error: &DatabaseError) -> ErrorClass {
    match error {
        DatabaseError::Path(error) => host::of_path(error),
        DatabaseError::Systemd(error) => host::of_systemd(error),
        DatabaseError::NotRun(_) => {
            ErrorClass::new(Exit::Unfit, "programs_not_run", "do it on that host itself, with its own root")
        }
        DatabaseError::Migrate { source, .. } => of_migration(source),
        DatabaseError::Rehearsal { source, .. }
        | DatabaseError::FirstRehearsal { source, .. }
        | DatabaseError::Restore { source, .. } => of_database(source),
    }
}

fn of_migration(error: &RuntimeProgramError) -> ErrorClass {
    use MigrateFailure::{
        Database, DiskFull, InUse, Irreversible, LosesContent, MigrationFailed, NoSnapshot, NotSetAside,
        SetAsideMissing, TooNew, UnknownSchema, WrongSchema,
    };
    match error {
        RuntimeProgramError::Subprocess(error) => host::of_program(error),
        RuntimeProgramError::Output { .. } => ErrorClass::UNEXPECTED,
        RuntimeProgramError::Failed { .. } => {
            let code = match error.migrate_failure() {
                Some(failure @ (InUse | NoSnapshot | MigrationFailed)) => failure.code(),
                Some(
                    DiskFull | Irreversible | LosesContent | UnknownSchema | NotSetAside | SetAsideMissing
                    | WrongSchema | TooNew | Database,
                )
                | None => "migration",
            };
            ErrorClass::without_hint(Exit::Unfit, code)
        }
    }
}

fn of_units(error: &UnitsError) -> ErrorClass {
    match error {
        UnitsError::Path(error) => host::of_path(error),
        UnitsError::Systemd(error) => host::of_systemd(error),
        UnitsError::Missing(_) | UnitsError::Text { .. } | UnitsError::Render { .. } => ErrorClass::UNEXPECTED,
    }
}

fn of_removal(error: &RemovalError) -> ErrorClass {
    match error {
        RemovalError::Path(error) => host::of_path(error),
        RemovalError::Lock(error) => host::of_lock(error),
        RemovalError::Engine(error) => host::of_engine(error),
        RemovalError::Systemd(error) => host::of_systemd(error),
        RemovalError::Dpkg(error) => host::of_dpkg(error),
    }
}

/// Of an uninstallation that stopped halfway, for a reason of this `class`.
fn unfinished(class: ErrorClass) -> ErrorClass {
    let hint = "correct that; then `landfall-installer recover` finishes it, as does the host's next start";
    ErrorClass { hint: Some(hint), ..class }
}
