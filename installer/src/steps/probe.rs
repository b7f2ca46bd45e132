//! The service has to be healthy for a while before the release is committed, and the release able to recover the host and to
//! provision a tenant.

use super::{StepError, UnhealthyError, Work};
use crate::host_context::HostContext;
use crate::interrupt;
use crate::plan::policy::INSTALLER;
use crate::recovery_binary;
use crate::service::health;
use crate::settings::{self, Layers, Ports};
use crate::state::installed::InstalledRelease;
use crate::state::journal::{Kind, Transition};
use crate::state::tries::Tries;
use landfall_console::{Console, message_with_causes};
use landfall_host::runtime_program::{RuntimeProgram, RuntimeProgramError};
use landfall_host::settings::CanaryChoice;
use landfall_systemd::{UnitManager, UnitName};
use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// How often the service is asked.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long a first release has to be healthy, besides the self-check that its process has to outlive: there is no release to go back to, and
/// somebody is there.
const FIRST: Duration = Duration::from_millis(500);

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> Result<(), StepError> {
    let (host, target) = (work.host, transition.target());
    if host.attendance.starts_without_waiting() {
        return Ok(());
    }
    // 1. Before anything else: a release that could not settle this very update must not be committed.
    if transition.kind == Kind::Update {
        let installer = host.layout.release(&target.id()).join(INSTALLER);
        recovery_binary::check(host, &installer, Some(transition.kind)).map_err(StepError::ReleaseCannotRecover)?;
    }
    let Some(units) = host.units.as_deref() else { return Ok(()) };
    host.console.say("waiting until the service is healthy");
    // 2. Healthy without a break, by one process: a crash loop answers well in between.
    let healthy_for = if transition.before.is_some() { work.update.healthy_for } else { FIRST };
    let gate = HealthGate { healthy_for, patience: work.update.patience, interval: INTERVAL };
    let release = target.id().to_string();
    let process = Cell::new(None);
    let ask = || {
        // Health first: a process number that was read before the answer could be that of a process which has ended
        // since.
        health::check(work.ports.address, work.ports.api, &release)?;
        is_the_same(units, &process)
    };
    // 3. Able to do its work: also a first release, which nobody could update otherwise.
    let check = SelfCheck::of(work, target);
    healthy_and_able(&gate, &process, ask, || give_up(host), || check.run())
        .map_err(|reason| UnhealthyError::new(units, UnitName::LANDFALL, reason).into())
}

