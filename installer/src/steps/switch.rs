//! Makes the release the current one: settings, units, links to programs and pages, the database, `current`. Then starts the
//! service.

use super::{StepError, UnhealthyError, Work};
use crate::durable;
use crate::engine::{Owned, Volumes, labels};
use crate::host_context::HostContext;
use crate::layout::{LINKS_FOLDER, UNITS_FOLDER};
use crate::service::units;
use crate::state::installed::InstalledRelease;
use crate::state::journal::{SettingsChange, Transition};
use crate::state::tries::{self, Tries};
use crate::{database, links, removal, retained_release, settings};
use landfall_console::message_with_causes;
use landfall_systemd::UnitName;
use std::path::Path;

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> Result<(), StepError> {
    let (host, target) = (work.host, transition.target());
    // 1. Links to the programs. They lead through `current`, so they may come first. A file of somebody else stays: preflight warned.
    work.make_folders(&[UNITS_FOLDER, LINKS_FOLDER])?;
    links::make_programs(&host.layout)?;
    // 2. The settings, where a revert has to change them, before anything of the release reads them.
    if let Some(change) = &transition.settings {
        write_settings(host, change)?;
    }
    // 3. The counter of starts, before the first start. A mark from an earlier time as the current release says nothing now.
    tries::clear_marks(&host.layout)?;
    if let Some(source) = transition.source() {
        Tries::start_counting(&host.layout, &target.id())?;
        // 4. The database, while `current` still leads to the release that can bring it back.
        database::migrate_for(host, source, target, transition.may_restore_snapshot)?;
    }
    // 5. Units, then `current` in one rename, then the services.
    links::make_share_folders(&host.layout, &transition.created(), host.console)?;
    make_current(host, transition.source(), target)?;
    restart_services(host, Err)
}

/// Takes the values out of `config.toml` that the release does not take, and keeps the operator's text beside it.
fn write_settings(host: &HostContext, change: &SettingsChange) -> Result<(), StepError> {
    let copy = settings::file::keep_copy(&host.layout, &change.before)?;
    host.console.warn(format_args!(
        "config.toml has values that the release does not take: they are left out, and your own file is kept as {}",
        copy.display()
    ));
    Ok(settings::file::write(&host.layout, change.after.as_bytes())?)
}

/// Replaces the units of `last` by those of `release`, points `current` at it, and links to its pages.
fn make_current(
    host: &HostContext,
    last: Option<&InstalledRelease>,
    release: &InstalledRelease,
) -> Result<(), StepError> {
    units::replace(host, last, release)?;
    durable::point(&host.layout.current(), Path::new(&format!("releases/{}", release.id())))?;
    Ok(links::follow_release(&host.layout, &release.id(), host.console)?)
}

/// Starts or restarts the services of the current release. A restart keeps the listening sockets (sd_pid_notify_with_fds(3)), so
/// callers wait. Whether the runtime becomes healthy is for the probe to find out; `on_firewall_error` decides whether a
/// firewall that does not start is an error.
fn restart_services(
    host: &HostContext,
    on_firewall_error: impl FnOnce(StepError) -> Result<(), StepError>,
) -> Result<(), StepError> {
    let Some(units) = host.units.as_deref() else { return Ok(()) };
    for unit in UnitName::ENABLED {
        // Enabled before anything is started, recovery included: after a power cut in the middle of the start, the boot
        // has to settle it.
        units.enable(&unit)?;
    }
    // Before anything is started: systemd still knows the units of the release from before.
    units.daemon_reload()?;
    let (firewall, runtime) = (UnitName::FIREWALL, UnitName::LANDFALL);
    // The recovery unit is ordered before both services, so waiting for their start would wait for itself. Stopping also
    // cancels a start that waits already; it is requested again.
    if host.attendance.starts_without_waiting() {
        // The runtime first: a start of it while the firewall is down would fail, since its unit looks for the
        // firewall's runtime folder.
        units.stop(&runtime)?;
        units.stop(&firewall)?;
        units.start_detached(&firewall)?;
        return Ok(units.start_detached(&runtime)?);
    }
    units
        .restart(&firewall)
        .map_err(|error| UnhealthyError::new(units, firewall, message_with_causes(&error)).into())
        .or_else(on_firewall_error)?;
    // Not waited for: the probe has a limit of its own, and sees why a service does not come up.
    Ok(units.restart_detached(&runtime)?)
}

pub(super) fn undo(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    match transition.source() {
        None => undo_first_installation(host, transition),
        Some(source) => restore_previous(host, transition, source),
    }
}

/// Makes the release from before the current one again.
fn restore_previous(host: &HostContext, transition: &Transition, source: &InstalledRelease) -> Result<(), StepError> {
    // 1. The counter first: a start from here on is one of the release from before.
    match &transition.tries {
        Some(tries) => tries.reset().write(&host.layout)?,
        None => Tries::stop_counting(&host.layout)?,
    }
    // 2. Its folder. A release that may be damaged is still better than none.
    if let Err(error) = retained_release::repair(&host.layout, source, host.console) {
        host.console.warn(format_args!("{} may be damaged: {}", source.id(), message_with_causes(&error)));
    }
    // 3. Its settings and its database, before it starts.
    if let Some(change) = &transition.settings {
        restore_settings(host, change)?;
    }
    database::undo_migration(host, transition, source)?;
    // 4. Units, `current`, services, as in the step. Without the firewall the runtime does not start, but its unit goes on trying:
    //    a warning is enough.
    make_current(host, Some(transition.target()), source)?;
    restart_services(host, |error| warn(host, &error))
}

#[expect(clippy::unnecessary_wraps, reason = "has the form of every decision about a firewall that does not start")]
fn warn(host: &HostContext, error: &StepError) -> Result<(), StepError> {
    host.console.warn(message_with_causes(error));
    Ok(())
}

/// Restores `config.toml`, unless the operator has changed it in the meantime.
fn restore_settings(host: &HostContext, change: &SettingsChange) -> Result<(), StepError> {
    let now = settings::file::operator(&host.layout)?;
    if now.as_deref() == Some(change.after.as_str()) {
        settings::file::write(&host.layout, &change.before)?;
    }
    Ok(())
}

/// Undoes the switch of a first installation: nothing of it runs or is found afterwards.
fn undo_first_installation(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    // 1. The services, before anything that they use.
    removal::stop_services(host)?;
    // 2. A database that an uninstallation left, while the program that migrated it is still there.
    if let Some(schema) = transition.schema_before {
        database::restore_schema(host, transition.target(), schema)?;
    }
    // 3. Containers: such a database has tenants, and the service may have started them.
    // Without services nothing of this installation has started a container.
    if host.units.is_some()
        && let Some(engine) = host.engine()?
    {
        let installation = &transition.after.installation;
        // A self-check that was killed leaves a tenant that is nobody's, and its volumes.
        engine.remove_owned(&Owned::of_tenant(installation, labels::CANARY), Volumes::Remove)?;
        engine.remove_owned(&Owned::all(installation), Volumes::Keep)?;
    }
    // 4. What leads to the release.
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
        restart_services(&host, Err).unwrap_err();
        assert!(!runs(&host), "a new release does not run without it");
        restart_services(&host, |error| warn(&host, &error)).unwrap();
        assert!(runs(&host));
    }
}
