//! Removes an installation. Every part can be repeated, so an uninstallation that was cut off is simply run again.

use crate::durable::{self, PathError};
use crate::engine::{EngineError, Owned, Volumes};
use crate::host_context::HostContext;
use crate::layout::{DATA_FOLDER, DATABASE_FOLDER, Layout, PROGRAM_FOLDER, SETTINGS_FOLDER, STATE_FOLDER};
use crate::links;
use crate::lock::LockError;
use crate::packages::{AddedPackage, Dpkg, DpkgError, remove_dead_socket};
use crate::receipts;
use crate::state::State;
use crate::state::journal::Uninstallation;
use crate::state::tries::{self, Tries};
use landfall_console::message_with_causes;
use landfall_host::RelativePath;
use landfall_host::runtime_program::RuntimeProgram;
use landfall_systemd::UnitName;

/// A part of an installation cannot be removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemovalError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Systemd(#[from] landfall_systemd::Error),
    #[error(transparent)]
    Dpkg(#[from] DpkgError),
}

/// An uninstallation stopped halfway, and its journal is there for `recover`.
#[derive(Debug, thiserror::Error)]
#[error("the uninstallation is not complete")]
pub(crate) struct UninstallError(#[source] pub(crate) RemovalError);

/// Removes everything that `uninstallation` names.
///
/// # Errors
/// The journal is there for `recover`. What fails after the journal is gone is only a warning: the next run removes the rest.
pub(crate) fn run(host: &HostContext, uninstallation: &Uninstallation, state: State) -> Result<(), UninstallError> {
    let Err(error) = remove(host, uninstallation, state) else { return Ok(()) };
    // In doubt the journal is there: then `recover` is asked for once too often.
    if durable::exists(&host.layout.journal()).unwrap_or(true) {
        return Err(UninstallError(error));
    }
    host.console.warn(format_args!(
        "everything is uninstalled, but something could not be cleaned up: {}",
        message_with_causes(&error)
    ));
    Ok(())
}

/// Removes the parts in an order in which a host that loses power anywhere finishes the uninstallation at its next start.
fn remove(host: &HostContext, uninstallation: &Uninstallation, state: State) -> Result<(), RemovalError> {
    let layout = &host.layout;
    // 1. Nothing runs from here on that uses what is removed.
    stop_services(host)?;
    remove_engine(host, uninstallation)?;
    // 2. The releases and what leads to them. Nothing names a release folder that is half removed.
    durable::remove(&layout.current())?;
    links::remove(layout)?;
    // `current` and the links are gone by now, so that no name leads into what is being removed.
    durable::remove_tree(&layout.releases())?;
    durable::remove_tree(&layout.store())?;
    if uninstallation.purge {
        durable::remove_tree(&layout.at(DATABASE_FOLDER))?;
        durable::remove_tree(&layout.at(SETTINGS_FOLDER))?;
    }
    // 3. The units, then the installer: until the units are gone, the next start runs the installer, which finishes this.
    remove_units(host, &uninstallation.units)?;
    Tries::stop_counting(layout)?;
    tries::clear_marks(layout)?;
    durable::remove_tree(&layout.at("opt/landfall/bin"))?;
    let removable = removable(uninstallation);
    remove_folders(layout, &removable)?;
    // 4. The journal last.
    if uninstallation.purge {
        return Ok(state.remove(&removable)?);
    }
    // Serial floor and product stay: uninstalling must not be a way to an older release.
    durable::remove(&layout.installed())?;
    if let Some(receipt) = &uninstallation.receipt {
        receipts::issue_or_warn(layout, receipt, host.console)?;
    }
    Ok(state.end()?)
}

/// The folders to remove if they are empty by then.
fn removable(uninstallation: &Uninstallation) -> Vec<RelativePath> {
    let ours = [PROGRAM_FOLDER, DATA_FOLDER, STATE_FOLDER].map(RelativePath::known);
    let mut removable: Vec<RelativePath> = ours.into_iter().chain(uninstallation.created.iter().cloned()).collect();
    removable.sort();
    removable.dedup();
    removable
}

/// Removes what is in the engine, and the packages that came with Landfall, if they are to go.
fn remove_engine(host: &HostContext, uninstallation: &Uninstallation) -> Result<(), RemovalError> {
    let packages = &uninstallation.packages;
    if packages.is_empty() {
        return remove_from_engine(host, uninstallation);
    }
    // Where the packages have begun to go, the engine is rid of what was ours, and may not answer any more.
    if Dpkg::of_this_host().has_all(packages)? {
        remove_from_engine(host, uninstallation)?;
        if is_used_by_others(host)? {
            host.console.warn("the engine that came with Landfall has other images by now: its packages stay");
            return Ok(());
        }
    }
    remove_packages(host, packages);
    Ok(remove_dead_socket(&host.environment.engine)?)
}

/// Whether the engine has images although it is rid of ours.
fn is_used_by_others(host: &HostContext) -> Result<bool, RemovalError> {
    Ok(match host.engine()? {
        Some(engine) => !engine.images()?.is_empty(),
        None => false,
    })
}

/// Takes the packages away that came with Landfall. What something else needs stays, with a warning: it is that one's now.
fn remove_packages(host: &HostContext, packages: &[AddedPackage]) {
    host.console.say("removing the packages that came with Landfall");
    if let Err(error) = Dpkg::of_this_host().take_away(packages) {
        host.console.warn(format_args!("packages stay that came with Landfall: {}", message_with_causes(&error)));
    }
}

fn remove_from_engine(host: &HostContext, uninstallation: &Uninstallation) -> Result<(), RemovalError> {
    let Some(engine) = host.engine()? else { return Ok(()) };
    let volumes = if uninstallation.purge { Volumes::Remove } else { Volumes::Keep };
    match &uninstallation.installation {
        Some(installation) => engine.remove_owned(&Owned::all(installation), volumes)?,
        None => host.console.warn(format_args!(
            "{} is gone or holds no id: what tenants have in the engine stays, since it cannot be told from what is another installation's",
            host.layout.installation_id().display()
        )),
    }
    for tag in &uninstallation.tags {
        engine.untag(tag)?;
    }
    Ok(())
}

/// Stops the services. The firewall is stopped after the runtime, and while `current` still leads to the program that stops it.
pub(crate) fn stop_services(host: &HostContext) -> Result<(), RemovalError> {
    let Some(units) = host.units.as_deref() else { return Ok(()) };
    units.stop(&UnitName::LANDFALL)?;
    units.stop(&UnitName::FIREWALL)?;
    clear_firewall(host);
    Ok(())
}

/// Removes the firewall's tables. They outlive its process, so that restarting it lets nothing through; without tenants they are not
/// needed.
fn clear_firewall(host: &HostContext) {
    let program = RuntimeProgram::current(&host.layout);
    // In doubt it is run: then a warning says what is wrong.
    if !program.exists().unwrap_or(true) {
        return;
    }
    if let Err(error) = program.clear_firewall() {
        host.console.warn(format_args!("the firewall's tables stay: {}", message_with_causes(&error)));
    }
}

/// Removes unit files, and what enabling them made.
pub(crate) fn remove_units(host: &HostContext, files: &[RelativePath]) -> Result<(), RemovalError> {
    if let Some(units) = host.units.as_deref() {
        for unit in UnitName::ENABLED {
            // While the files are there: `disable` finds the links to remove by them (systemctl(1)).
            units.disable(&unit)?;
        }
    }
    for file in files {
        durable::remove(&host.layout.at(file))?;
    }
    if let Some(units) = host.units.as_deref() {
        units.daemon_reload()?;
        for unit in [UnitName::LANDFALL, UnitName::FIREWALL] {
            // A unit that has failed stays in memory although its file is gone (systemd.unit(5), `CollectMode=`).
            units.reset_failed(&unit)?;
        }
    }
    Ok(())
}

/// Removes empty folders, given relative to the root. The state folder and its parents are removed together with the journal.
pub(crate) fn remove_folders(layout: &Layout, folders: &[RelativePath]) -> Result<(), PathError> {
    let leads_to_state = |folder: &str| folder == STATE_FOLDER || STATE_FOLDER.starts_with(&format!("{folder}/"));
    let mut folders: Vec<&RelativePath> = folders.iter().filter(|folder| !leads_to_state(folder)).collect();
    // The deepest first: the others are empty only afterwards.
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.matches('/').count()));
    folders.into_iter().try_for_each(|folder| durable::remove_if_empty(&layout.at(folder)))
}
