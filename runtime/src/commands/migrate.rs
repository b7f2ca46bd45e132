use crate::service::log;
use crate::store::{self, Migrated, Migrations, Store, StoreError};
use landfall_console::{Console, Exit, Failure};
use landfall_host::Layout;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Bring the database to the schema of this release, or back; running it again changes nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The service must be stopped, except for --rehearse. The work is done on a copy: the database is the old or the new one at any \
moment. What it was stays beside it, as landfall.db.schema-N.

Examples:
  landfall migrate
  landfall migrate --to 1
  landfall migrate --rehearse --json
  landfall migrate --restore --to 1
  landfall migrate --reclaim landfall.db.aside-schema-2")]
pub(super) struct Args {
    /// The schema to bring the database to, in place of the latest
    #[arg(long, value_name = "SCHEMA", value_parser = clap::value_parser!(u32).range(1..))]
    to: Option<u32>,
    /// Try it on a copy, also while the service runs, and see whether the way back brings everything back
    #[arg(long)]
    rehearse: bool,
    /// Set the database aside and put the snapshot with this release's schema in its place, or with the one of --to
    #[arg(long, conflicts_with = "rehearse")]
    restore: bool,
    /// Put a database that --restore set aside, and this release wrote, in its place again: a name, or a path in its folder
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "rehearse", "restore"])]
    reclaim: Option<PathBuf>,
}

#[derive(Serialize)]
struct Shown<'a> {
    database: &'a Path,
    from: u32,
    to: u32,
    snapshot: Option<PathBuf>,
    aside: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(&self, layout: &Layout, console: Console, migrations: &Migrations) -> anyhow::Result<()> {
        let path = layout.database();
        let done = self.done(&path, migrations).map_err(|error| refusal(&error))?;
        let text = self.text(&path, &done);
        let Migrated { from, to, snapshot, set_aside: aside } = done;
        console.result(&Shown { database: &path, from, to, snapshot, aside }, text)
    }

    fn done(&self, path: &Path, migrations: &Migrations) -> Result<Migrated, StoreError> {
        let latest = migrations.latest();
        if let Some(file) = &self.reclaim {
            return store::reclaim(path, migrations, file);
        }
        match self.to {
            to if self.restore => store::restore(path, migrations, to.unwrap_or(latest)),
            to if self.rehearse => store::rehearse(path, migrations, to.unwrap_or(latest)),
            Some(to) => store::migrate(path, migrations, to),
            None => Store::open(path, migrations).map(|(_, migrated)| migrated),
        }
    }

    fn text(&self, path: &Path, done: &Migrated) -> String {
        let (path, Migrated { from, to, .. }) = (path.display(), done);
        let mut text = match (from, to) {
            (0, 0) => format!("there is no database at {path}: nothing to do"),
            _ if from == to && done.set_aside.is_none() => format!("{path} has schema {to} already"),
            _ if self.reclaim.is_some() => format!("{path} is the database that was set aside, with schema {to}"),
            _ if self.rehearse => format!("{path} has schema {from}, and can be brought to {to}"),
            _ => format!("{path} has schema {to} now; it had {from}"),
        };
        for (what, kept) in [("what it was", &done.snapshot), ("the database that gave way", &done.set_aside)] {
            if let Some(kept) = kept {
                // Writing to a string cannot fail.
                let _ = write!(text, "\n{what} is kept as {}", kept.display());
            }
        }
        text
    }
}

/// What a person can do about it.
fn refusal(error: &StoreError) -> Failure {
    let (exit, code, hint) = match error {
        error if error.is_full() => {
            (Exit::Unfit, "disk_full", "the database is as it was: free as many bytes as it has, and try again")
        }
        StoreError::InUse { .. } => (
            Exit::Unfit,
            "database_in_use",
            "stop the service (`systemctl stop landfall`), or let the other landfall command end",
        ),
        StoreError::Irreversible { .. } => (
            Exit::Unfit,
            "irreversible",
            "the older release's `landfall migrate --restore` sets this database aside and goes back to the snapshot",
        ),
        StoreError::Step { .. } | StoreError::Integrity { .. } => {
            (Exit::Unfit, "migration_failed", "the database is as it was: keep the older release, and report this")
        }
        StoreError::LosesContent { .. } => {
            (Exit::Unfit, "migration_loses", "the database is as it was: keep the older release, and report this")
        }
        StoreError::UnknownSchema { .. } => (Exit::Usage, "unknown_schema", "the release that writes it can do this"),
        StoreError::NoSnapshot { .. } => {
            (Exit::Unfit, "no_snapshot", "a snapshot is taken when a newer release migrates the database")
        }
        StoreError::NotSetAside { .. } => (
            Exit::Usage,
            "no_aside_name",
            "what --restore set aside is named landfall.db.aside-schema-N, or .N.2, .N.3",
        ),
        StoreError::SetAsideMissing { .. } => {
            (Exit::Unfit, "no_aside", "`landfall-installer status` lists what was set aside, and nothing removes it")
        }
        StoreError::WrongSchema { .. } => (Exit::Unfit, "wrong_schema", "run this with the release that wrote it"),
        StoreError::TooNew { .. } => (Exit::Unfit, "database_too_new", "run this with the release that wrote it"),
        _ => return Failure::new(Exit::Unfit, "database", log::chain(error)),
    };
    Failure::new(exit, code, log::chain(error)).hint(hint)
}
