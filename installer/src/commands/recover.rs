use crate::database;
use crate::errors::Error;
use crate::host_context::{Attendance, HostArgs, HostContext};
use crate::layout::Layout;
use crate::lock::LockError;
use crate::settings;
use crate::settlement::{self, Outcome};
use crate::state::installed::{HostEnvironment, Installed};
use crate::state::journal::Journal;
use crate::state::start_end::StartEnd;
use crate::state::tries::{self, Counted, Start, Tries};
use crate::state::{self, IdFault, State};
use crate::transition::rollback_plan::RollbackPlan;
use landfall_console::{Console, message_with_causes};
use landfall_host::Invocation;
use landfall_systemd::{Systemctl, UnitManager as _, UnitName};
use serde::Serialize;

/// Settle an installation, update, rollback or uninstallation that was interrupted
///
/// What was committed is finished; what was not is undone, so that the host runs what it ran before. An uninstallation is
/// finished. A release that ended again and again since its switch is replaced by the one before it. Runs by itself when the
/// host starts, and can be run at any time.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Count a start of the service that is about to happen: what landfall.service asks for
    #[arg(long, hide = true)]
    before_start: bool,
    /// Settle a start of the service that has ended: what landfall.service asks for
    #[arg(long, hide = true, conflicts_with = "before_start")]
    after_stop: bool,
}

#[derive(Serialize)]
struct Report {
    changed: bool,
    /// What was interrupted.
    operation: Option<&'static str>,
    outcome: Option<Outcome>,
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    if args.before_start {
        return before_start(&layout, console);
    }
    if args.after_stop {
        return after_stop(&layout, console);
    }
    // The lock before the journal: one that is read without it may be gone by the time it is acted upon.
    let state = match State::open(&layout) {
        // An installer at work starts landfall.service, and with it the unit that runs this: nothing is wrong.
        Err(LockError::Busy) if console.is_journal() => {
            let report = Report { changed: false, operation: None, outcome: None };
            return console
                .result(&report, "an operation is in progress, and settles what it leaves: there is nothing to do");
        }
        // A person is told, with exit code 8.
        other => other?,
    };
    let journal = Journal::read(&layout)?;
    let (operation, outcome) = match (state, journal) {
        (Some(state), Some(journal)) => {
            // The engine and service manager of the operation itself, from its journal: flags of this run must not send
            // the undo elsewhere.
            let host = unattended(host_args, &journal.host, console)?;
            restore_id_or_warn(&layout, console);
            (journal.operation.name(), settlement::settle(&host, &journal, state)?)
        }
        (Some(state), None) if is_exhausted(host_args, &layout, console)? => {
            ("update", revert(host_args, &layout, state, console)?)
        }
        _ => {
            // What a killed process left before it had a journal never counted.
            let has_partial = [state::remove_partial(&layout)?, settings::file::remove_partial(&layout)?];
            let id_fault = restore_id(&layout)?;
            let changed = has_partial.contains(&true) || id_fault.is_some();
            let text = match id_fault {
                Some(fault) => {
                    format!("nothing was interrupted; the installation's id, which {fault}, is written again")
                }
                None => "nothing was interrupted: there is nothing to settle".to_owned(),
            };
            return console.result(&Report { changed, operation: None, outcome: None }, text);
        }
    };
    let report = Report { changed: true, operation: Some(operation), outcome: Some(outcome) };
    console.result(&report, format!("the interrupted {operation} was {outcome}"))
}

/// Puts the installation's id back, if there is an installation.
fn restore_id(layout: &Layout) -> Result<Option<IdFault>, Error> {
    let Some(installed) = Installed::read(layout)? else { return Ok(None) };
    Ok(state::restore_installation_id(layout, &installed.installation)?)
}

/// The same beside an operation to settle, which must not wait for it.
fn restore_id_or_warn(layout: &Layout, console: Console) {
    match restore_id(layout) {
        Ok(None) => {}
        Ok(Some(fault)) => console.warn(format_args!("the installation's id, which {fault}, is written again")),
        Err(error) => {
            console
                .warn(format_args!("the installation's id cannot be written again: {}", message_with_causes(&error)));
        }
    }
}

/// The host as it was recorded, with nobody to wait for services or to be asked.
fn unattended(host_args: &HostArgs, recorded: &HostEnvironment, console: Console) -> Result<HostContext, Error> {
    let mut host = host_args.recorded_context(recorded, console)?;
    host.attendance = Attendance::Unattended;
    Ok(host)
}

