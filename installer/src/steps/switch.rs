//! The release becomes the current one: settings, units, links for people, the database, `current`; then the service starts.

use super::Work;
use crate::durable;
use crate::engine::Volumes;
use crate::installed::InstalledRelease;
use crate::journal::{SettingsChange, Transition};
use crate::layout::{LINKS, LINKS_FOLDER, UNITS_FOLDER};
use crate::site::Site;
use crate::tries::{self, Tries};
use crate::{database, failure, kept, removal, settings, settings_file, units};
use landfall_systemd::UnitName;
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
    if let Some(change) = &transition.settings {
        if change.gives_way {
            let aside = settings_file::set_aside(&site.layout, &change.before)?;
            site.console
                .warn(format_args!("settings of yours that do not fit are left out; yours are in {}", aside.display()));
        }
        settings_file::write(&site.layout, &change.after)?;
    }
    tries::forget_proof(&site.layout)?;
    if let Some(source) = transition.source() {
        Tries::arm(&site.layout, &target.id())?;
        database::follow(site, source, target, transition.may_restore_snapshot)?;
    }
    make_current(site, transition.source(), target)?;
    serve(site, Err)
}

/// Puts the release's units in place of those of `last`, and points `current` at it.
fn make_current(site: &Site, last: Option<&InstalledRelease>, release: &InstalledRelease) -> anyhow::Result<()> {
    units::replace(site, last, release)?;
    Ok(durable::point(&site.layout.current(), Path::new(&format!("releases/{}", release.id())))?)
}

/// Starts what is current, or starts it anew. A restart keeps the listening sockets (sd_pid_notify_with_fds(3)): callers wait.
/// Nobody waits here for the runtime: the probe does, for as long as the settings say. `judge` decides what a firewall that does not
/// come up means.
fn serve(site: &Site, judge: impl FnOnce(anyhow::Error) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let Some(units) = site.units.as_deref() else { return Ok(()) };
    units.daemon_reload()?;
    for unit in UnitName::ENABLED {
        units.enable(&unit)?;
    }
    let (firewall, runtime) = (UnitName::FIREWALL, UnitName::LANDFALL);
    if site.detached {
        units.stop(&runtime)?;
        units.stop(&firewall)?;
        units.start_detached(&firewall)?;
        return Ok(units.start_detached(&runtime)?);
    }
    units.restart(&firewall).map_err(|error| failure::of_service(&error.into(), &firewall, units)).or_else(judge)?;
    Ok(units.restart_detached(&runtime)?)
}

pub(super) fn undo(site: &Site, transition: &Transition) -> anyhow::Result<()> {
    match transition.source() {
        None => undo_first(site, transition),
        Some(source) => go_back(site, transition, source),
    }
}

/// The release that ran before runs again.
fn go_back(site: &Site, transition: &Transition, source: &InstalledRelease) -> anyhow::Result<()> {
    match &transition.tries {
        Some(tries) => tries.renewed().write(&site.layout)?,
        None => Tries::disarm(&site.layout)?,
    }
    if let Err(error) = heal(site, source) {
        site.console.warn(format_args!("{} may be damaged: {error:#}", source.id()));
    }
    if let Some(change) = &transition.settings {
        put_back(site, change)?;
    }
    database::take_back(site, transition, source)?;
    make_current(site, Some(transition.target()), source)?;
    serve(site, |error| tolerate(site, &error))
}

/// Without the firewall the runtime does not come up, but goes on trying: its unit sees to that.
#[expect(clippy::unnecessary_wraps, reason = "is a verdict on a firewall that does not come up")]
fn tolerate(site: &Site, error: &anyhow::Error) -> anyhow::Result<()> {
    site.console.warn(format_args!("{error:#}"));
    Ok(())
}

/// What runs again must be whole.
fn heal(site: &Site, release: &InstalledRelease) -> anyhow::Result<()> {
    kept::heal(&site.layout, release, site.console)?;
    Ok(())
}

/// An operator who changed the settings meanwhile keeps what they wrote, as far as the release understands it.
fn put_back(site: &Site, change: &SettingsChange) -> anyhow::Result<()> {
    let there = settings_file::read(&site.layout)?.unwrap_or_default();
    if there == change.before {
        return Ok(());
    }
    let text = match settings::three_way(&change.after, &there, &change.before) {
        Ok(merged) => merged.text,
        Err(error) => {
            let aside = settings_file::set_aside(&site.layout, &there)?;
            site.console
                .warn(format_args!("config.toml was changed meanwhile, and is now in {}: {error}", aside.display()));
            change.before.clone()
        }
    };
    Ok(settings_file::write(&site.layout, &text)?)
}

fn undo_first(site: &Site, transition: &Transition) -> anyhow::Result<()> {
    removal::stop_services(site)?;
    if let Some(schema) = transition.schema_before {
        database::hand_back(site, transition.target(), schema)?;
    }
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use landfall_systemd::{Call, FakeUnitManager};

    #[test]
    fn a_firewall_that_does_not_start_keeps_no_release_from_running_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut site = Site::fake(folder.path(), None);
        let units = FakeUnitManager::new();
        units.fail(Call::Restart(UnitName::FIREWALL));
        site.units = Some(Box::new(units));
        let runs = |site: &Site| site.units.as_ref().unwrap().status(&UnitName::LANDFALL).unwrap().is_active();
        serve(&site, Err).unwrap_err();
        assert!(!runs(&site), "one that comes in does not do without it");
        serve(&site, |error| tolerate(&site, &error)).unwrap();
        assert!(runs(&site));
    }
}
