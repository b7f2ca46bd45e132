use crate::service::log;
use crate::store;
use landfall_console::{Console, Exit, Failure};
use landfall_host::Layout;
use serde::Serialize;

#[derive(Serialize)]
struct Needed {
    images: Vec<String>,
}

pub(super) fn run(layout: &Layout, console: Console) -> anyhow::Result<()> {
    let images = store::images(&layout.database());
    let images = images.map_err(|error| Failure::new(Exit::Unfit, "database", log::chain(&error)))?;
    let text = images.join("\n");
    console.result(&Needed { images }, text)
}
