//! Migrates the database together with the release. All SQL is the runtime's: the newer of two releases knows how to migrate both ways, so its
//! program is run, on a copy, within a time limit.
//!
//! Forward, a service migrates when it starts. This module does the rest: the rehearsal, migrating back, both where no service is
//! started, and what has to be done when either is undone.

mod error;

pub(crate) use error::DatabaseError;

use crate::durable::{self, At as _, PathError};
use crate::host_context::HostContext;
use crate::layout::{DATABASE, Layout, SET_ASIDE_SUFFIX};
use crate::state::installed::InstalledRelease;
use crate::state::journal::Transition;
use landfall_console::message_with_causes;
use landfall_host::runtime_program::{Migrate, MigrateReport, RuntimeProgram};
use landfall_manifests::Database;
use landfall_systemd::UnitName;
use std::cmp::Ordering;
use std::io;

/// The size of the database with its log in bytes, if there is one.
pub(crate) fn size(layout: &Layout) -> Result<Option<u64>, PathError> {
    let database = layout.database();
    if !durable::exists(&database)? {
        return Ok(None);
    }
    // The newest rows are in the log alone until a checkpoint (sqlite.org/wal.html).
    let log = std::fs::metadata(layout.at("var/lib/landfall/db/landfall.db-wal")).map_or(0, |log| log.len());
    Ok(Some(database.metadata().at("look at", &database)?.len() + log))
}

/// How the schema of `to` compares with that of `from`. A release without a schema changes nothing.
fn direction(from: &InstalledRelease, to: &InstalledRelease) -> Ordering {
    match (from.database, to.database) {
        (Some(from), Some(to)) => to.schema.cmp(&from.schema),
        _ => Ordering::Equal,
    }
}

/// Whether the rows can be brought from the schema of `from` to that of `to` without loss.
pub(crate) fn is_lossless(from: &InstalledRelease, to: &InstalledRelease) -> bool {
    match (from.database, to.database) {
        (Some(Database { reversible_to, .. }), Some(to)) => reversible_to <= to.schema,
        _ => true,
    }
}

/// Whether the program of `from` has to migrate the database back to the schema of `to`.
pub(crate) fn is_way_back(from: &InstalledRelease, to: &InstalledRelease) -> bool {
    direction(from, to) == Ordering::Less
}

/// Rehearses the migrations on a copy of the live database. Returns its schema, if it is not that of `from`.
pub(crate) fn rehearse(
    host: &HostContext,
    from: &InstalledRelease,
    to: &InstalledRelease,
    may_set_aside: bool,
) -> Result<Option<u32>, DatabaseError> {
    let rehearsed = match direction(from, to) {
        Ordering::Equal => return Ok(None),
        Ordering::Greater => migrate(host, to, Migrate::Rehearse(None)),
        Ordering::Less => migrate(host, from, Migrate::Rehearse(Some(schema(to)))),
    }
    .map_err(|source| DatabaseError::Rehearsal { from: from.id(), to: to.id(), source: source.into() });
    match rehearsed {
        Err(error) if may_set_aside && is_way_back(from, to) => {
            host.console.warn(format_args!(
                "{}; {} uses the database from before the update",
                message_with_causes(&error),
                to.id()
            ));
            Ok(None)
        }
        rehearsed => {
            Ok(rehearsed?.schema_before().filter(|found| from.database.is_some_and(|own| own.schema != *found)))
        }
    }
}

/// Rehearses on a copy what a first release will do to a database that an uninstallation left. Returns its schema, if that will
/// change.
pub(crate) fn rehearse_first(host: &HostContext, release: &InstalledRelease) -> Result<Option<u32>, DatabaseError> {
    if release.database.is_none() {
        return Ok(None);
    }
    let rehearsed = migrate(host, release, Migrate::Rehearse(None))
        .map_err(|source| DatabaseError::FirstRehearsal { release: release.id(), source: source.into() })?;
    let found = rehearsed.schema_before().filter(|found| *found != rehearsed.to);
    if let Some(found) = found {
        let to = rehearsed.to;
        host.console
            .say(format_args!("the database of an earlier installation will be migrated from schema {found} to {to}"));
    }
    Ok(found)
}

/// Migrates the database from the schema of `from` to that of `to`, unless the start of the service does.
///
/// Where the newer program cannot migrate back, the older one restores the snapshot from before the update, and sets the database with
/// the later rows aside in a file of its own; only if it `may_set_aside` them.
pub(crate) fn migrate_for(
    host: &HostContext,
    from: &InstalledRelease,
    to: &InstalledRelease,
    may_set_aside: bool,
) -> Result<(), DatabaseError> {
    match direction(from, to) {
        Ordering::Equal => Ok(()),
        // The service migrates forward itself when it starts, under its own lock on the database.
        Ordering::Greater if host.units.is_some() => Ok(()),
        Ordering::Greater => migrate(host, to, Migrate::To(None)).map(drop),
        Ordering::Less => {
            // The service locks the database as long as it runs. The switch starts it again.
            stop(host)?;
            let Err(error) = migrate(host, from, Migrate::To(Some(schema(to)))) else { return Ok(()) };
            // A process that has the database open would go on writing to the file that is set aside.
            if !may_set_aside || error.is_in_use() {
                return Err(error);
            }
            match migrate(host, to, Migrate::Restore(None)) {
                Ok(done) => warn_of_aside(host, &done, from, &format!(" ({})", message_with_causes(&error))),
                Err(source) => {
                    return Err(DatabaseError::Restore { migration: error.into(), source: source.into() });
                }
            }
            Ok(())
        }
    }
}