/// Whether the release that runs has to be replaced: no start is left, or systemd does not start it any longer, because it does
/// not understand its settings, which nobody has changed since it came.
fn is_exhausted(host_args: &HostArgs, layout: &Layout, console: Console) -> Result<bool, Error> {
    let (Some(tries), Some(installed)) = (Tries::counting(layout)?, Installed::read(layout)?) else { return Ok(false) };
    has_to_be_replaced(&host_args.recorded_context(&installed.host, console)?, &tries)
}

fn has_to_be_replaced(host: &HostContext, tries: &Tries) -> Result<bool, Error> {
    let is_down = match host.units.as_deref() {
        Some(units) => units.status(&UnitName::LANDFALL)?.is_down_for_good(),
        None => false,
    };
    if is_down && !tries.exhausted && !tries.settings_are_untouched(&host.layout) {
        host.console.warn(format_args!(
            "{} is down for good, and {} was changed since its release came: correct that, then start it again",
            UnitName::LANDFALL,
            host.layout.settings().display()
        ));
        return Ok(false);
    }
    Ok(tries.exhausted || is_down)
}

/// Writes down that a release that is not marked good is started. Recovery replaces one that has no start left; the start that asked
/// does not wait for that, since recovery stops it.
fn before_start(layout: &Layout, console: Console) -> Result<(), Error> {
    let (start, counted) = tries::count_start(layout, &invocation())?;
    tell(counted.as_ref(), console);
    if start == Start::Exhausted {
        console.warn("this release has ended again and again: going back to the one before it");
        // systemctl speaks to the running system alone.
        // Started without waiting: this runs inside the service's own start, which recovery stops.
        if layout.is_running_system() {
            Systemctl::new().start_detached(&UnitName::RECOVER)?;
        }
    }
    Ok(())
}

/// Settles the start that has ended, by what systemd tells about its end.
fn after_stop(layout: &Layout, console: Console) -> Result<(), Error> {
    let told = |name| std::env::var(name).unwrap_or_default();
    // A service that ends by itself has no job: its next start is queued once this hook has ended. Where the service manager does not
    // say, nobody asked.
    let is_requested = || {
        layout.is_running_system() && Systemctl::new().status(&UnitName::LANDFALL).is_ok_and(|status| status.has_job)
    };
    let end = StartEnd::read(&told("SERVICE_RESULT"), &told("EXIT_CODE"), &told("EXIT_STATUS"), is_requested);
    tell(tries::count_end(layout, &invocation(), end)?.as_ref(), console);
    Ok(())
}

/// The start of the service that a hook is about.
fn invocation() -> Invocation {
    Invocation::current().unwrap_or_else(Invocation::null)
}

fn tell(counted: Option<&Counted>, console: Console) {
    if let Some(Counted { release, left }) = counted {
        console.warn(format_args!("a start of {release} failed: it is reverted after {left} more"));
    }
}

/// Replaces a release that cannot stay up by the last one with a lower serial. Where there is none that can run, the host goes on
/// trying: what is in the way today need not be at the next start.
fn revert(host_args: &HostArgs, layout: &Layout, state: State, console: Console) -> Result<Outcome, Error> {
    let installed = Installed::read(layout)?;
    let target = installed.as_ref().and_then(Installed::earlier).cloned();
    let (Some(before), Some(target)) = (installed, target) else {
        // Nothing can replace it. Counted on, each of its starts would only ask for recovery again.
        Tries::stop_counting(layout)?;
        return Ok(Outcome::KeptAsTheOnlyRelease);
    };
    if !database::is_lossless(&before.current, &target) {
        // A person may accept that loss (`rollback --restore-snapshot`); recovery may not.
        Tries::stop_counting(layout)?;
        return Ok(Outcome::KeptForItsDatabase);
    }
    let host = unattended(host_args, &before.host, console)?;
    // A release that cannot bring its database back itself is replaced all the same: what it wrote is set aside, with a warning.
    let plan = RollbackPlan::new(&host, before, target, true).map_err(Error::NoReplacement)?;
    plan.carry_out(&host, Some(state))?;
    Ok(Outcome::TakenBack)
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
        Tries::start_counting(&host.layout, &"1.1.0-2".parse().unwrap()).unwrap();
        let tries = Tries::read(&host.layout).unwrap().unwrap();
        assert!(has_to_be_replaced(&host, &tries).unwrap());
        std::fs::write(&settings, "pool = \"10.213.0.0/36\"\n").unwrap();
        assert!(!has_to_be_replaced(&host, &tries).unwrap());
        assert!(has_to_be_replaced(&host, &Tries { exhausted: true, ..tries }).unwrap(), "it was exhausted before");
    }
}
