use crate::installed::Surroundings;
use crate::journal::{Journal, Operation};
use crate::site::{HostArgs, Site};
use crate::state::{self, State};
use crate::{removal, steps};
use landfall_console::Console;
use serde::Serialize;

/// Settle an installation or uninstallation that was interrupted
///
/// A first installation that was not complete is undone, one that was is finished; an uninstallation is finished. Runs by
/// itself when the host starts, and can be run at any time.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Report<'a> {
    changed: bool,
    /// What was interrupted.
    operation: Option<&'a str>,
    /// `finished` or `undone`.
    outcome: Option<&'a str>,
}

pub(crate) fn run(_: &Args, host: &HostArgs, console: Console) -> anyhow::Result<()> {
    let layout = host.layout()?;
    let state = State::open(&layout)?;
    let journal = Journal::read(&layout)?;
    let (Some(state), Some(journal)) = (state, journal) else {
        let changed = state::sweep(&layout)?;
        let report = Report { changed, operation: None, outcome: None };
        return console.result(&report, "nothing was interrupted: there is nothing to settle");
    };
    let site = host.recorded_site(&journal.host, console)?;
    let (operation, outcome) = (journal.operation.name(), settle(&site, &journal, state)?);
    let report = Report { changed: true, operation: Some(operation), outcome: Some(outcome) };
    console.result(&report, format!("the interrupted {operation} was {outcome}"))
}

/// Commit or revert, never in between.
fn settle(site: &Site, journal: &Journal, state: State) -> anyhow::Result<&'static str> {
    let Surroundings { engine, .. } = &site.surroundings;
    site.console.detail(format_args!("settling with engine {engine}"));
    match &journal.operation {
        Operation::Install(installation) if installation.is_committed() => {
            steps::finish(&site.layout, installation)?;
            state.end()?;
            Ok("finished")
        }
        Operation::Install(installation) => {
            steps::undo(site, installation, state)?;
            Ok("undone")
        }
        Operation::Uninstall(uninstallation) => {
            removal::run(site, uninstallation, state)?;
            Ok("finished")
        }
    }
}
