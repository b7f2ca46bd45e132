//! The database follows the release. All SQL is the runtime's: the newer of two releases knows how to go forth and back, so
//! its program is asked to, on a copy, within a time.
//!
//! Forward, a service migrates when it starts. This module does what remains: the rehearsal, the way back, and both where no
//! service is started.

use crate::durable::{self, At as _, PathError};
use crate::installed::InstalledRelease;
use crate::layout::Layout;
use crate::policy::PROGRAM;
use crate::program::Program;
use crate::site::Site;
use anyhow::Context as _;
use landfall_console::{Exit, Failure};
use landfall_manifests::Database;
use landfall_systemd::UnitName;
use std::cmp::Ordering;
use std::io;
use std::time::Duration;

/// How long a migration may take: a database of a thousand tenants takes well under a second.
const LIMIT: Duration = Duration::from_mins(5);
/// How much of its answer is read, in bytes.
const ANSWER_BYTES: usize = 64 << 10;

/// How the runtime names what it sets aside.
const ASIDE: &str = "landfall.db.aside-";
/// The word of `landfall migrate` for a database that another process has open.
const IN_USE: &str = "database_in_use";

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

/// Tries the migrations on a copy of the live database.
pub(crate) fn rehearse(
    site: &Site,
    from: &InstalledRelease,
    to: &InstalledRelease,
    may_lose: bool,
) -> anyhow::Result<()> {
    match direction(from, to) {
        Ordering::Greater => migrate(site, to, &["--rehearse"]),
        Ordering::Less if is_lossless(from, to) || !may_lose => {
            migrate(site, from, &["--rehearse", "--to", &schema(to)])
        }
        _ => Ok(None),
    }
    .map(drop)
    .with_context(|| format!("the database cannot go from the schema of {} to that of {}", from.id(), to.id()))
}

/// Brings the database from the schema of `from` to that of `to`, as far as the start of a service does not.
///
/// Where the newer program cannot go back, the older one takes up the snapshot from before, and sets the rows that came later
/// aside in a file of their own; only if that `may_lose` them from sight.
pub(crate) fn follow(
    site: &Site,
    from: &InstalledRelease,
    to: &InstalledRelease,
    may_lose: bool,
) -> anyhow::Result<()> {
    match direction(from, to) {
        Ordering::Equal => Ok(()),
        Ordering::Greater if site.units.is_some() => Ok(()),
        Ordering::Greater => migrate(site, to, &[]).map(drop),
        Ordering::Less => {
            if let Some(units) = site.units.as_deref() {
                units.stop(&UnitName::LANDFALL)?;
            }
            let Err(error) = migrate(site, from, &["--to", &schema(to)]) else { return Ok(()) };
            // Somebody who writes to it now would go on writing to what is set aside.
            if !may_lose || error.downcast_ref::<Failure>().is_some_and(|failure| failure.code() == IN_USE) {
                return Err(error);
            }
            let aside = migrate(site, to, &["--restore"]).with_context(|| format!("{error:#}"))?;
            if let Some(aside) = aside {
                site.console.warn(format_args!(
                    "the database is the one from before {}; what was written since is in {aside} ({error:#})",
                    from.id()
                ));
            }
            Ok(())
        }
    }
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

/// Puts the database back that a way back which is now taken back has set aside: the one that is not among those `known` before.
pub(crate) fn reclaim(site: &Site, release: &InstalledRelease, known: &[String]) -> anyhow::Result<()> {
    for name in asides(&site.layout)?.iter().filter(|name| !known.contains(name)) {
        if let Some(units) = site.units.as_deref() {
            units.stop(&UnitName::LANDFALL)?;
        }
        migrate(site, release, &["--reclaim", name])?;
    }
    Ok(())
}

fn schema(release: &InstalledRelease) -> String {
    release.database.map_or(0, |database| database.schema).to_string()
}

/// Runs `landfall migrate` of a release, where there is a database. Says which file was set aside, if one was.
fn migrate(site: &Site, release: &InstalledRelease, words: &[&str]) -> anyhow::Result<Option<String>> {
    if !durable::exists(&site.layout.database())? {
        return Ok(None);
    }
    let root = site.layout.at("");
    let program = site.layout.release(&release.id()).join(PROGRAM);
    let migrate = Program::new(&program).args(["--root".as_ref(), root.as_os_str()]).args(["--json", "migrate"]);
    let answer = migrate.args(words).limit(LIMIT).output_limit(ANSWER_BYTES).run()?;
    if answer.code == 0 {
        let migrated: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap_or_default();
        return Ok(migrated.get("aside").and_then(serde_json::Value::as_str).map(str::to_owned));
    }
    let (code, said) = answer.error();
    let command = [&["landfall", "migrate"], words].concat().join(" ");
    let message = format!("`{command}` of {} ends with {}: {said}", release.id(), answer.code);
    let code = if code.as_deref() == Some(IN_USE) { IN_USE } else { "migration" };
    Err(Failure::new(Exit::Unfit, code, message).into())
}
