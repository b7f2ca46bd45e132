use crate::installed::{Installed, InstalledRelease, Surroundings, read_floor};
use crate::journal::Journal;
use crate::site::{HostArgs, Site};
use crate::store::Store;
use landfall_console::{Console, Size};
use landfall_systemd::{ActiveState, UnitName};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Say what is installed on this host, and whether it runs
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    current: Option<InstalledRelease>,
    /// What was interrupted, if anything was.
    interrupted: Option<&'static str>,
    serial_floor: Option<u64>,
    store: StoreStatus,
    engine: EngineStatus,
    /// Each unit's state, empty where systemd is not talked to.
    units: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct StoreStatus {
    blobs: usize,
    bytes: u64,
}

#[derive(Serialize)]
struct EngineStatus {
    address: String,
    /// Its version, if it answers.
    version: Option<String>,
    error: Option<String>,
}

pub(crate) fn run(_: &Args, host: &HostArgs, console: Console) -> anyhow::Result<()> {
    let layout = host.layout()?;
    let installed = Installed::read(&layout)?;
    let recorded: Option<&Surroundings> = installed.as_ref().map(|installed| &installed.host);
    let site = match recorded {
        Some(recorded) => host.recorded_site(recorded, console)?,
        None => host.site(console)?,
    };
    let sizes = Store::new(&layout).sizes()?;
    let status = Status {
        current: installed.map(|installed| installed.current),
        interrupted: Journal::read(&layout)?.map(|journal| journal.operation.name()),
        serial_floor: read_floor(&layout)?.map(u64::from),
        store: StoreStatus { blobs: sizes.len(), bytes: sizes.values().sum() },
        engine: engine(&site),
        units: units(&site),
    };
    console.result(&status, &status)
}

fn engine(site: &Site) -> EngineStatus {
    let about = site.engine().and_then(|engine| engine.map(crate::engine::Engine::about).transpose());
    let address = site.surroundings.engine.to_string();
    match about {
        Ok(about) => EngineStatus { address, version: about.map(|about| about.version), error: None },
        Err(error) => EngineStatus { address, version: None, error: Some(format!("{:#}", anyhow::Error::from(error))) },
    }
}

fn units(site: &Site) -> BTreeMap<String, String> {
    let Some(units) = site.units.as_deref() else { return BTreeMap::new() };
    let state = |unit: &UnitName| match units.status(unit) {
        Err(error) => error.to_string(),
        Ok(status) if !status.exists() => "not there".to_owned(),
        Ok(status) if status.active == ActiveState::Failed => format!("failed ({})", status.result),
        Ok(status) => status.sub,
    };
    UnitName::ENABLED.iter().map(|unit| (unit.to_string(), state(unit))).collect()
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.current {
            None => writeln!(f, "nothing is installed")?,
            Some(current) => {
                writeln!(f, "{} {} (serial {})", current.product, current.version, current.serial)?;
                writeln!(f, "  installed {}", current.installed)?;
            }
        }
        if let Some(operation) = self.interrupted {
            writeln!(f, "  an {operation} is under way or was interrupted: `landfall-installer recover` settles it")?;
        }
        if let Some(floor) = self.serial_floor {
            writeln!(f, "  floor     serial {floor}: bundles below it are refused")?;
        }
        writeln!(f, "  store     {} blobs, {} ({} bytes)", self.store.blobs, Size(self.store.bytes), self.store.bytes)?;
        match (&self.engine.version, &self.engine.error) {
            (Some(version), _) => writeln!(f, "  engine    {version} at {}", self.engine.address)?,
            (None, Some(error)) => writeln!(f, "  engine    {error}")?,
            (None, None) => writeln!(f, "  engine    none")?,
        }
        self.units.iter().try_for_each(|(unit, state)| writeln!(f, "  {unit}: {state}"))
    }
}
