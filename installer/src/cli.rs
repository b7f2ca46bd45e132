use crate::commands::{
    config, install, inventory, plan, receipts, recover, rollback, sbom, status, trust, uninstall, update, verify,
};
use crate::errors::Error;
use crate::host_context::HostArgs;
use clap::{Parser, Subcommand};
use landfall_console::{Console, Extras, Failure, Flags};

const EXAMPLES: &str = "\
Examples:
  landfall-installer verify /media/stick/acme-1.0.0-linux-amd64.landfall.tar --trust acme.pub
  landfall-installer verify /media/disc/acme-1.0.0-linux-amd64.landfall.tar.part001 --request request.json
  landfall-installer plan FILE --trust acme.pub
  landfall-installer install FILE --trust acme.pub --set api.port=8080
  landfall-installer update FILE.part001 --parts /media/second --patch PATCH
  landfall-installer rollback
  landfall-installer config set tenants.memory=2GiB
  landfall-installer trust import /media/stick/trust
  landfall-installer receipts --verify
  landfall-installer inventory > host.json

Exit codes: 0 done, 1 unexpected, 2 usage, 3 damaged, 4 not trusted, 5 refused by policy, 6 the host is not fit,
7 the update failed and the release from before runs again, 8 another operation is running, or an interrupted one cannot be settled";

/// Verifies a bundle and lands it on a host without a network.
#[derive(Debug, Parser)]
#[command(name = "landfall-installer", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    host_args: HostArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(verify::Args),
    Plan(plan::Args),
    Install(install::Args),
    Update(update::Args),
    Rollback(rollback::Args),
    Status(status::Args),
    Sbom(sbom::Args),
    Config(config::Args),
    Trust(trust::Args),
    Receipts(receipts::Args),
    Inventory(inventory::Args),
    Recover(recover::Args),
    Uninstall(uninstall::Args),
    #[command(flatten)]
    Extras(Extras),
}

impl Cli {
    pub(crate) fn flags(&self) -> Flags {
        self.flags
    }

    /// Runs the command.
    ///
    /// # Errors
    /// What the program prints and exits with.
    pub(crate) fn run(self, console: Console) -> Result<(), Failure> {
        let host = &self.host_args;
        let done = match &self.command {
            Command::Verify(args) => verify::run(args, host, console),
            Command::Plan(args) => plan::run(args, host, console),
            Command::Install(args) => install::run(args, host, console),
            Command::Update(args) => update::run(args, host, console),
            Command::Rollback(args) => rollback::run(args, host, console),
            Command::Status(args) => status::run(args, host, console),
            Command::Sbom(args) => sbom::run(args, host, console),
            Command::Config(args) => config::run(args, host, console),
            Command::Trust(args) => trust::run(args, host, console),
            Command::Receipts(args) => receipts::run(args, host, console),
            Command::Inventory(args) => inventory::run(args, host, console),
            Command::Recover(args) => recover::run(args, host, console),
            Command::Uninstall(args) => uninstall::run(args, host, console),
            Command::Extras(extras) => extras.run::<Self>(&console).map_err(Error::Output),
        };
        done.map_err(Error::into_failure)
    }
}
