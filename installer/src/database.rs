//! The database follows the release. All SQL is the runtime's: the newer of two releases knows how to go forth and back, so
//! its program is asked to, on a copy, within a time.
//!
//! Forward, a service migrates when it starts. This module does what remains: the rehearsal, the way back, both where no service is
//! started, and what has to be done when either is taken back.

use crate::durable::{self, At as _, PathError};
use crate::host_context::HostContext;
use crate::layout::Layout;
use crate::plan::policy::PROGRAM;
use crate::state::installed::InstalledRelease;
use crate::state::journal::Transition;
use anyhow::Context as _;
use landfall_console::{Exit, Failure};
use landfall_host::subprocess::Subprocess;
use landfall_manifests::Database;
use landfall_systemd::UnitName;
use serde::Deserialize;
use std::cmp::Ordering;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How long a migration may take: a database of a thousand tenants takes well under a second.
const LIMIT: Duration = Duration::from_mins(5);
/// How much of its answer is read, in bytes.
const ANSWER_BYTES: usize = 64 << 10;

/// How the runtime names what it sets aside.
const ASIDE: &str = "landfall.db.aside-";
/// The word of `landfall migrate` for a database that another process has open.
const IN_USE: &str = "database_in_use";
/// Its words for a snapshot that cannot be taken up however often it is tried: it is not there, or not sound, or the program is of a
/// release that takes none up in place of an older database.
const NO_SNAPSHOT: [&str; 3] = ["no_snapshot", "migration_failed", "database_too_old"];

/// What `landfall migrate` says that it did.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Done {
    /// The schema before; 0 where there was no database.
    from: u32,
    /// The schema now, or the one that a rehearsal reached.
    to: u32,
    /// The database that gave way, in a file of its own.
    aside: Option<String>,
}

/// The size of the database with its log in bytes, if there is one.
pub(crate) fn size(layout: &Layout) -> Result<Option<u64>, PathError> {
    let database = layout.database();
    if !durable::exists(&database)? {
        return Ok(None);
    }
    let log = std::fs::metadata(layout.at("var/lib/landfall/db/landfall.db-wal")).map_or(0, |log| log.len());
    Ok(Some(database.metadata().at("look at", &database)?.len() + log))
}

/// How the schema of `to` stands to that of `from`. A release that says nothing changes nothing.
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

/// Whether it is the program of `from` that has to bring the database to the schema of `to`.
pub(crate) fn is_way_back(from: &InstalledRelease, to: &InstalledRelease) -> bool {
    direction(from, to) == Ordering::Less
}

/// Tries the migrations on a copy of the live database. Says which schema it has, if it is not the one of `from`.
pub(crate) fn rehearse(
    host: &HostContext,
    from: &InstalledRelease,
    to: &InstalledRelease,
    may_lose: bool,
) -> anyhow::Result<Option<u32>> {
    let rehearsed = match direction(from, to) {
        Ordering::Equal => return Ok(None),
        Ordering::Greater => migrate(host, to, &["--rehearse"]),
        Ordering::Less => migrate(host, from, &["--rehearse", "--to", &schema(to)]),
    }
    .with_context(|| format!("the database cannot go from the schema of {} to that of {}", from.id(), to.id()));
    match rehearsed {
        Err(error) if may_lose && is_way_back(from, to) => {
            host.console.warn(format_args!("{error:#}; {} takes up the one from before", to.id()));
            Ok(None)
        }
        rehearsed => Ok(rehearsed?.schema().filter(|found| from.database.is_some_and(|own| own.schema != *found))),
    }
}

/// Tries on a copy what a first release will do to a database that an uninstallation left. Says which schema it has, if it is to
/// have another one.
pub(crate) fn rehearse_first(host: &HostContext, release: &InstalledRelease) -> anyhow::Result<Option<u32>> {
    if release.database.is_none() {
        return Ok(None);
    }
    let rehearsed = migrate(host, release, &["--rehearse"])
        .with_context(|| format!("{} cannot take up the database that is here from before", release.id()))?;
    let found = rehearsed.schema().filter(|found| *found != rehearsed.to);
    if let Some(found) = found {
        let to = rehearsed.to;
        host.console.say(format_args!("the database that is here from before goes from schema {found} to {to}"));
    }
    Ok(found)
}

/// Brings the database from the schema of `from` to that of `to`, as far as the start of a service does not.
///
/// Where the newer program cannot go back, the older one takes up the snapshot from before, and sets the rows that came later
/// aside in a file of their own; only if that `may_lose` them from sight.
pub(crate) fn follow(
    host: &HostContext,
    from: &InstalledRelease,
    to: &InstalledRelease,
    may_lose: bool,
) -> anyhow::Result<()> {
    match direction(from, to) {
        Ordering::Equal => Ok(()),
        Ordering::Greater if host.units.is_some() => Ok(()),
        Ordering::Greater => migrate(host, to, &[]).map(drop),
        Ordering::Less => {
            stop(host)?;
            let Err(error) = migrate(host, from, &["--to", &schema(to)]) else { return Ok(()) };
            // Somebody who writes to it now would go on writing to what is set aside.
            if !may_lose || says(&error, &[IN_USE]) {
                return Err(error);
            }
            let done = migrate(host, to, &["--restore"]).with_context(|| format!("{error:#}"))?;
            warn_of_aside(host, &done, from, &format!(" ({error:#})"));
            Ok(())
        }
    }
}

