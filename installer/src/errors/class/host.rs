//! What the host itself refuses or lacks: storage, records, locks, the engine, systemd, programs.

use crate::engine::EngineError;
use crate::packages::DpkgError;
use crate::receipts::IssueError;
use crate::receipts::host_key::HostKeyError;
use crate::recovery_binary::RecoveryError;
use crate::settings::SettingsFileError;
use crate::state::StateError;
use landfall_console::{ErrorClass, Exit, StorageFault};
use landfall_host::durable::PathError;
use landfall_host::lock::LockError;
use landfall_host::record::RecordError;
use landfall_host::regular::{NotRegular, TooLarge};
use landfall_host::subprocess::SubprocessError;
use rustix::io::Errno;
use std::error::Error;
use std::io;

const RECORD: &str = "put the file back as it was, or remove the host's installation by hand";
const DPKG: &str = "correct what dpkg complains about, then run the same command again";
const ENGINE: &str = "start the engine, or say which one with --engine (none leaves images out)";

/// The class of a fault of the storage that is among the causes of `error`; else `class`.
pub(super) fn or_storage(error: &(dyn Error + 'static), class: ErrorClass) -> ErrorClass {
    StorageFault::among(error).map_or(class, of_storage)
}

pub(super) fn of_io(error: &io::Error) -> ErrorClass {
    StorageFault::of(error).map_or(ErrorClass::UNEXPECTED, of_storage)
}

fn of_storage(fault: StorageFault) -> ErrorClass {
    match fault {
        StorageFault::Full => {
            let hint = "free room there: `landfall-installer plan FILE` says how much is needed";
            ErrorClass::new(Exit::Unfit, "disk_full", hint)
        }
        StorageFault::FileTooLarge => {
            ErrorClass::new(Exit::Unfit, "file_too_large", "put the store on a file system that holds such files")
        }
        StorageFault::ReadOnly => ErrorClass::new(Exit::Unfit, "read_only", "mount the file system for writing"),
        StorageFault::NotPermitted => {
            ErrorClass::new(Exit::Unfit, "not_permitted", not_permitted(rustix::process::geteuid().is_root()))
        }
    }
}

/// What to do about an operation that the system does not permit.
fn not_permitted(is_root: bool) -> &'static str {
    if is_root {
        "root may not do it either: look for an attribute (lsattr), a read-only or foreign mount, or a security module that forbids it"
    } else {
        "run it as root"
    }
}

pub(super) fn of_path(error: &PathError) -> ErrorClass {
    of_io(&error.source)
}

pub(super) fn of_lock(error: &LockError) -> ErrorClass {
    match error {
        LockError::Busy => ErrorClass::new(Exit::Busy, "busy", "wait until it has ended"),
        LockError::Path(error) => of_path(error),
    }
}

pub(super) fn of_record(error: &RecordError) -> ErrorClass {
    match error {
        RecordError::Path(error) => of_path(error),
        RecordError::Parse { .. } | RecordError::Text { .. } => ErrorClass::new(Exit::Unexpected, "record", RECORD),
    }
}

pub(super) fn of_left_id(error: &RecordError) -> ErrorClass {
    const HINT: &str = "put that one file back from a backup, or remove it: then the volumes of that installation's tenants are \
                        not taken up again";
    or_storage(error, ErrorClass::new(Exit::Unexpected, "record", HINT))
}

pub(super) fn of_state(error: &StateError) -> ErrorClass {
    match error {
        StateError::Lock(error) => of_lock(error),
        StateError::Record(error) => of_record(error),
        StateError::Path(error) => of_path(error),
        StateError::Unsettled { .. } => super::UNSETTLED,
    }
}

pub(super) fn of_settings_file(error: &SettingsFileError) -> ErrorClass {
    match error {
        SettingsFileError::Path(error)
            if NotRegular::caused(&error.source)
                || TooLarge::caused(&error.source)
                || error.source.kind() == io::ErrorKind::NotFound
                || error.source.raw_os_error() == Some(Errno::LOOP.raw_os_error()) =>
        {
            ErrorClass::new(Exit::Usage, "settings", "put a file of TOML text in its place, or remove it")
        }
        SettingsFileError::Path(error) => of_path(error),
        SettingsFileError::Text { .. } => ErrorClass::new(Exit::Usage, "settings", "save the file as UTF-8 text"),
    }
}

pub(super) fn of_engine(error: &EngineError) -> ErrorClass {
    let class = match error {
        EngineError::NoEngine(_) | EngineError::Unreachable { .. } => ErrorClass::new(Exit::Unfit, "no_engine", ENGINE),
        EngineError::TooOld { .. }
        | EngineError::NoAnswer { .. }
        | EngineError::NotFound { .. }
        | EngineError::Conflict { .. }
        | EngineError::Failed { .. }
        | EngineError::InvalidAnswer { .. } => ErrorClass::new(Exit::Unfit, "engine", "the engine's own log says more"),
        EngineError::Archive(_) => ErrorClass::UNEXPECTED,
    };
    // A socket that this user may not open is not an engine that is not there.
    or_storage(error, class)
}

pub(super) fn of_systemd(error: &landfall_systemd::Error) -> ErrorClass {
    or_storage(error, ErrorClass::UNEXPECTED)
}

pub(super) fn of_program(error: &SubprocessError) -> ErrorClass {
    or_storage(error, ErrorClass::UNEXPECTED)
}

pub(super) fn of_dpkg(error: &DpkgError) -> ErrorClass {
    match error {
        DpkgError::Program(error) => or_storage(error, ErrorClass::new(Exit::Unfit, "dpkg", DPKG)),
        DpkgError::Failed { .. } | DpkgError::Answer => ErrorClass::new(Exit::Unfit, "dpkg", DPKG),
        DpkgError::Left(_) => {
            ErrorClass::new(Exit::Unfit, "packages_left", "`dpkg --remove` says what needs them; remove that first")
        }
    }
}

pub(super) fn of_recovery_binary(error: &RecoveryError) -> ErrorClass {
    match error {
        RecoveryError::Program(error) => of_program(error),
        RecoveryError::Failed { .. } | RecoveryError::Answer { .. } | RecoveryError::Journal(_) => {
            ErrorClass::UNEXPECTED
        }
    }
}

pub(super) fn of_receipt(error: &IssueError) -> ErrorClass {
    match error {
        IssueError::Path(error) => of_path(error),
        IssueError::HostKey(error) => of_host_key(error),
        IssueError::Sign(_) => ErrorClass::UNEXPECTED,
    }
}

fn of_host_key(error: &HostKeyError) -> ErrorClass {
    match error {
        HostKeyError::Path(error) => of_path(error),
        HostKeyError::Secret { .. } | HostKeyError::Public { .. } | HostKeyError::Text(_) | HostKeyError::Make(_) => {
            ErrorClass::UNEXPECTED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_to_run_as_root_is_not_given_to_root() {
        assert_eq!(not_permitted(false), "run it as root");
        assert!(not_permitted(true).contains("lsattr"));
    }
}