/// Waits until the service has been healthy for long enough, and checks meanwhile, once it has answered, whether it is able to do its work.
/// `process` is the one that was asked last.
fn healthy_and_able(
    gate: &HealthGate,
    process: &Cell<Option<u32>>,
    ask: impl Fn() -> Result<(), String>,
    give_up: impl Fn() -> Result<(), String>,
    check: impl Fn() -> Result<(), String> + Sync,
) -> Result<(), String> {
    HealthGate { healthy_for: Duration::ZERO, ..*gate }.wait(&ask, &give_up)?;
    let checked = process.get();
    let (healthy, able) = thread::scope(|scope| {
        let checking = scope.spawn(&check);
        let healthy = gate.wait(&ask, &give_up);
        (healthy, checking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    healthy?;
    // It may have been started again since: the check was of a process that has ended.
    if process.get() == checked { able } else { check() }
}

/// Whether the process is the one that was there last time. A request that comes while the service starts again waits, and is
/// answered well: only this shows that it ended in between.
fn is_the_same(units: &dyn UnitManager, last: &Cell<Option<u32>>) -> Result<(), String> {
    let process = units.status(&UnitName::LANDFALL).map_err(|error| error.to_string())?.main_pid;
    match last.replace(process) {
        Some(last) if process != Some(last) => Err("it ended and was started again".to_owned()),
        _ => Ok(()),
    }
}

/// Why there is no point in waiting any longer.
fn give_up(host: &HostContext) -> Result<(), String> {
    interrupt::check().map_err(|interrupted| interrupted.to_string())?;
    if Tries::is_exhausted(&host.layout).map_err(|error| message_with_causes(&error))? {
        return Err("it ended again and again, and has had all its tries".to_owned());
    }
    let Some(units) = host.units.as_deref() else { return Ok(()) };
    if units.status(&UnitName::LANDFALL).is_ok_and(|status| status.is_down_for_good()) {
        return Err("it ended, and systemd does not start it again: it does not understand its settings".to_owned());
    }
    Ok(())
}

/// The check of a release by itself, whether it can do its work: database, engine, images, a tenant.
struct SelfCheck {
    program: RuntimeProgram,
    start_period: Duration,
    /// Whether it makes a tenant.
    has_canary: bool,
    console: Console,
}

impl SelfCheck {
    fn of(work: &Work<'_>, target: &InstalledRelease) -> Self {
        let (host, tenants) = (work.host, work.release.images.iter().filter_map(|image| image.tenant.as_ref()));
        // Of all: which one it takes, the program decides.
        let start_period = tenants.map(|tenant| tenant.start_period.duration()).max();
        Self {
            program: RuntimeProgram::of(&host.layout, &target.id()),
            start_period: start_period.unwrap_or_default(),
            has_canary: start_period.is_some() && work.update.canary != CanaryChoice::None,
            console: host.console,
        }
    }

    fn run(&self) -> Result<(), String> {
        if self.has_canary {
            self.console.say("trying the release with a tenant of its own");
        }
        match self.program.selfcheck(self.start_period) {
            Ok(()) => Ok(()),
            Err(RuntimeProgramError::Failed { message, .. }) => {
                Err(format!("it does not pass `landfall selfcheck`: {message}"))
            }
            Err(error @ (RuntimeProgramError::Subprocess(_) | RuntimeProgramError::Output { .. })) => {
                Err(message_with_causes(&error))
            }
        }
    }
}

/// Waits until the release that runs again is healthy. The error is the reason why it is not.
pub(super) fn again(work: &Work<'_>, release: &InstalledRelease) -> Result<(), String> {
    let layout = &work.host.layout;
    // Without units nothing was started; and recovery is ordered before the service, which starts only when recovery
    // has ended.
    if work.host.units.is_none() || work.host.attendance.starts_without_waiting() {
        return Ok(());
    }
    let defaults = settings::file::of_release(&layout.release(&release.id())).map_err(reason)?;
    let operator = settings::file::operator(layout).map_err(reason)?.unwrap_or_default();
    let layers = Layers::parse(&defaults, &operator).map_err(reason)?;
    let ports = Ports::from(layers.settings());
    let (gate, id) = (
        // Once is enough: it was healthy before, and this is only reported.
        HealthGate { healthy_for: Duration::ZERO, patience: work.update.patience, interval: INTERVAL },
        release.id().to_string(),
    );
    gate.wait(|| health::check(ports.address, ports.api, &id), || Ok(()))
}

fn reason(error: impl std::error::Error) -> String {
    message_with_causes(&error)
}

/// How long to ask whether a service is healthy.
struct HealthGate {
    /// It has to be healthy without a break for this long.
    healthy_for: Duration,
    /// It may take this long until it is.
    patience: Duration,
    interval: Duration,
}

impl HealthGate {
    /// Asks until the service has been healthy for long enough. The error is the reason that was given last.
    fn wait(
        &self,
        ask: impl Fn() -> Result<(), String>,
        give_up: impl Fn() -> Result<(), String>,
    ) -> Result<(), String> {
        let started = Instant::now();
        let mut healthy_since: Option<Instant> = None;
        loop {
            match ask() {
                Ok(()) => {
                    if healthy_since.get_or_insert_with(Instant::now).elapsed() >= self.healthy_for {
                        return Ok(());
                    }
                }
                // Only a bad answer ends the patience: a release that is healthy by then still has its time to prove it.
                Err(reason) if started.elapsed() >= self.patience => return Err(reason),
                Err(_) => healthy_since = None,
            }
            give_up()?;
            thread::sleep(self.interval);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use landfall_systemd::FakeUnitManager;
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU32, Ordering};

    const QUICK: HealthGate = HealthGate {
        healthy_for: Duration::from_millis(8),
        patience: Duration::from_millis(50),
        interval: Duration::from_millis(2),
    };

    #[test]
    fn one_bad_answer_begins_the_count_again() {
        let (asked, bad) = (Cell::new(0), Cell::new(Instant::now()));
        let ask = || {
            asked.set(asked.get() + 1);
            if asked.get() == 3 {
                bad.set(Instant::now());
                return Err("down".to_owned());
            }
            Ok(())
        };
        // Long against the stalls of a busy machine.
        let patient = HealthGate { healthy_for: Duration::from_millis(300), patience: Duration::from_mins(1), ..QUICK };
        assert!(patient.wait(ask, || Ok(())).is_ok());
        assert!(bad.get().elapsed() >= patient.healthy_for && asked.get() > 4, "{}", asked.get());
    }

    #[test]
    fn a_service_is_checked_while_it_has_to_be_healthy_and_again_where_it_was_started_again() {
        let patient = HealthGate { healthy_for: Duration::from_millis(300), patience: Duration::from_mins(5), ..QUICK };
        for restarts in [false, true] {
            let (asked, process) = (Cell::new(0), Cell::new(None));
            let (checks, seen) = (AtomicU32::new(0), AtomicU32::new(0));
            let ask = || {
                asked.set(asked.get() + 1);
                // Not before the check has begun, which it does with the first good answer.
                while asked.get() > 1 && checks.load(Ordering::SeqCst) == 0 {}
                process.set(Some(if restarts && asked.get() > 2 { 8 } else { 7 }));
                seen.store(asked.get(), Ordering::SeqCst);
                Ok(())
            };
            let check = || {
                // The first one ends only when the service is asked again.
                let is_first = checks.fetch_add(1, Ordering::SeqCst) == 0;
                while is_first && seen.load(Ordering::SeqCst) < 3 {}
                if is_first && restarts { Err("its process ended".to_owned()) } else { Ok(()) }
            };
            healthy_and_able(&patient, &process, ask, || Ok(()), check).unwrap();
            assert_eq!(checks.load(Ordering::SeqCst), if restarts { 2 } else { 1 });
        }
        let failing = || Err("no tenant".to_owned());
        let outcome = healthy_and_able(&patient, &Cell::new(Some(7)), || Ok(()), || Ok(()), failing);
        assert_eq!(outcome, failing());
    }

    #[test]
    fn the_wait_ends_when_the_time_is_over_or_there_is_no_point() {
        let error = QUICK.wait(|| Err("hangs".to_owned()), || Ok(()));
        assert!(error.is_err_and(|error| error == "hangs"));
        let error = QUICK.wait(|| Err("down".to_owned()), || Err("no tries left".to_owned()));
        assert!(error.is_err_and(|error| error == "no tries left"));
    }

    #[test]
    fn there_is_no_point_in_waiting_for_a_service_that_systemd_has_given_up() -> Result<(), Box<dyn std::error::Error>>
    {
        let folder = tempfile::tempdir()?;
        let mut host = HostContext::fake(folder.path(), None);
        let units = FakeUnitManager::new();
        units.start(&UnitName::LANDFALL)?;
        units.crash(UnitName::LANDFALL);
        host.units = Some(Box::new(units));
        give_up(&host)?;
        let units = FakeUnitManager::new();
        units.kill(UnitName::LANDFALL);
        host.units = Some(Box::new(units));
        assert!(give_up(&host).is_err_and(|error| error.contains("does not start it again")));
        Ok(())
    }

    #[test]
    fn a_service_that_flickers_does_not_pass() {
        let asked = Cell::new(0);
        let flicker = || {
            asked.set(asked.get() + 1);
            if asked.get() % 2 == 0 { Err("down".to_owned()) } else { Ok(()) }
        };
        let strict = HealthGate { healthy_for: Duration::from_mins(5), ..QUICK };
        assert!(strict.wait(flicker, || Ok(())).is_err());
    }
}
