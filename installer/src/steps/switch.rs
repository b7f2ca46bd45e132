//! The release becomes the current one: settings, units, links to programs and pages, the database, `current`; then the service
//! starts.

use super::{StepError, UnhealthyError, Work};
use crate::durable;
use crate::engine::{Volumes, labels};
use crate::host_context::HostContext;
use crate::layout::{LINKS_FOLDER, SHARE_FOLDER, UNITS_FOLDER};
use crate::service::units;
use crate::state::installed::InstalledRelease;
use crate::state::journal::{SettingsChange, Transition};
use crate::state::tries::{self, Tries};
use crate::{database, links, removal, retained_release, settings};
use landfall_console::message_with_causes;
use landfall_systemd::UnitName;
use std::path::Path;

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> Result<(), StepError> {
    work.make_folders(&[UNITS_FOLDER, LINKS_FOLDER, SHARE_FOLDER])?;
    let (host, target) = (work.host, transition.target());
    links::make_programs(&host.layout)?;
    if let Some(change) = &transition.settings {
        if change.gives_way {
            let aside = settings::file::keep_copy(&host.layout, &change.before)?;
            host.console
                .warn(format_args!("settings of yours that do not fit are left out; yours are in {}", aside.display()));
        }
        settings::file::write(&host.layout, &change.after)?;
    }
    tries::forget_proof(&host.layout)?;
    if let Some(source) = transition.source() {
        Tries::arm(&host.layout, &target.id())?;
        database::follow(host, source, target, transition.may_restore_snapshot)?;
    }
    make_current(host, transition.source(), target)?;
    serve(host, Err)
}

/// Replaces the units of `last` by the release's, points `current` at it, and links to its pages.
fn make_current(
    host: &HostContext,
    last: Option<&InstalledRelease>,
    release: &InstalledRelease,
) -> Result<(), StepError> {
    units::replace(host, last, release)?;
    durable::point(&host.layout.current(), Path::new(&format!("releases/{}", release.id())))?;
    Ok(links::follow_release(&host.layout, &release.id())?)
}

/// Starts what is current, or starts it anew. A restart keeps the listening sockets (sd_pid_notify_with_fds(3)): callers wait.
/// Nobody waits here for the runtime: the probe does, for as long as the settings say. `judge` decides what a firewall that does not
/// come up means.
fn serve(host: &HostContext, judge: impl FnOnce(StepError) -> Result<(), StepError>) -> Result<(), StepError> {
    let Some(units) = host.units.as_deref() else { return Ok(()) };
    units.daemon_reload()?;
    for unit in UnitName::ENABLED {
        units.enable(&unit)?;
    }
    let (firewall, runtime) = (UnitName::FIREWALL, UnitName::LANDFALL);
    if host.attendance.starts_without_waiting() {
        units.stop(&runtime)?;
        units.stop(&firewall)?;
        units.start_detached(&firewall)?;
        return Ok(units.start_detached(&runtime)?);
    }
    units
        .restart(&firewall)
        .map_err(|error| UnhealthyError::new(units, firewall, message_with_causes(&error)).into())
        .or_else(judge)?;
    Ok(units.restart_detached(&runtime)?)
}

pub(super) fn undo(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    match transition.source() {
        None => undo_first(host, transition),
        Some(source) => go_back(host, transition, source),
    }
}

/// The release that ran before runs again.
fn go_back(host: &HostContext, transition: &Transition, source: &InstalledRelease) -> Result<(), StepError> {
    match &transition.tries {
        Some(tries) => tries.renewed().write(&host.layout)?,
        None => Tries::disarm(&host.layout)?,
    }
    if let Err(error) = heal(host, source) {
        host.console.warn(format_args!("{} may be damaged: {}", source.id(), message_with_causes(&error)));
    }
    if let Some(change) = &transition.settings {
        put_back(host, change)?;
    }
    database::take_back(host, transition, source)?;
    make_current(host, Some(transition.target()), source)?;
    serve(host, |error| tolerate(host, &error))
}

/// Without the firewall the runtime does not come up, but goes on trying: its unit sees to that.
#[expect(clippy::unnecessary_wraps, reason = "is a verdict on a firewall that does not come up")]
fn tolerate(host: &HostContext, error: &StepError) -> Result<(), StepError> {
    host.console.warn(message_with_causes(error));
    Ok(())
}

/// What runs again must be whole.
fn heal(host: &HostContext, release: &InstalledRelease) -> Result<(), StepError> {
    retained_release::heal(&host.layout, release, host.console)?;
    Ok(())
}

/// An operator who changed the settings meanwhile keeps what they wrote, as far as the release understands it.
fn put_back(host: &HostContext, change: &SettingsChange) -> Result<(), StepError> {
    let there = settings::file::read(&host.layout)?.unwrap_or_default();
    if there == change.before {
        return Ok(());
    }
    let text = match settings::three_way(&change.after, &there, &change.before) {
        Ok(merged) => merged.text,
        Err(error) => {
            let aside = settings::file::keep_copy(&host.layout, &there)?;
            host.console
                .warn(format_args!("config.toml was changed meanwhile, and is now in {}: {error}", aside.display()));
            change.before.clone()
        }
    };
    Ok(settings::file::write(&host.layout, &text)?)
}

fn undo_first(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    removal::stop_services(host)?;
    if let Some(schema) = transition.schema_before {
        database::hand_back(host, transition.target(), schema)?;
    }
    // A database from an earlier installation has tenants, and the service may have started them.
    if host.units.is_some()
        && let Some(engine) = host.engine()?
    {
        engine.remove_labelled(labels::TENANT, Volumes::Keep)?;
    }
    removal::remove_units(host, &transition.target().units)?;
    links::remove(&host.layout)?;
    Ok(durable::remove(&host.layout.current())?)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use landfall_systemd::{Call, FakeUnitManager};

    #[test]
    fn a_firewall_that_does_not_start_keeps_no_release_from_running_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut host = HostContext::fake(folder.path(), None);
        let units = FakeUnitManager::new();
        units.fail(Call::Restart(UnitName::FIREWALL));
        host.units = Some(Box::new(units));
        let runs = |host: &HostContext| host.units.as_ref().unwrap().status(&UnitName::LANDFALL).unwrap().is_active();
        serve(&host, Err).unwrap_err();
        assert!(!runs(&host), "one that comes in does not do without it");
        serve(&host, |error| tolerate(&host, &error)).unwrap();
        assert!(runs(&host));
    }
}
