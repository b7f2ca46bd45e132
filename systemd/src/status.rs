//! A unit's state, as `systemctl show` writes it.

use std::collections::BTreeMap;

/// The properties that [`UnitStatus::parse`] reads, in the form that `systemctl show --property` takes.
pub(crate) const PROPERTIES: &str =
    "LoadState,ActiveState,SubState,UnitFileState,MainPID,NRestarts,Result,ExecMainStatus,StatusText,Job";

/// Whether systemd has the unit's file (org.freedesktop.systemd1(5), `LoadState`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadState {
    /// Loaded without errors.
    Loaded,
    /// There is no such unit.
    NotFound,
    /// Linked to /dev/null by an operator.
    Masked,
    /// Its file exists and cannot be used: `bad-setting`, `error`, or a value of a later systemd.
    Unusable(String),
}

/// The coarse state of a unit (org.freedesktop.systemd1(5), `ActiveState`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActiveState {
    /// Running; for a oneshot that remains, done.
    Active,
    /// Running, and reading its configuration again.
    Reloading,
    /// Not running, and that is fine.
    Inactive,
    /// Not running, and that is a failure.
    Failed,
    /// Starting, or waiting for the next automatic restart.
    Activating,
    /// Stopping.
    Deactivating,
    /// A value of a later systemd.
    Other(String),
}

/// The state of one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitStatus {
    /// Whether the unit exists.
    pub load: LoadState,
    /// Its coarse state.
    pub active: ActiveState,
    /// Its fine state, specific to the type of unit: `running`, `exited`, `auto-restart`.
    pub sub: String,
    /// Whether each boot starts it: `enabled`, `disabled`, `masked`; empty if there is no such unit.
    pub unit_file: String,
    /// The main process, if one runs.
    pub main_pid: Option<u32>,
    /// How many times systemd restarted it by itself (`NRestarts`). Begins at 0 when the unit is stopped or restarted on
    /// request while it runs, and after [`reset_failed`](crate::UnitManager::reset_failed). A restart on request while the unit waits for
    /// its next try carries the number on: to see whether a unit begins to loop, reset it first, or compare two readings.
    pub restarts: u32,
    /// How the last run ended: `success`, `exit-code`, `signal`, `watchdog`, `timeout`, `start-limit-hit`.
    pub result: String,
    /// The exit code of the last main process, or the signal's number if `result` is `signal`.
    pub exit_status: i32,
    /// The last status text of the service (sd_notify(3), `STATUS=`).
    pub status_text: String,
    /// Whether a start, stop or restart of the unit is under way, or waits for another unit.
    pub has_job: bool,
}

impl UnitStatus {
    /// Whether the unit is running now.
    pub fn is_active(&self) -> bool {
        matches!(self.active, ActiveState::Active | ActiveState::Reloading)
    }

    /// Whether the unit has failed and nobody is about to start it: not automatically, and not on request. A restart of a
    /// service that does not end cleanly fails too, for as long as the start that belongs to it waits.
    pub fn is_down_for_good(&self) -> bool {
        self.active == ActiveState::Failed && !self.has_job
    }

    /// Whether the unit has failed, and runs no more or is about to be started again after its failure.
    pub fn has_failed(&self) -> bool {
        // Not the result alone: that is one of the last run, also while the next one is under way.
        let waits = self.active == ActiveState::Activating && self.sub.starts_with("auto-restart");
        self.active == ActiveState::Failed || (waits && self.result != "success")
    }

    /// Whether there is such a unit, usable or not.
    pub fn exists(&self) -> bool {
        self.load != LoadState::NotFound
    }

