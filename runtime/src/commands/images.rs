use crate::host::Host;
use crate::{log, store};
use landfall_console::{Console, Exit, Failure};
use serde::Serialize;

#[derive(Serialize)]
struct Needed {
    images: Vec<String>,
}

pub(super) fn run(host: &Host, console: Console) -> anyhow::Result<()> {
    let images = store::images(&host.database());
    let images = images.map_err(|error| Failure::new(Exit::Unfit, "database", log::chain(&error)))?;
    let text = images.join("\n");
    console.result(&Needed { images }, text)
}
