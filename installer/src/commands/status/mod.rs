mod disk;
mod releases;
mod text;

use crate::engine::ImageEngine;
use crate::errors::Error;
use crate::host_context::{HostArgs, HostContext};
use crate::layout::Layout;
use crate::receipts::{Counter, Folder, host_key};
use crate::record::RecordError;
use crate::retained_release::{self, RefusedRelease};
use crate::state::installed::{Installed, InstalledRelease};
use crate::state::journal::Journal;
use crate::state::tries::Tries;
use crate::state::{IdFault, find_id_fault, read_floor};
use crate::store::Store;
use crate::trust;
use disk::{DatabaseStatus, DiskStatus};
use landfall_console::{Console, Exit, Failure, StorageFault, message_with_causes};
use landfall_keys::TrustRoot;
use landfall_manifests::Digest;
use landfall_systemd::{UnitName, UnitStatus};
use releases::KeptStatus;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

const EXIT_CODES: &str = "\
Exit codes: 0 done, also where nothing is installed or a service was stopped on purpose, 6 a service of Landfall has failed, or \
this user may not read what is installed";

/// Show what is installed on this host, which releases `rollback` can go back to, and whether the services run
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {}

/// The problem of the installation's id.
const INSTALLATION_ID: &str = "installationId";

/// A part that cannot be read is `null` or empty here, and named among the problems.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    current: Option<InstalledRelease>,
    /// The release that `rollback` goes to, `<version>-<serial>`.
    previous: Option<String>,
    /// The releases that `rollback` can go back to, the newest first.
    kept: Vec<KeptStatus>,
    /// What is under way or was interrupted, if anything is; `unknown` if its journal makes no sense.
    interrupted: Option<&'static str>,
    serial_floor: Option<u64>,
    /// Whom the host trusts; `null` where no root is pinned.
    trust: Option<TrustStatus>,
    /// The releases on this host that would not be accepted today.
    refused: Vec<RefusedRelease>,
    /// How many starts of a release on trial, one that is not marked good yet, may still fail.
    tries: Option<Tries>,
    receipts: ReceiptsStatus,
    store: Option<StoreStatus>,
    /// What an interrupted update has read from its media already.
    staged: Option<StoreStatus>,
    database: DatabaseStatus,
    disk: Vec<DiskStatus>,
    engine: EngineStatus,
    /// Each unit's state, empty where systemd is not talked to.
    units: BTreeMap<String, String>,
    /// What could not be found out, by part, and why; [`INSTALLATION_ID`] where that file does not hold what it should.
    problems: BTreeMap<String, String>,
    /// Whether this user may not read one of these parts.
    #[serde(skip)]
    is_forbidden: bool,
    /// Why the command fails although it has an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

/// What an auditor pins.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptsStatus {
    /// The counter of the last one.
    last: Option<Counter>,
    /// The line of the public key that they are signed with.
    host_key: Option<String>,
}

#[derive(Debug, Serialize)]
struct StoreStatus {
    blobs: usize,
    bytes: u64,
}

impl From<&BTreeMap<Digest, u64>> for StoreStatus {
    fn from(sizes: &BTreeMap<Digest, u64>) -> Self {
        Self { blobs: sizes.len(), bytes: sizes.values().sum() }
    }
}

#[derive(Debug, Serialize)]
struct TrustStatus {
    version: u32,
    /// How many keys must have signed.
    threshold: u32,
    /// How many there are.
    keys: usize,
}

impl From<&TrustRoot> for TrustStatus {
    fn from(root: &TrustRoot) -> Self {
        let keys = root.trusted_keys();
        Self { version: root.version(), threshold: keys.threshold(), keys: keys.keys().len() }
    }
}

#[derive(Debug, Serialize)]
struct EngineStatus {
    address: String,
    /// Its version, if it answers.
    version: Option<String>,
    error: Option<String>,
}

/// Takes a status together from parts of which each may fail on its own.
#[derive(Debug, Default)]
struct Parts {
    problems: BTreeMap<String, String>,
    /// Whether this user may not read one of them.
    is_forbidden: bool,
}

impl Parts {
    /// The part, or its default if it cannot be read.
    fn take<T: Default, E: std::error::Error + 'static>(&mut self, part: &str, read: Result<T, E>) -> T {
        read.unwrap_or_else(|error| {
            self.is_forbidden |= StorageFault::among(&error) == Some(StorageFault::NotPermitted);
            self.problems.insert(part.to_owned(), message_with_causes(&error));
            T::default()
        })
    }
}

pub(crate) fn run(_: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    // Without the lock: this must answer while an operation runs, which asks it whether it could be recovered from.
    let mut parts = Parts::default();
    let installed = parts.take("installed", Installed::read(&layout));
    let host = match &installed {
        Some(installed) => host_args.recorded_context(&installed.host, console)?,
        None => host_args.context(console)?,
    };
    let units = units(&host);
    let mut status = status(&layout, &host, installed.as_ref(), parts);
    let failure = failure(&units, status.is_forbidden);
    status.units = units.into_iter().map(|(unit, state)| (unit, state.text)).collect();
    status.error = failure.as_ref().map(Failure::object);
    console.result::<Error>(&status, &status)?;
    failure.map_or(Ok(()), |failure| Err(failure.with_result().into()))
}

