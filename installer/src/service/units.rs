//! The unit files of a release, rendered for this host.

use crate::durable::{self, PathError};
use crate::engine::{EngineAddress, EngineKind};
use crate::host_context::HostContext;
use crate::state::installed::InstalledRelease;
use landfall_systemd::{EngineUnit, MAX_TEMPLATE_BYTES, RenderError, UnitName, Values, render};
use std::path::PathBuf;
use std::string::FromUtf8Error;

/// A unit file cannot be written, or not made from the release's template.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnitsError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Systemd(#[from] landfall_systemd::Error),
    #[error("the release's {} is missing", .0.display())]
    Missing(PathBuf),
    #[error("{unit} of the release is not text")]
    Text {
        unit: String,
        #[source]
        source: FromUtf8Error,
    },
    #[error("{unit} of the release cannot be used")]
    Render {
        unit: String,
        #[source]
        source: RenderError,
    },
}

/// Writes all units of the release, and removes those that only `last` had. Where there was a `last`, the unit of recovery stays: it is
/// replaced together with the recovery program in the commit.
pub(crate) fn replace(
    host: &HostContext,
    last: Option<&InstalledRelease>,
    release: &InstalledRelease,
) -> Result<(), UnitsError> {
    for unit in release.units.iter().filter(|unit| last.is_none() || !is_recovery(unit)) {
        write(host, release, unit)?;
    }
    for unit in last.iter().flat_map(|last| &last.units).filter(|unit| !release.units.contains(unit)) {
        durable::remove(&host.layout.at(unit))?;
    }
    Ok(())
}

/// Writes the unit of recovery.
pub(crate) fn replace_recovery(host: &HostContext, release: &InstalledRelease) -> Result<(), UnitsError> {
    release.units.iter().filter(|unit| is_recovery(unit)).try_for_each(|unit| write(host, release, unit))?;
    if let Some(units) = host.units.as_deref() {
        units.daemon_reload()?;
    }
    Ok(())
}

fn is_recovery(unit: &str) -> bool {
    unit.rsplit('/').next() == Some(UnitName::RECOVER.as_str())
}

/// The unit of the engine at `address`, which ours are ordered after.
fn engine_unit(address: &EngineAddress) -> EngineUnit {
    match address.kind() {
        EngineKind::Docker => EngineUnit::Docker,
        EngineKind::Podman => EngineUnit::Podman,
        EngineKind::Unknown => EngineUnit::None,
    }
}

fn write(host: &HostContext, release: &InstalledRelease, unit: &str) -> Result<(), UnitsError> {
    let path = host.layout.at(unit);
    let template = host.layout.release(&release.id()).join("units").join(path.file_name().unwrap_or_default());
    let bytes = durable::read(&template, MAX_TEMPLATE_BYTES as u64)?.unwrap_or_default();
    // An empty file would be a unit without a command: it is reported like one that is missing.
    if bytes.is_empty() {
        return Err(UnitsError::Missing(template));
    }
    let text = String::from_utf8(bytes).map_err(|source| UnitsError::Text { unit: unit.to_owned(), source })?;
    let values = Values { engine: engine_unit(&host.environment.engine) };
    let text = render(&text, &values).map_err(|source| UnitsError::Render { unit: unit.to_owned(), source })?;
    // A unit that is as it should be is not written again: systemd asks for a reload of units whose files are newer than what it read.
    let there = durable::read(&path, MAX_TEMPLATE_BYTES as u64)?;
    if there.as_deref() == Some(text.as_bytes()) {
        return Ok(());
    }
    Ok(durable::write(&path, text.as_bytes(), 0o644)?)
}
