mod disk;
mod releases;
mod text;

use crate::durable::PathError;
use crate::engine::ImageEngine;
use crate::errors::Error;
use crate::host_context::{HostArgs, HostContext};
use crate::layout::Layout;
use crate::receipts::{Counter, Folder, host_key};
use crate::retained_release::{self, RefusedRelease};
use crate::state::installed::{Installed, InstalledRelease};
use crate::state::journal::Journal;
use crate::state::read_floor;
use crate::state::tries::Tries;
use crate::store::Store;
use crate::trust;
use disk::{DatabaseStatus, DiskStatus};
use landfall_console::{Console, message_with_causes};
use landfall_keys::TrustRoot;
use landfall_systemd::{ActiveState, UnitName};
use releases::KeptStatus;
use serde::Serialize;
use std::collections::BTreeMap;

/// Show what is installed on this host, which releases `rollback` can go back to, and whether the services run
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// A part that cannot be read is empty here, and named among the problems.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    current: Option<InstalledRelease>,
    /// The release that `rollback` goes to, `<version>-<serial>`.
    previous: Option<String>,
    /// The releases that `rollback` can go back to, the newest first.
    kept: Vec<KeptStatus>,
    /// What was interrupted, if anything was; `unknown` if its journal cannot be read.
    interrupted: Option<&'static str>,
    serial_floor: Option<u64>,
    /// Whom the host trusts; `null` where no root is pinned.
    trust: Option<TrustStatus>,
    /// The releases on this host that would not be accepted today.
    refused: Vec<RefusedRelease>,
    /// How many starts of a release on trial, one that is not marked good yet, may still fail.
    tries: Option<Tries>,
    receipts: ReceiptsStatus,
    store: StoreStatus,
    /// What an interrupted update has read from its media already.
    staged: StoreStatus,
    database: DatabaseStatus,
    disk: Vec<DiskStatus>,
    engine: EngineStatus,
    /// Each unit's state, empty where systemd is not talked to.
    units: BTreeMap<String, String>,
    /// What could not be found out, by part, and why.
    problems: BTreeMap<String, String>,
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

#[derive(Debug, Default, Serialize)]
struct StoreStatus {
    blobs: usize,
    bytes: u64,
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
}

impl Parts {
    /// The part, or its default if it cannot be read.
    fn take<T: Default, E: std::error::Error>(&mut self, part: &str, read: Result<T, E>) -> T {
        read.unwrap_or_else(|error| {
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
    let status = status(&layout, &host, installed.as_ref(), parts);
    console.result(&status, &status)
}

fn status(layout: &Layout, host: &HostContext, installed: Option<&Installed>, mut parts: Parts) -> Status {
    let journal = Journal::read(layout).map(|journal| journal.map(|journal| journal.operation.name()));
    let unreadable = journal.is_err().then_some("unknown");
    let interrupted = parts.take("journal", journal).or(unreadable);
    let store = Store::new(layout);
    let sizes = parts.take("store", store.sizes());
    let pinned = parts.take("trust", trust::pinned(layout));
    let refused = pinned.as_ref().zip(installed);
    let refused = refused
        .map(|(pinned, installed)| retained_release::refused_releases(layout, installed, pinned))
        .unwrap_or_default();
    Status {
        current: installed.map(|installed| installed.current.clone()),
        previous: installed.and_then(|installed| Some(installed.earlier()?.id().to_string())),
        kept: installed.map(|installed| releases::kept(layout, installed, &sizes, &mut parts)).unwrap_or_default(),
        interrupted,
        serial_floor: parts.take("serialFloor", read_floor(layout)).map(u64::from),
        trust: pinned.as_ref().map(TrustStatus::from),
        refused,
        tries: parts.take("tries", Tries::counting(layout)),
        receipts: receipts(layout, &mut parts),
        store: StoreStatus { blobs: sizes.len(), bytes: sizes.values().sum() },
        staged: parts.take("staged", staged(&store)),
        database: parts.take("database", disk::database(layout)),
        disk: disk::disk(layout, &mut parts),
        engine: engine(host),
        units: units(host),
        problems: parts.problems,
    }
}

fn receipts(layout: &Layout, parts: &mut Parts) -> ReceiptsStatus {
    let counters = parts.take("receipts", Folder::new(layout.receipts()).counters());
    let key = parts.take("hostKey", host_key::public(layout));
    ReceiptsStatus { last: counters.last().copied(), host_key: key.map(|key| key.to_line()) }
}

fn staged(store: &Store) -> Result<StoreStatus, PathError> {
    let sizes = store.staged_sizes()?;
    Ok(StoreStatus { blobs: sizes.len(), bytes: sizes.values().sum() })
}

fn engine(host: &HostContext) -> EngineStatus {
    let about = host.engine().and_then(|engine| engine.map(ImageEngine::about).transpose());
    let address = host.environment.engine.to_string();
    match about {
        Ok(about) => EngineStatus { address, version: about.map(|about| about.version), error: None },
        Err(error) => EngineStatus { address, version: None, error: Some(message_with_causes(&error)) },
    }
}

fn units(host: &HostContext) -> BTreeMap<String, String> {
    let Some(units) = host.units.as_deref() else { return BTreeMap::new() };
    let state = |unit: &UnitName| match units.status(unit) {
        Err(error) => error.to_string(),
        Ok(status) if !status.exists() => "not there".to_owned(),
        Ok(status) if status.active == ActiveState::Failed => format!("failed ({})", status.result),
        Ok(status) => status.sub,
    };
    UnitName::ENABLED.iter().map(|unit| (unit.to_string(), state(unit))).collect()
}

#[cfg(test)]
mod tests;