/// Why the command fails although it has an answer.
fn failure(units: &BTreeMap<String, UnitState>, is_forbidden: bool) -> Option<Failure> {
    let failed: Vec<String> = units
        .iter()
        .filter(|(_, state)| state.has_failed)
        .map(|(unit, state)| format!("{unit}: {}", state.text))
        .collect();
    if !failed.is_empty() {
        let names: Vec<&str> =
            units.iter().filter(|(_, state)| state.has_failed).map(|(unit, _)| unit.as_str()).collect();
        let hint = format!("`journalctl --unit {}` says why", names.join(" --unit "));
        return Some(Failure::new(Exit::Unfit, "service_failed", failed.join("; ")).hint(hint));
    }
    let message = "this user may not read all that a status tells";
    is_forbidden.then(|| Failure::new(Exit::Unfit, "not_permitted", message).hint("run it as root"))
}

fn status(layout: &Layout, host: &HostContext, installed: Option<&Installed>, mut parts: Parts) -> Status {
    let journal = Journal::read(layout).map(|journal| journal.map(|journal| journal.operation.name()));
    // A journal that makes no sense is one all the same. One that cannot be opened may not be there.
    let unreadable = matches!(journal, Err(RecordError::Parse { .. } | RecordError::Text { .. })).then_some("unknown");
    let interrupted = parts.take("journal", journal).or(unreadable);
    let store = Store::new(layout);
    let stored = parts.take("store", store.sizes().map(Some));
    let staged = parts.take("staged", store.staged_sizes().map(Some));
    let pinned = parts.take("trust", trust::pinned(layout));
    let refused = pinned.as_ref().zip(installed);
    let refused = refused
        .map(|(pinned, installed)| retained_release::refused_releases(layout, installed, pinned))
        .unwrap_or_default();
    parts.problems.extend(id_problem(layout, installed));
    Status {
        current: installed.map(|installed| installed.current.clone()),
        previous: installed.and_then(|installed| Some(installed.earlier()?.id().to_string())),
        kept: installed
            .map(|installed| releases::kept(layout, installed, stored.as_ref(), &mut parts))
            .unwrap_or_default(),
        interrupted,
        serial_floor: parts.take("serialFloor", read_floor(layout)).map(u64::from),
        trust: pinned.as_ref().map(TrustStatus::from),
        refused,
        tries: parts.take("tries", Tries::counting(layout)),
        receipts: receipts(layout, &mut parts),
        store: stored.as_ref().map(StoreStatus::from),
        staged: staged.as_ref().map(StoreStatus::from),
        database: parts.take("database", disk::database(layout)),
        disk: disk::disk(layout, &mut parts),
        engine: engine(host),
        units: BTreeMap::new(),
        problems: parts.problems,
        is_forbidden: parts.is_forbidden,
        error: None,
    }
}

/// A runtime with another id, or none, would leave the tenants' volumes alone.
fn id_problem(layout: &Layout, installed: Option<&Installed>) -> Option<(String, String)> {
    let fault = match find_id_fault(layout, &installed?.installation)? {
        IdFault::Missing => "is missing",
        IdFault::Differed => "differs from the id of what is installed",
    };
    let file = layout.installation_id();
    let problem = format!("{} {fault}: `landfall-installer recover` writes it again", file.display());
    Some((INSTALLATION_ID.to_owned(), problem))
}

fn receipts(layout: &Layout, parts: &mut Parts) -> ReceiptsStatus {
    let counters = parts.take("receipts", Folder::new(layout.receipts()).counters());
    let key = parts.take("hostKey", host_key::public(layout));
    ReceiptsStatus { last: counters.last().copied(), host_key: key.map(|key| key.to_line()) }
}

fn engine(host: &HostContext) -> EngineStatus {
    let about = host.engine().and_then(|engine| engine.map(ImageEngine::about).transpose());
    let address = host.environment.engine.to_string();
    match about {
        Ok(about) => EngineStatus { address, version: about.map(|about| about.version), error: None },
        Err(error) => EngineStatus { address, version: None, error: Some(message_with_causes(&error)) },
    }
}

/// What systemd says about a unit.
#[derive(Clone)]
struct UnitState {
    text: String,
    has_failed: bool,
}

impl From<UnitStatus> for UnitState {
    fn from(status: UnitStatus) -> Self {
        let has_failed = status.has_failed();
        let text = match status {
            absent if !absent.exists() => "not there".to_owned(),
            failed if has_failed => format!("failed ({})", failed.result),
            other => other.sub,
        };
        Self { text, has_failed }
    }
}

/// Each unit that is enabled; none where systemd is not talked to.
fn units(host: &HostContext) -> BTreeMap<String, UnitState> {
    let Some(units) = host.units.as_deref() else { return BTreeMap::new() };
    let states: Vec<UnitState> = match units.statuses(&UnitName::ENABLED) {
        Err(error) => vec![UnitState { text: error.to_string(), has_failed: false }; UnitName::ENABLED.len()],
        Ok(statuses) => statuses.into_iter().map(UnitState::from).collect(),
    };
    UnitName::ENABLED.iter().map(ToString::to_string).zip(states).collect()
}

#[cfg(test)]
mod tests;
