use super::error::CommandError;
use super::refuse_lost_database;
use crate::store::{self, Migrated, Migrations, Store, StoreError};
use landfall_console::Console;
use landfall_host::Layout;
use landfall_host::runtime_program::MigrateReport;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Migrate the database to the schema of this release, or back; repeating it changes nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The service must be stopped, except for --rehearse. The work is done on a copy: at any moment, the database is the old or the new \
one. The old one is kept beside it, as landfall.db.schema-N.

Examples:
  landfall migrate
  landfall migrate --to 1
  landfall migrate --rehearse --json
  landfall migrate --restore --to 1
  landfall migrate --reclaim landfall.db.aside-schema-2")]
pub(super) struct Args {
    /// The schema to migrate to, instead of the latest
    #[arg(long, value_name = "SCHEMA", value_parser = schema)]
    to: Option<u32>,
    /// Try it on a copy, also while the service runs, and check that migrating back loses nothing
    #[arg(long)]
    rehearse: bool,
    /// Set the database aside, and restore the snapshot with this release's schema, or with the one of --to
    #[arg(long, conflicts_with = "rehearse")]
    restore: bool,
    /// Take a --restore back: use the database that it set aside, which this release wrote. A name, or a path in its folder
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "rehearse", "restore"])]
    reclaim: Option<PathBuf>,
}

/// Parses the number of a schema.
fn schema(text: &str) -> Result<u32, &'static str> {
    text.parse().ok().filter(|schema| *schema > 0).ok_or("a schema is known by its number, from 1")
}

impl Args {
    pub(super) fn run(&self, layout: &Layout, console: Console, migrations: &Migrations) -> Result<(), CommandError> {
        // It creates a database where there is none, as the service does.
        if self.reclaim.is_none() && !self.restore && !self.rehearse && self.to.is_none() {
            refuse_lost_database(layout)?;
        }
        let path = layout.database();
        let done = self.migrate(&path, migrations).map_err(CommandError::Migrate)?;
        let text = self.text(&path, &done);
        let Migrated { from, to, snapshot, set_aside: aside } = done;
        console.result(&MigrateReport { database: path, from, to, snapshot, aside }, text)
    }

    fn migrate(&self, path: &Path, migrations: &Migrations) -> Result<Migrated, StoreError> {
        let latest = migrations.latest();
        if let Some(file) = &self.reclaim {
            return store::reclaim(path, migrations, file);
        }
        match self.to {
            to if self.restore => store::restore(path, migrations, to.unwrap_or(latest)),
            to if self.rehearse => store::rehearse(path, migrations, to.unwrap_or(latest)),
            Some(to) => store::migrate(path, migrations, to),
            // As the service starts: in contrast to `migrate`, this creates a database where there is none.
            None => Store::open(path, migrations).map(|(_, migrated)| migrated),
        }
    }

    fn text(&self, path: &Path, done: &Migrated) -> String {
        let (path, Migrated { from, to, .. }) = (path.display(), done);
        let mut text = match (from, to) {
            (0, 0) => format!("there is no database at {path}: nothing to do"),
            _ if from == to && done.set_aside.is_none() => format!("{path} has schema {to} already"),
            _ if self.reclaim.is_some() => format!("{path} is the database that was set aside, with schema {to}"),
            _ if self.rehearse => format!("{path} has schema {from}, and can be migrated to {to}"),
            _ => format!("{path} has schema {to} now; it had {from}"),
        };
        for (what, kept) in
            [("the database as it was", &done.snapshot), ("the database that it replaced", &done.set_aside)]
        {
            if let Some(kept) = kept {
                // Writing to a string cannot fail.
                let _ = write!(text, "\n{what} is kept as {}", kept.display());
            }
        }
        text
    }
}