/// Brings the database back to what `source` had, when the transition from it is taken back.
///
/// A way back across a schema has dropped what only the newer one holds: the file from before it comes back, and not the rows alone.
pub(crate) fn take_back(host: &HostContext, transition: &Transition, source: &InstalledRelease) -> anyhow::Result<()> {
    let target = transition.target();
    if transition.may_restore_snapshot {
        // First: a database that was migrated forward again would be set aside under a name that looks like one to reclaim.
        reclaim(host, source, &transition.asides)?;
    }
    // Otherwise nothing was migrated, and what has the snapshot's name is older.
    if is_way_back(source, target) && transition.schema_before.is_none() {
        put_back(host, source, target)?;
    }
    follow(host, target, source, true)
}

/// Puts the database that `target` has migrated away from in its place again. Where that was not begun, nothing is done.
fn put_back(host: &HostContext, source: &InstalledRelease, target: &InstalledRelease) -> anyhow::Result<()> {
    stop(host)?;
    match migrate(host, source, &["--restore"]) {
        Ok(done) => warn_of_aside(host, &done, target, ""),
        Err(error) if says(&error, &NO_SNAPSHOT) => host
            .console
            .warn(format_args!("what only {} can keep in the database does not come back: {error:#}", source.id())),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Brings a database that an uninstallation had left back to its `schema`, when the installation over it is taken back. Otherwise the
/// release that wrote it could not take it up again.
pub(crate) fn hand_back(host: &HostContext, release: &InstalledRelease, schema: u32) -> anyhow::Result<()> {
    // Its folder goes after this was done.
    if !durable::exists(&program(host, release))? {
        return Ok(());
    }
    let schema = schema.to_string();
    let Err(error) = migrate(host, release, &["--to", &schema]) else { return Ok(()) };
    if says(&error, &[IN_USE]) {
        return Err(error);
    }
    match migrate(host, release, &["--restore", "--to", &schema]).with_context(|| format!("{error:#}")) {
        Ok(done) => warn_of_aside(host, &done, release, &format!(" ({error:#})")),
        Err(again) if says(&again, &NO_SNAPSHOT) => host.console.warn(format_args!(
            "the database stays as {} has migrated it, and a release with schema {schema} cannot open it: {again:#}",
            release.id()
        )),
        Err(again) => return Err(again),
    }
    Ok(())
}

fn warn_of_aside(host: &HostContext, done: &Done, release: &InstalledRelease, why: &str) {
    if let Some(aside) = &done.aside {
        host.console.warn(format_args!(
            "the database is the one from before {}; what was written since is in {aside}{why}",
            release.id()
        ));
    }
}

fn stop(host: &HostContext) -> anyhow::Result<()> {
    if let Some(units) = host.units.as_deref() {
        units.stop(&UnitName::LANDFALL)?;
    }
    Ok(())
}

/// The databases that were set aside, by the names of their files.
pub(crate) fn asides(layout: &Layout) -> Result<Vec<String>, PathError> {
    let folder = layout.database_folder();
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.at("read the folder", &folder)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.at("read the folder", &folder)?.file_name();
        names.extend(name.to_str().filter(|name| name.starts_with(ASIDE)).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Puts the database back that a way back which is now taken back has set aside: the one of the release's schema that is not among
/// those `known` before.
fn reclaim(host: &HostContext, release: &InstalledRelease, known: &[String]) -> anyhow::Result<()> {
    let own = format!("{ASIDE}schema-{}", schema(release));
    let is_own = |name: &String| name.strip_prefix(&own).is_some_and(|more| more.is_empty() || more.starts_with('.'));
    for name in asides(&host.layout)?.iter().filter(|name| is_own(name) && !known.contains(name)) {
        stop(host)?;
        migrate(host, release, &["--reclaim", name])?;
    }
    Ok(())
}

fn schema(release: &InstalledRelease) -> String {
    release.database.map_or(0, |database| database.schema).to_string()
}

impl Done {
    /// The schema that the database had, if there was one.
    fn schema(&self) -> Option<u32> {
        Some(self.from).filter(|schema| *schema > 0)
    }
}

/// Whether `landfall migrate` failed with one of these words.
fn says(error: &anyhow::Error, words: &[&str]) -> bool {
    error.downcast_ref::<Failure>().is_some_and(|failure| words.contains(&failure.code()))
}

fn program(host: &HostContext, release: &InstalledRelease) -> PathBuf {
    host.layout.release(&release.id()).join(PROGRAM)
}

/// Runs `landfall migrate` of a release, where there is a database.
fn migrate(host: &HostContext, release: &InstalledRelease, words: &[&str]) -> anyhow::Result<Done> {
    if !durable::exists(&host.layout.database())? {
        return Ok(Done::default());
    }
    let root = host.layout.at("");
    let migrate =
        Subprocess::new(program(host, release)).args(["--root".as_ref(), root.as_os_str()]).args(["--json", "migrate"]);
    let answer = migrate.args(words).timeout(LIMIT).output_limit(ANSWER_BYTES).run()?;
    if answer.code == 0 {
        return serde_json::from_slice(&answer.stdout)
            .with_context(|| format!("what `landfall migrate` of {} answers does not parse", release.id()));
    }
    let (code, said) = answer.error();
    let command = [&["landfall", "migrate"], words].concat().join(" ");
    let message = format!("`{command}` of {} ends with {}: {said}", release.id(), answer.code);
    let told_apart = |word: &&str| code.as_deref() == Some(*word);
    let code = [IN_USE].into_iter().chain(NO_SNAPSHOT).find(told_apart).unwrap_or("migration");
    Err(Failure::new(Exit::Unfit, code, message).into())
}