/// Undoes what a transition away from `source` did to the database.
///
/// A rollback across a schema has dropped what only the newer schema holds, so the file from before is restored, not its rows alone.
pub(crate) fn undo_migration(
    host: &HostContext,
    transition: &Transition,
    source: &InstalledRelease,
) -> Result<(), DatabaseError> {
    let target = transition.target();
    // 1. A database that the rollback set aside comes back first: one that is migrated forward again would be set aside under a name
    //    that looks like one to reclaim.
    if transition.may_restore_snapshot {
        reclaim(host, source, &transition.asides)?;
    }
    // 2. The file from before a rollback across a schema. With another schema before, nothing was migrated, and the snapshot of that
    //    name is an older one.
    if is_way_back(source, target) && transition.schema_before.is_none() {
        restore_before_rollback(host, source, target)?;
    }
    // 3. The rows, in any other case. Those that the release from before cannot store are set aside: it has to run again.
    migrate_for(host, target, source, true)
}

/// Restores the database from before it was migrated back to the schema of `target`, if that was begun.
fn restore_before_rollback(
    host: &HostContext,
    source: &InstalledRelease,
    target: &InstalledRelease,
) -> Result<(), DatabaseError> {
    stop(host)?;
    match migrate(host, source, Migrate::Restore(None)) {
        Ok(done) => warn_of_aside(host, &done, target, ""),
        Err(error) if error.has_no_snapshot() => host.console.warn(format_args!(
            "rows that only {} can store are not restored: {}",
            source.id(),
            message_with_causes(&error)
        )),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Migrates a database that an uninstallation had left back to its `schema`, when the installation over it is undone. Otherwise the
/// release that wrote it could not use it again.
pub(crate) fn restore_schema(host: &HostContext, release: &InstalledRelease, schema: u32) -> Result<(), DatabaseError> {
    // The undo removes its folder only after this has succeeded.
    // No program, so this was done before: a repeated undo has nothing left to migrate with.
    if !RuntimeProgram::of(&host.layout, &release.id()).exists()? {
        return Ok(());
    }
    let Err(error) = migrate(host, release, Migrate::To(Some(schema))) else { return Ok(()) };
    // Whoever has the database open would go on writing to a file that is set aside.
    if error.is_in_use() {
        return Err(error);
    }
    let why = message_with_causes(&error);
    let restored = migrate(host, release, Migrate::Restore(Some(schema)))
        .map_err(|source| DatabaseError::Restore { migration: error.into(), source: source.into() });
    match restored {
        Ok(done) => warn_of_aside(host, &done, release, &format!(" ({why})")),
        Err(again) if again.has_no_snapshot() => host.console.warn(format_args!(
            "the database stays as {} has migrated it, and a release with schema {schema} cannot open it: {}",
            release.id(),
            message_with_causes(&again)
        )),
        Err(again) => return Err(again),
    }
    Ok(())
}

fn warn_of_aside(host: &HostContext, done: &MigrateReport, release: &InstalledRelease, why: &str) {
    if let Some(aside) = &done.aside {
        host.console.warn(format_args!(
            "the database is the one from before {}; the later one is set aside as {}{why}",
            release.id(),
            aside.display()
        ));
    }
}

fn stop(host: &HostContext) -> Result<(), DatabaseError> {
    if let Some(units) = host.units.as_deref() {
        units.stop(&UnitName::LANDFALL)?;
    }
    Ok(())
}

/// The databases that were set aside, by the names of their files.
pub(crate) fn set_aside(layout: &Layout) -> Result<Vec<String>, PathError> {
    let folder = layout.database_folder();
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.at("read the folder", &folder)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.at("read the folder", &folder)?.file_name();
        names.extend(
            name.to_str()
                .filter(|name| name.strip_prefix(DATABASE).is_some_and(|rest| rest.starts_with(SET_ASIDE_SUFFIX)))
                .map(str::to_owned),
        );
    }
    names.sort();
    Ok(names)
}

/// Restores the database that a rollback, which is now undone, has set aside: the one of the release's schema that is not among those
/// `known` before.
fn reclaim(host: &HostContext, release: &InstalledRelease, known: &[String]) -> Result<(), DatabaseError> {
    let own = format!("{DATABASE}{SET_ASIDE_SUFFIX}{}", schema(release));
    // `.2`, `.3`, …: one that was set aside is never replaced. And the file of schema 12 is not one of schema 1.
    let is_own = |name: &String| name.strip_prefix(&own).is_some_and(|more| more.is_empty() || more.starts_with('.'));
    for name in set_aside(&host.layout)?.iter().filter(|name| is_own(name) && !known.contains(name)) {
        stop(host)?;
        migrate(host, release, Migrate::Reclaim(name))?;
    }
    Ok(())
}

fn schema(release: &InstalledRelease) -> u32 {
    release.database.map_or(0, |database| database.schema)
}

/// Runs `landfall migrate` of a release, where there is a database.
fn migrate(
    host: &HostContext,
    release: &InstalledRelease,
    migrate: Migrate<'_>,
) -> Result<MigrateReport, DatabaseError> {
    // A host without a database has no rows to migrate: the release's program need not run.
    if !durable::exists(&host.layout.database())? {
        return Ok(MigrateReport::default());
    }
    if !host.runs_programs {
        return Err(DatabaseError::NotRun(release.id()));
    }
    let done = RuntimeProgram::of(&host.layout, &release.id()).migrate(&migrate);
    done.map_err(|source| DatabaseError::Migrate { release: release.id(), source: source.into() })
}
