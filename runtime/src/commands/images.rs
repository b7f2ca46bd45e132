use super::error::CommandError;
use crate::store;
use landfall_console::Console;
use landfall_host::Layout;
use landfall_host::runtime_program::ImagesReport;

pub(super) fn run(layout: &Layout, console: Console) -> Result<(), CommandError> {
    let images = store::images(&layout.database()).map_err(CommandError::Images)?;
    let text = images.join("\n");
    console.result(&ImagesReport { images }, text)
}
