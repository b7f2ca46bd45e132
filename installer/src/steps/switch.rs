//! The release becomes the current one: settings, units, links for people, the database, `current`; then the service starts.

use super::Work;
use crate::durable;
use crate::engine::Volumes;
use crate::installed::InstalledRelease;
use crate::journal::{SettingsChange, Transition};
use crate::layout::{LINKS, LINKS_FOLDER, UNITS_FOLDER};
use crate::site::Site;
use crate::tries::Tries;
use crate::{database, failure, removal, settings};
use anyhow::Context as _;
use landfall_systemd::{MAX_TEMPLATE_BYTES, UnitName, Values, render};
use std::path::Path;

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> anyhow::Result<()> {
    work.make_folders(&[UNITS_FOLDER, LINKS_FOLDER])?;
    let (site, target) = (work.site, transition.target());
    for (name, link_target) in LINKS {
        let link = site.layout.link(name);
        // What is there and not ours was pointed out before, and stays.
        if !durable::exists(&link)? {
            durable::point(&link, Path::new(link_target))?;
        }
    }
    if let Some(SettingsChange { after, .. }) = &transition.settings {
        durable::write(&site.layout.settings(), after.as_bytes(), 0o644)?;
    }
    if let Some(source) = transition.source() {
        Tries::arm(&site.layout, &target.id())?;
        database::follow(site, source, target, transition.may_restore_snapshot)?;
    }
    make_current(site, transition.source(), target)?;
    serve(site, transition.source().is_some())
}

/// Puts the release's units in place of those of `last`, and points `current` at it.
fn make_current(site: &Site, last: Option<&InstalledRelease>, release: &InstalledRelease) -> anyhow::Result<()> {
    for unit in &release.units {
        write_unit(site, release, unit)?;
    }
    for unit in last.iter().flat_map(|last| &last.units).filter(|unit| !release.units.contains(unit)) {
        durable::remove(&site.layout.at(unit))?;
    }
    Ok(durable::point(&site.layout.current(), Path::new(&format!("releases/{}", release.id())))?)
}

fn write_unit(site: &Site, release: &InstalledRelease, unit: &str) -> anyhow::Result<()> {
    let path = site.layout.at(unit);
    let template = site.layout.release(&release.id()).join("units").join(path.file_name().unwrap_or_default());
    let bytes = durable::read(&template, MAX_TEMPLATE_BYTES as u64)?.unwrap_or_default();
    let text = String::from_utf8(bytes).with_context(|| format!("{unit} of the release is not text"))?;
    let values = Values { engine: site.surroundings.engine.unit() };
    let text = render(&text, &values).with_context(|| format!("{unit} of the release cannot be used"))?;
    // What is right already is left alone: systemd asks for a reload of units whose files are newer than what it has read.
    let there = durable::read(&path, MAX_TEMPLATE_BYTES as u64)?;
    if there.as_deref() == Some(text.as_bytes()) {
        return Ok(());
    }
    Ok(durable::write(&path, text.as_bytes(), 0o644)?)
}

/// Starts what is current, or starts it anew. A restart keeps the listening sockets (sd_pid_notify_with_fds(3)): callers wait.
fn serve(site: &Site, again: bool) -> anyhow::Result<()> {
    let Some(units) = site.units.as_deref() else { return Ok(()) };
    units.daemon_reload()?;
    for unit in UnitName::ENABLED {
        units.enable(&unit)?;
    }
    let services = [UnitName::FIREWALL, UnitName::LANDFALL];
    if site.detached {
        services.iter().rev().try_for_each(|unit| units.stop(unit))?;
        return Ok(services.iter().try_for_each(|unit| units.start_detached(unit))?);
    }
    for unit in &services {
        let started = if again { units.restart(unit) } else { units.start(unit) };
        started.map_err(|error| failure::of_service(&error.into(), unit, units))?;
    }
    // Starting the service also started recovery, because there is a journal; it found this process at work and gave up,
    // which is no failure.
    Ok(units.reset_failed(&UnitName::RECOVER)?)
}

pub(super) fn undo(site: &Site, transition: &Transition) -> anyhow::Result<()> {
    match transition.source() {
        None => undo_first(site, transition),
        Some(source) => go_back(site, transition, source),
    }
}

/// The release that ran before runs again.
fn go_back(site: &Site, transition: &Transition, source: &InstalledRelease) -> anyhow::Result<()> {
    Tries::disarm(&site.layout)?;
    if let Some(change) = &transition.settings {
        put_back(site, change)?;
    }
    let target = transition.target();
    database::follow(site, target, source, true)?;
    make_current(site, Some(target), source)?;
    serve(site, true)
}

/// An operator who changed the settings meanwhile keeps what they wrote.
fn put_back(site: &Site, change: &SettingsChange) -> anyhow::Result<()> {
    let path = site.layout.settings();
    let there = durable::read(&path, settings::MAX_BYTES)?.unwrap_or_default();
    if there == change.after.as_bytes() {
        durable::write(&path, change.before.as_bytes(), 0o644)?;
    } else if there != change.before.as_bytes() {
        site.console.warn(format_args!("{} was changed meanwhile, and stays as it is", path.display()));
    }
    Ok(())
}

fn undo_first(site: &Site, transition: &Transition) -> anyhow::Result<()> {
    removal::stop_services(site)?;
    // A database from an earlier installation has tenants, and the service may have started them.
    if site.units.is_some()
        && let Some(engine) = site.engine()?
    {
        engine.remove_tenants(Volumes::Keep)?;
    }
    removal::remove_units(site, &transition.target().units)?;
    removal::remove_links(&site.layout)?;
    Ok(durable::remove(&site.layout.current())?)
}
