use super::rollback::Return;
use crate::host_context::{HostArgs, HostContext};
use crate::layout::Layout;
use crate::state::installed::Installed;
use crate::state::journal::{Journal, Operation, StepName, Transition};
use crate::state::tries::{self, Start, Tries};
use crate::state::{self, State};
use crate::{database, removal, steps};
use anyhow::Context as _;
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

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> anyhow::Result<()> {
    let layout = host_args.layout()?;
    if args.before_start {
        return before_start(&layout, console);
    }
    let state = State::open(&layout)?;
    let journal = Journal::read(&layout)?;
    let (operation, outcome) = match (state, journal) {
        (Some(state), Some(journal)) => {
            let mut host = host_args.recorded_context(&journal.host, console)?;
            host.detached = true;
            (journal.operation.name(), settle(&host, &journal, state)?)
        }
        (Some(state), None) if has_had_its_tries(host_args, &layout, console)? => {
            ("update", go_back(host_args, &layout, state, console)?)
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
fn settle(host: &HostContext, journal: &Journal, state: State) -> anyhow::Result<&'static str> {
    host.console.detail(format_args!("settling with engine {}", host.environment.engine));
    match &journal.operation {
        // A release that has proven itself was only never recorded, because its installer was killed.
        Operation::Transition(transition) if transition.is_committed() || is_proven(&host.layout, transition) => {
            steps::finish(host, transition)?;
            state.end()?;
            Ok("finished")
        }
        Operation::Transition(transition) => {
            steps::undo(host, transition, state)?;
            Ok("undone")
        }
        Operation::Uninstall(uninstallation) => {
            removal::run(host, uninstallation, state)?;
            Ok("finished")
        }
    }
}

fn is_proven(layout: &Layout, transition: &Transition) -> bool {
    let target = transition.target().id().to_string();
    let current = std::fs::read_link(layout.current()).ok();
    let is_current = current.as_ref().and_then(|link| link.file_name()) == Some(target.as_ref());
    // A first installation has nobody count it: what is proven is of an earlier stay.
    let is_counted = transition.before.is_some() && transition.has_begun(StepName::Switch);
    is_counted && is_current && tries::has_proven(layout, &target)
}

/// Whether the release that runs has to give way: no try is left, or systemd does not try any longer, because the release does
/// not understand its settings, which nobody has changed since it came.
fn has_had_its_tries(host_args: &HostArgs, layout: &Layout, console: Console) -> anyhow::Result<bool> {
    let (Some(tries), Some(installed)) = (Tries::counting(layout)?, Installed::read(layout)?) else { return Ok(false) };
    has_to_give_way(&host_args.recorded_context(&installed.host, console)?, &tries)
}

fn has_to_give_way(host: &HostContext, tries: &Tries) -> anyhow::Result<bool> {
    let is_down = match host.units.as_deref() {
        Some(units) => units.status(&UnitName::LANDFALL)?.is_down_for_good(),
        None => false,
    };
    if is_down && !tries.spent && !tries.settings_are_untouched(&host.layout) {
        host.console.warn(format_args!(
            "{} is down for good, and {} was changed since its release came: correct that, then start it again",
            UnitName::LANDFALL,
            host.layout.settings().display()
        ));
        return Ok(false);
    }
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

/// The last release of those with a lower serial takes the place of one that cannot stay up. Where there is none that can, the
/// host goes on trying: that is all it can do. What stood in the way today need not do so at the next start, which tries again.
fn go_back(host_args: &HostArgs, layout: &Layout, state: State, console: Console) -> anyhow::Result<&'static str> {
    let installed = Installed::read(layout)?;
    let target = installed.as_ref().and_then(Installed::earlier).cloned();
    let (Some(before), Some(target)) = (installed, target) else {
        Tries::disarm(layout)?;
        return Ok("kept: there is no release to go back to");
    };
    if !database::is_lossless(&before.current, &target) {
        Tries::disarm(layout)?;
        return Ok("kept: its database cannot go back without loss");
    }
    let mut host = host_args.recorded_context(&before.host, console)?;
    host.detached = true;
    // A release that cannot bring its database back itself is left all the same, with what it wrote set aside, and said so.
    let planned = Return::prepare(&host, before, target, true)
        .context("the release ended again and again, and the one before it cannot take its place")?;
    planned.carry_out(&host, Some(state))?;
    Ok("taken back, because its release ended again and again")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use landfall_systemd::FakeUnitManager;

    #[test]
    fn a_release_is_not_to_blame_for_settings_that_were_changed_since_it_came() {
        let folder = tempfile::tempdir().unwrap();
        let mut host = HostContext::fake(folder.path(), None);
        let (units, settings) = (FakeUnitManager::new(), host.layout.settings());
        units.kill(UnitName::LANDFALL);
        host.units = Some(Box::new(units));
        for path in [host.layout.state(), host.layout.at("etc/landfall")] {
            std::fs::create_dir_all(path).unwrap();
        }
        std::fs::write(&settings, "pool = \"10.213.0.0/16\"\n").unwrap();
        Tries::arm(&host.layout, &"1.1.0-2".parse().unwrap()).unwrap();
        let tries = Tries::read(&host.layout).unwrap().unwrap();
        assert!(has_to_give_way(&host, &tries).unwrap());
        std::fs::write(&settings, "pool = \"10.213.0.0/36\"\n").unwrap();
        assert!(!has_to_give_way(&host, &tries).unwrap());
        assert!(has_to_give_way(&host, &Tries { spent: true, ..tries }).unwrap(), "it had its tries before");
    }
}
