use super::rollback::Return;
use crate::installed::Installed;
use crate::journal::{Journal, Operation, StepName, Transition};
use crate::layout::Layout;
use crate::site::{HostArgs, Site};
use crate::state::{self, State};
use crate::tries::{self, Start, Tries};
use crate::{database, removal, steps};
use landfall_console::Console;
use landfall_systemd::{Systemctl, UnitManager as _, UnitName};
use serde::Serialize;

/// Settle an installation, update, rollback or uninstallation that was interrupted
///
/// What was committed is finished; what was not is undone, so that the host runs what it ran before. An uninstallation is
/// finished. A release that ended again and again since its switch gives way to the one before it. Runs by itself when the
/// host starts, and can be run at any time.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Count a start of the service that is about to happen: what landfall.service asks for
    #[arg(long, hide = true)]
    before_start: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    changed: bool,
    /// What was interrupted.
    operation: Option<&'a str>,
    /// `finished` or `undone`.
    outcome: Option<&'a str>,
}

pub(crate) fn run(args: &Args, host: &HostArgs, console: Console) -> anyhow::Result<()> {
    let layout = host.layout()?;
    if args.before_start {
        return before_start(&layout, console);
    }
    let state = State::open(&layout)?;
    let journal = Journal::read(&layout)?;
    let (operation, outcome) = match (state, journal) {
        (Some(state), Some(journal)) => {
            let mut site = host.recorded_site(&journal.host, console)?;
            site.detached = true;
            (journal.operation.name(), settle(&site, &journal, state)?)
        }
        (Some(state), None) if has_had_its_tries(host, &layout, console)? => {
            ("update", go_back(host, &layout, state, console)?)
        }
        _ => {
            let report = Report { changed: state::sweep(&layout)?, operation: None, outcome: None };
            return console.result(&report, "nothing was interrupted: there is nothing to settle");
        }
    };
    let report = Report { changed: true, operation: Some(operation), outcome: Some(outcome) };
    console.result(&report, format!("the interrupted {operation} was {outcome}"))
}

/// Commit or revert, never in between.
fn settle(site: &Site, journal: &Journal, state: State) -> anyhow::Result<&'static str> {
    site.console.detail(format_args!("settling with engine {}", site.surroundings.engine));
    match &journal.operation {
        // A release that has proven itself was only never recorded, because its installer was killed.
        Operation::Transition(transition) if transition.is_committed() || is_proven(&site.layout, transition) => {
            steps::finish(site, transition)?;
            state.end()?;
            Ok("finished")
        }
        Operation::Transition(transition) => {
            steps::undo(site, transition, state)?;
            Ok("undone")
        }
        Operation::Uninstall(uninstallation) => {
            removal::run(site, uninstallation, state)?;
            Ok("finished")
        }
    }
}

fn is_proven(layout: &Layout, transition: &Transition) -> bool {
    let target = transition.target().id().to_string();
    let current = std::fs::read_link(layout.current()).ok();
    let is_current = current.as_ref().and_then(|link| link.file_name()) == Some(target.as_ref());
    transition.has_begun(StepName::Switch) && is_current && tries::has_proven(layout, &target)
}

/// Whether the release that runs has to give way: no try is left, or systemd does not try any longer, because the release does
/// not understand its settings.
fn has_had_its_tries(host: &HostArgs, layout: &Layout, console: Console) -> anyhow::Result<bool> {
    let (Some(tries), Some(installed)) = (Tries::counting(layout)?, Installed::read(layout)?) else { return Ok(false) };
    let site = host.recorded_site(&installed.host, console)?;
    let is_down = match site.units.as_deref() {
        Some(units) => units.status(&UnitName::LANDFALL)?.is_down_for_good(),
        None => false,
    };
    Ok(tries.spent || is_down)
}

/// Lowers the counter of a release that has not proven itself. One that has had its tries is left to recovery, which the
/// start that asked does not wait for: it could not.
fn before_start(layout: &Layout, console: Console) -> anyhow::Result<()> {
    if tries::count_start(layout)? == Start::Exhausted {
        console.warn("this release has ended again and again: going back to the one before it");
        if layout.is_running_system() {
            Systemctl::new().start_detached(&UnitName::RECOVER)?;
        }
    }
    Ok(())
}

/// The release that was there before takes the place of one that cannot stay up. Where there is none that can, the host goes
/// on trying: that is all it can do.
fn go_back(host: &HostArgs, layout: &Layout, state: State, console: Console) -> anyhow::Result<&'static str> {
    let installed = Installed::read(layout)?;
    let target = installed.as_ref().and_then(|installed| installed.kept.first()).cloned();
    let (Some(before), Some(target)) = (installed, target) else {
        Tries::disarm(layout)?;
        return Ok("kept: there is no release to go back to");
    };
    if !database::is_lossless(&before.current, &target) {
        Tries::disarm(layout)?;
        return Ok("kept: its database cannot go back without loss");
    }
    let mut site = host.recorded_site(&before.host, console)?;
    site.detached = true;
    // A release that cannot bring its database back itself is left all the same, with what it wrote set aside, and said so.
    match Return::prepare(&site, before, target, true) {
        Ok(planned) => planned.carry_out(&site, Some(state))?,
        Err(error) => {
            Tries::disarm(layout)?;
            return Err(error.context("the release ended again and again, and the one before it cannot take its place"));
        }
    }
    Ok("taken back, because its release ended again and again")
}
