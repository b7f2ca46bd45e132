//! A service manager in memory, for tests of what uses one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{ActiveState, Error, LoadState, UnitManager, UnitName, UnitStatus};

/// A request to a [`FakeUnitManager`] that changes something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named after the methods of UnitManager")]
pub enum Call {
    DaemonReload,
    Enable(UnitName),
    Disable(UnitName),
    Start(UnitName),
    StartDetached(UnitName),
    Stop(UnitName),
    Restart(UnitName),
    RestartDetached(UnitName),
    ReloadOrStart(UnitName),
    ResetFailed(UnitName),
}

/// A [`UnitManager`] that does everything at once in memory, records the requests, and fails those that it is configured to fail.
///
/// Every unit exists. Queries are not recorded.
#[derive(Debug, Default)]
pub struct FakeUnitManager {
    host: Mutex<Host>,
}

#[derive(Debug, Default)]
struct Host {
    calls: Vec<Call>,
    failing: BTreeSet<Call>,
    units: BTreeMap<UnitName, Unit>,
}

#[derive(Debug, Default, Clone)]
struct Unit {
    enabled: bool,
    active: bool,
    failed: bool,
    starts: u32,
    restarts: u32,
}

impl FakeUnitManager {
    /// A host on which no unit was ever started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes this call fail from now on, with exit code 1; a unit that cannot be started is then in the failed state.
    pub fn fail(&self, call: Call) {
        self.host().failing.insert(call);
    }

    /// The process of this unit dies, and systemd starts it again by itself: one more of [`UnitStatus::restarts`].
    pub fn crash(&self, unit: UnitName) {
        let mut host = self.host();
        let unit = host.units.entry(unit).or_default();
        (unit.active, unit.restarts) = (false, unit.restarts + 1);
        unit.start();
    }

    /// The process of this unit dies for good: it is failed until something starts it.
    pub fn kill(&self, unit: UnitName) {
        let mut host = self.host();
        let unit = host.units.entry(unit).or_default();
        (unit.active, unit.failed) = (false, true);
    }

    /// All requests so far, in order, including failed ones.
    pub fn calls(&self) -> Vec<Call> {
        self.host().calls.clone()
    }

    fn host(&self) -> MutexGuard<'_, Host> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, call: Call, unit: &UnitName, act: impl FnOnce(&mut Unit)) -> Result<(), Error> {
        let mut host = self.host();
        let outcome = host.record(call);
        if outcome.is_ok() {
            act(host.units.entry(unit.clone()).or_default());
        }
        outcome
    }

    /// A change after which the unit runs; a unit that could not be started is a failed one.
    fn launch(&self, call: Call, unit: &UnitName, act: impl FnOnce(&mut Unit)) -> Result<(), Error> {
        let outcome = self.change(call, unit, act);
        if outcome.is_err() {
            self.kill(unit.clone());
        }
        outcome
    }
}

impl Host {
    fn record(&mut self, call: Call) -> Result<(), Error> {
        let fails = self.failing.contains(&call);
        let command = format!("fake systemctl: {call:?}");
        self.calls.push(call);
        if fails {
            Err(Error::Failed { command, code: Some(1), stderr: "configured to fail".to_owned() })
        } else {
            Ok(())
        }
    }
}

impl Unit {
    fn start(&mut self) {
        if !self.active {
            self.starts += 1;
        }
        (self.active, self.failed) = (true, false);
    }
}

impl UnitManager for FakeUnitManager {
    fn booted(&self) -> bool {
        true
    }

    fn version(&self) -> Result<u32, Error> {
        Ok(252)
    }

    fn daemon_reload(&self) -> Result<(), Error> {
        self.host().record(Call::DaemonReload)
    }

    fn enable(&self, unit: &UnitName) -> Result<(), Error> {
        self.change(Call::Enable(unit.clone()), unit, |unit| unit.enabled = true)
    }

    fn disable(&self, unit: &UnitName) -> Result<(), Error> {
        self.change(Call::Disable(unit.clone()), unit, |unit| unit.enabled = false)
    }

    fn start(&self, unit: &UnitName) -> Result<(), Error> {
        self.launch(Call::Start(unit.clone()), unit, Unit::start)
    }

