//! The release becomes the current one: units, links for people, `current`; then the service starts.

use super::Install;
use crate::durable;
use crate::engine::Volumes;
use crate::journal::Installation;
use crate::layout::{LINKS, LINKS_FOLDER, UNITS_FOLDER};
use crate::plan::units;
use crate::site::Site;
use crate::{failure, removal};
use anyhow::Context as _;
use landfall_systemd::{MAX_TEMPLATE_BYTES, UnitManager, UnitName, Values, render};
use std::path::Path;

pub(super) fn act(install: &Install<'_>, _: &Installation) -> anyhow::Result<()> {
    install.make_folders(&[UNITS_FOLDER, LINKS_FOLDER])?;
    let (layout, id) = (&install.site.layout, install.id());
    for unit in units(install.release()) {
        write_unit(install, &unit)?;
    }
    for (name, target) in LINKS {
        let link = layout.link(name);
        // What is there and not ours was pointed out before, and stays.
        if !durable::exists(&link)? {
            durable::point(&link, Path::new(target))?;
        }
    }
    durable::point(&layout.current(), Path::new(&format!("releases/{id}")))?;
    install.site.units.as_deref().map_or(Ok(()), start)
}

fn write_unit(install: &Install<'_>, unit: &UnitName) -> anyhow::Result<()> {
    let layout = &install.site.layout;
    let template = layout.release(&install.id()).join("units").join(unit.as_str());
    let bytes = durable::read(&template, MAX_TEMPLATE_BYTES as u64)?.unwrap_or_default();
    let text = String::from_utf8(bytes).with_context(|| format!("{unit} of the release is not text"))?;
    let values = Values { engine: install.site.surroundings.engine.unit() };
    let unit_text = render(&text, &values).with_context(|| format!("{unit} of the release cannot be used"))?;
    Ok(durable::write(&layout.unit(unit), unit_text.as_bytes(), 0o644)?)
}

fn start(units: &dyn UnitManager) -> anyhow::Result<()> {
    units.daemon_reload()?;
    for unit in UnitName::ENABLED {
        units.enable(&unit)?;
    }
    let start = |unit: &UnitName| units.start(unit).map_err(|error| failure::of_service(&error.into(), unit, units));
    start(&UnitName::FIREWALL)?;
    start(&UnitName::LANDFALL)?;
    // Starting the service also started recovery, because there is a journal; it found this process at work and gave up,
    // which is no failure.
    Ok(units.reset_failed(&UnitName::RECOVER)?)
}

pub(super) fn undo(site: &Site, installation: &Installation) -> anyhow::Result<()> {
    removal::stop_services(site)?;
    // A database from an earlier installation has tenants, and the service may have started them.
    if site.units.is_some()
        && let Some(engine) = site.engine()?
    {
        engine.remove_tenants(Volumes::Keep)?;
    }
    removal::remove_units(site, &installation.record.current.units)?;
    removal::remove_links(&site.layout)?;
    Ok(durable::remove(&site.layout.current())?)
}
