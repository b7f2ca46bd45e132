use crate::commands::{
    build, delta, diff, index, init, inspect, key, keygen, lint, media, repair, scan, schema, sign, split, trust,
    update, verify,
};
use crate::error::Result;
use clap::{Parser, Subcommand};
use landfall_console::{Console, Extras, Failure, Flags};

/// Packs container images and files into one signed file for hosts without a network.
#[derive(Debug, Parser)]
#[command(name = "landfall-bundler", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  landfall-bundler init
  landfall-bundler build acme.toml --key acme.key
  landfall-bundler verify acme-1.0.0-linux-amd64.landfall.tar --trust acme.pub

Exit codes: 0 done, 1 unexpected, 2 usage or definition, 3 damaged, 4 not trusted, 5 not allowed, 6 this machine is not fit";

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Keygen(keygen::Args),
    Key(key::Args),
    Build(build::Args),
    Update(update::Args),
    Lint(lint::Args),
    Schema(schema::Args),
    Inspect(inspect::Args),
    Verify(verify::Args),
    Sign(sign::Args),
    Diff(diff::Args),
    Scan(scan::Args),
    Split(split::Args),
    Delta(delta::Args),
    Index(index::Args),
    Repair(repair::Args),
    Media(media::Args),
    Trust(trust::Args),
    #[command(flatten)]
    Extras(Extras),
}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self, console: Console) -> Result<(), Failure> {
        let done: Result<()> = match self.command {
            Command::Init(args) => init::run(&args, console),
            Command::Keygen(args) => keygen::run(&args, console),
            Command::Key(args) => key::run(&args, console),
            Command::Build(args) => build::run(&args, console),
            Command::Update(args) => update::run(&args, console),
            // It prints its result although it fails.
            Command::Lint(args) => return lint::run(&args, console),
            Command::Schema(args) => schema::run(&args, console),
            Command::Inspect(args) => inspect::run(&args, console),
            Command::Verify(args) => verify::run(&args, console),
            Command::Sign(args) => sign::run(&args, console),
            Command::Diff(args) => diff::run(&args, console),
            // It prints its result although it fails.
            Command::Scan(args) => return scan::run(&args, console),
            Command::Split(args) => split::run(&args, console),
            Command::Delta(args) => delta::run(&args, console),
            Command::Index(args) => index::run(&args, console),
            Command::Repair(args) => repair::run(&args, console),
            Command::Media(args) => media::run(&args, console),
            Command::Trust(args) => trust::run(&args, console),
            Command::Extras(extras) => extras.run::<Self>(&console).map_err(Into::into),
        };
        done.map_err(Failure::from)
    }
}
