use crate::host::Host;
use crate::log;
use crate::store::{LATEST, Store};
use landfall_console::{Console, Exit, Failure};
use serde::Serialize;

#[derive(Serialize)]
struct Migrated {
    database: String,
    from: u32,
    to: u32,
}

pub(super) fn run(host: &Host, console: Console) -> anyhow::Result<()> {
    let path = host.database();
    let opened = Store::open(&path);
    let (_, from) = opened.map_err(|error| Failure::new(Exit::Unfit, "database", log::chain(&error)))?;
    let migrated = Migrated { database: path.display().to_string(), from, to: LATEST };
    let text = if from == LATEST {
        format!("{} has schema {LATEST} already", migrated.database)
    } else {
        format!("{} has schema {LATEST} now; it had {from}", migrated.database)
    };
    console.result(&migrated, text)
}