    fn start_detached(&self, unit: &UnitName) -> Result<(), Error> {
        self.change(Call::StartDetached(unit.clone()), unit, Unit::start)
    }

    fn stop(&self, unit: &UnitName) -> Result<(), Error> {
        // As with systemd, a stop ends the count of automatic restarts.
        self.change(Call::Stop(unit.clone()), unit, |unit| (unit.active, unit.restarts) = (false, 0))
    }

    fn restart(&self, unit: &UnitName) -> Result<(), Error> {
        self.launch(Call::Restart(unit.clone()), unit, |unit| {
            (unit.active, unit.restarts) = (false, 0);
            unit.start();
        })
    }

    fn restart_detached(&self, unit: &UnitName) -> Result<(), Error> {
        self.change(Call::RestartDetached(unit.clone()), unit, |unit| {
            unit.active = false;
            unit.start();
        })
    }

    fn reload_or_start(&self, unit: &UnitName) -> Result<(), Error> {
        self.launch(Call::ReloadOrStart(unit.clone()), unit, Unit::start)
    }

    fn reset_failed(&self, unit: &UnitName) -> Result<(), Error> {
        self.change(Call::ResetFailed(unit.clone()), unit, |unit| (unit.failed, unit.restarts) = (false, 0))
    }

    fn statuses(&self, units: &[UnitName]) -> Result<Vec<UnitStatus>, Error> {
        units.iter().map(|unit| self.status(unit)).collect()
    }

    fn status(&self, unit: &UnitName) -> Result<UnitStatus, Error> {
        let unit = self.host().units.get(unit).cloned().unwrap_or_default();
        let (active, sub) = match (unit.active, unit.failed) {
            (true, _) => (ActiveState::Active, "running"),
            (false, true) => (ActiveState::Failed, "failed"),
            (false, false) => (ActiveState::Inactive, "dead"),
        };
        Ok(UnitStatus {
            load: LoadState::Loaded,
            active,
            sub: sub.to_owned(),
            unit_file: if unit.enabled { "enabled" } else { "disabled" }.to_owned(),
            // Another one after each start, as on a host: callers tell by it that a service was restarted.
            main_pid: unit.active.then_some(1000 + unit.starts),
            restarts: unit.restarts,
            result: if unit.failed { "exit-code" } else { "success" }.to_owned(),
            exit_status: i32::from(unit.failed),
            status_text: String::new(),
            has_job: false,
        })
    }

    /// No fake unit writes a log.
    fn log(&self, _: &UnitName, _: u16) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_restart_makes_a_new_process() {
        let manager = FakeUnitManager::new();
        manager.start(&UnitName::LANDFALL).unwrap();
        let before = manager.status(&UnitName::LANDFALL).unwrap();
        manager.restart(&UnitName::LANDFALL).unwrap();
        let after = manager.status(&UnitName::LANDFALL).unwrap();
        assert!(before.is_active() && after.is_active());
        assert_ne!(before.main_pid, after.main_pid);
    }

    #[test]
    fn a_crash_makes_a_new_process_and_counts_until_a_requested_restart() {
        let manager = FakeUnitManager::new();
        manager.start_detached(&UnitName::LANDFALL).unwrap();
        let before = manager.status(&UnitName::LANDFALL).unwrap();
        manager.crash(UnitName::LANDFALL);
        let after = manager.status(&UnitName::LANDFALL).unwrap();
        assert_eq!((before.restarts, after.restarts), (0, 1));
        assert_ne!(before.main_pid, after.main_pid);
        manager.restart(&UnitName::LANDFALL).unwrap();
        assert_eq!(manager.status(&UnitName::LANDFALL).unwrap().restarts, 0);
    }

    #[test]
    fn fails_the_calls_that_it_is_configured_to_fail() {
        let manager = FakeUnitManager::new();
        let start = Call::Start(UnitName::LANDFALL);
        manager.fail(start.clone());
        assert!(manager.start(&UnitName::LANDFALL).is_err());
        assert_eq!(manager.status(&UnitName::LANDFALL).unwrap().active, ActiveState::Failed);
        assert_eq!(manager.calls(), [start]);
    }
}
