//! `landfall-bundler trust`: who may sign releases, in files that people sign on their own machines. A file per command.

mod add;
mod init;
mod remove;
mod rotate;
mod show;
mod sign;

use crate::error::Result;
use crate::trust::{RootReport, TrustFolder};
use landfall_console::Console;
use landfall_keys::RootChanges;
use std::path::PathBuf;

/// Make, change and sign trust roots: which keys may sign releases, and how many of them must
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each change is a new version, N.root.json. Hosts follow from the version that they trust to the next one only if enough \
keys of both signed it, so a change takes effect on each host with the next bundle. It needs no network: each signer \
receives the folder and returns one signature file. `minisign -S` makes such a file as well.

Examples:
  landfall-bundler trust init --key anna.pub --key ben.pub --key cleo.pub --threshold 2
  landfall-bundler trust rotate 0123456789ABCDEF dora.pub --leaked
  landfall-bundler trust sign --key anna.key
  landfall-bundler trust show

Then name the folder in the definition, and hosts follow with the next bundle:
  [release]
  trust = \"trust\"

Exit codes: 0 done, 1 unexpected, 2 usage, 4 the folder holds roots that hosts would refuse, 6 cannot be written")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Init(init::Args),
    Add(add::Args),
    Remove(remove::Args),
    Rotate(rotate::Args),
    Sign(sign::Args),
    Show(show::Args),
}

/// The folder of the roots.
#[derive(Debug, clap::Args)]
struct DirArgs {
    /// The folder of the roots and their signatures
    #[arg(long, value_name = "DIR", default_value = "trust")]
    dir: PathBuf,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    match &args.command {
        Command::Init(args) => init::run(args, console),
        Command::Add(args) => add::run(args, console),
        Command::Remove(args) => remove::run(args, console),
        Command::Rotate(args) => rotate::run(args, console),
        Command::Sign(args) => sign::run(args, console),
        Command::Show(args) => show::run(args, console),
    }
}

/// Makes the next version of the folder's root, and shows it.
fn change(folder: &TrustFolder, changes: &RootChanges, console: Console) -> Result<()> {
    show(&folder.add_version(changes)?, console)
}

fn show(folder: &TrustFolder, console: Console) -> Result<()> {
    let report = RootReport::of(folder);
    console.result(&report, &report)
}
