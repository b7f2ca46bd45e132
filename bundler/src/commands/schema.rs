use crate::definition::SCHEMA;
use crate::error::Result;
use landfall_console::Console;

/// Print the JSON schema of definitions, by which editors check and complete them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Taplo, and with it Even Better TOML of VS Code, take it from the first line of a definition: `init` writes both. It needs no network. A value \
with a variable in it, such as \"${VERSION}\", is taken as it is: `lint` judges what it stands for.

Examples:
  landfall-bundler schema > landfall-bundler.schema.json     # and in the definition: #:schema ./landfall-bundler.schema.json")]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, console: Console) -> Result<()> {
    console.raw(SCHEMA.as_bytes())
}
