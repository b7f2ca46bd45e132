//! The unit files of a release, rendered for this host.

use crate::durable;
use crate::engine::EngineAddress;
use crate::host_context::HostContext;
use crate::state::installed::InstalledRelease;
use anyhow::{Context as _, ensure};
use landfall_systemd::{EngineUnit, MAX_TEMPLATE_BYTES, UnitName, Values, render};

/// Puts all of the release's units in place of those of `last`, if there was one.
///
/// Recovery's own stays then: it goes with the recovery program, which is replaced once the release counts.
pub(crate) fn replace(
    host: &HostContext,
    last: Option<&InstalledRelease>,
    release: &InstalledRelease,
) -> anyhow::Result<()> {
    for unit in release.units.iter().filter(|unit| last.is_none() || !is_recovery(unit)) {
        write(host, release, unit)?;
    }
    for unit in last.iter().flat_map(|last| &last.units).filter(|unit| !release.units.contains(unit)) {
        durable::remove(&host.layout.at(unit))?;
    }
    Ok(())
}

/// Puts recovery's unit in place.
pub(crate) fn replace_recovery(host: &HostContext, release: &InstalledRelease) -> anyhow::Result<()> {
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
    match address {
        EngineAddress::Unix(path) if path.ends_with("run/docker.sock") => EngineUnit::Docker,
        EngineAddress::Unix(path) if path.ends_with("run/podman/podman.sock") => EngineUnit::Podman,
        _ => EngineUnit::None,
    }
}

fn write(host: &HostContext, release: &InstalledRelease, unit: &str) -> anyhow::Result<()> {
    let path = host.layout.at(unit);
    let template = host.layout.release(&release.id()).join("units").join(path.file_name().unwrap_or_default());
    let bytes = durable::read(&template, MAX_TEMPLATE_BYTES as u64)?.unwrap_or_default();
    ensure!(!bytes.is_empty(), "the release's {} is missing", template.display());
    let text = String::from_utf8(bytes).with_context(|| format!("{unit} of the release is not text"))?;
    let values = Values { engine: engine_unit(&host.environment.engine) };
    let text = render(&text, &values).with_context(|| format!("{unit} of the release cannot be used"))?;
    // What is right already is left alone: systemd asks for a reload of units whose files are newer than what it has read.
    let there = durable::read(&path, MAX_TEMPLATE_BYTES as u64)?;
    if there.as_deref() == Some(text.as_bytes()) {
        return Ok(());
    }
    Ok(durable::write(&path, text.as_bytes(), 0o644)?)
}