    /// Reads `Key=value` lines as `systemctl show` writes them. Properties that a kind of unit does not have (a target has no
    /// main process) and those that are not asked for are fine.
    ///
    /// # Errors
    /// The name of the property that every unit has and that is missing here, or that is not a number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let properties: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
        let word = |key: &str| properties.get(key).copied().unwrap_or_default();
        let required = |key: &str| properties.get(key).copied().ok_or_else(|| format!("{key} is missing"));
        let number = |key: &str| match word(key) {
            // Absent or empty for kinds of units that do not have it.
            "" => Ok(0),
            text => text.parse::<u32>().map_err(|_| format!("{key} is {text:?}, not a number")),
        };
        Ok(Self {
            load: LoadState::from_word(required("LoadState")?),
            active: ActiveState::from_word(required("ActiveState")?),
            sub: required("SubState")?.to_owned(),
            // Not required: a unit that does not exist has no such state.
            unit_file: word("UnitFileState").to_owned(),
            // 0 is no process (org.freedesktop.systemd1(5), `MainPID`), and below no job.
            main_pid: Some(number("MainPID")?).filter(|pid| *pid != 0),
            restarts: number("NRestarts")?,
            result: word("Result").to_owned(),
            exit_status: number("ExecMainStatus")?.cast_signed(),
            status_text: word("StatusText").to_owned(),
            has_job: number("Job")? != 0,
        })
    }

    /// Parses what `systemctl show` prints of several units, which an empty line separates.
    pub(crate) fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        text.trim_end().split("\n\n").map(Self::parse).collect()
    }
}

impl LoadState {
    fn from_word(word: &str) -> Self {
        match word {
            "loaded" => Self::Loaded,
            "not-found" => Self::NotFound,
            "masked" => Self::Masked,
            other => Self::Unusable(other.to_owned()),
        }
    }
}

impl ActiveState {
    fn from_word(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "reloading" => Self::Reloading,
            "inactive" => Self::Inactive,
            "failed" => Self::Failed,
            "activating" => Self::Activating,
            "deactivating" => Self::Deactivating,
            other => Self::Other(other.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// Recorded from systemd 252 for a service that crash-loops.
    const CRASH_LOOP: &str = "MainPID=0\nNRestarts=7\nResult=exit-code\nExecMainStatus=1\nStatusText=\nLoadState=loaded\n\
                              ActiveState=activating\nSubState=auto-restart\nUnitFileState=enabled\n";

    #[test]
    fn reads_a_service_between_two_tries() {
        let status = UnitStatus::parse(CRASH_LOOP).unwrap();
        assert_eq!(status.active, ActiveState::Activating);
        assert_eq!((status.sub.as_str(), status.restarts, status.main_pid), ("auto-restart", 7, None));
        assert_eq!((status.result.as_str(), status.exit_status), ("exit-code", 1));
        assert!(!status.is_active() && status.exists());
    }

    #[test]
    fn a_service_has_failed_that_failed_for_good_or_waits_for_its_next_try() {
        let has_failed = |text: &str| UnitStatus::parse(text).unwrap().has_failed();
        let state =
            |active, sub, result| format!("LoadState=loaded\nActiveState={active}\nSubState={sub}\nResult={result}\n");
        assert!(has_failed(CRASH_LOOP) && has_failed(&state("failed", "failed", "watchdog")));
        for (active, sub, result) in [
            ("active", "running", "exit-code"),
            ("activating", "start", "exit-code"),
            ("activating", "auto-restart", "success"),
            ("inactive", "dead", "success"),
        ] {
            assert!(!has_failed(&state(active, sub, result)), "{active} {sub} {result}");
        }
    }

    #[test]
    fn reads_a_running_service() {
        let text = "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=42\nStatusText=ready: a=b\n";
        let status = UnitStatus::parse(text).unwrap();
        assert!(status.is_active());
        assert_eq!((status.main_pid, status.status_text.as_str()), (Some(42), "ready: a=b"));
    }

    #[test]
    fn a_failed_service_that_is_about_to_start_is_not_down_for_good() {
        let failed = "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=signal\nExecMainStatus=12\n";
        assert!(UnitStatus::parse(failed).unwrap().is_down_for_good());
        assert!(!UnitStatus::parse(&format!("{failed}Job=812\n")).unwrap().is_down_for_good());
        assert!(!UnitStatus::parse(CRASH_LOOP).unwrap().is_down_for_good());
    }

    #[test]
    fn knows_a_unit_that_is_not_there() {
        let status = UnitStatus::parse("LoadState=not-found\nActiveState=inactive\nSubState=dead\n").unwrap();
        assert!(!status.exists() && !status.is_active());
    }

    #[test]
    fn says_which_property_is_missing_or_malformed() {
        assert_eq!(UnitStatus::parse("").unwrap_err(), "LoadState is missing");
        let text = CRASH_LOOP.replace("NRestarts=7", "NRestarts=-7");
        assert_eq!(UnitStatus::parse(&text).unwrap_err(), "NRestarts is \"-7\", not a number");
    }
}
