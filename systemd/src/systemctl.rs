//! The service manager as `systemctl` and `journalctl` offer it.

use std::path::Path;
use std::time::Duration;

use landfall_host::subprocess::{Subprocess, SubprocessError};

use crate::status::PROPERTIES;
use crate::{Error, UnitManager, UnitName, UnitStatus};

/// `systemctl stop` ends with this for a unit that there is not (systemctl(1), "Exit status": LSB code 5, program not
/// installed).
const NOT_INSTALLED: i32 = 5;

/// `systemctl reset-failed` ends with 1, as for every other failure, and this message for a unit that is not in memory.
const NOT_LOADED: &str = "not loaded.";

/// The most journal lines that are asked for.
const MAX_LOG_LINES: u16 = 1000;

/// Time limits of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For queries and changes of unit files.
    pub query: Duration,
    /// For starting and stopping, which wait for the unit. Longer than the start and stop timeouts of our units and
    /// of the engine together.
    pub job: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        // The firewall may take 60 s to stop and 60 s to start, the runtime 30 s and 90 s.
        Self { query: Duration::from_secs(30), job: Duration::from_mins(5) }
    }
}

/// [`UnitManager`] over the programs `systemctl` and `journalctl`.
///
/// They are found on the `PATH`, run in the C locale, without a pager and without asking for a password, and killed when
/// they take too long.
#[derive(Debug, Clone)]
pub struct Systemctl {
    control: String,
    journal: String,
    timeouts: Timeouts,
}

impl Default for Systemctl {
    fn default() -> Self {
        Self::new()
    }
}

impl Systemctl {
    /// The system's service manager.
    pub fn new() -> Self {
        Self::with_programs("systemctl", "journalctl", Timeouts::default())
    }

    /// Other programs than those on the `PATH`, and other limits.
    fn with_programs(systemctl: impl Into<String>, journalctl: impl Into<String>, timeouts: Timeouts) -> Self {
        Self { control: systemctl.into(), journal: journalctl.into(), timeouts }
    }

    fn systemctl(&self, timeout: Duration, arguments: &[&str]) -> Result<String, Error> {
        // Nobody is there to leave a pager or to answer a question.
        let arguments = [&["--no-pager", "--no-ask-password"], arguments].concat();
        run(&self.control, &arguments, timeout)
    }

    fn query(&self, arguments: &[&str]) -> Result<String, Error> {
        self.systemctl(self.timeouts.query, arguments)
    }

    fn job(&self, verb: &str, unit: &UnitName) -> Result<(), Error> {
        self.systemctl(self.timeouts.job, &[verb, unit.as_str()]).map(drop)
    }

    fn answer(&self, verb: &str, what: String) -> Error {
        Error::Answer { command: format!("{} {verb}", self.control), what }
    }
}

impl UnitManager for Systemctl {
    fn booted(&self) -> bool {
        // As sd_booted(3) tells it: the folder exists where systemd is the running service manager.
        Path::new("/run/systemd/system").is_dir()
    }

    fn version(&self) -> Result<u32, Error> {
        let text = self.query(&["--version"])?;
        parse_version(&text).ok_or_else(|| self.answer("--version", "there is no `systemd VERSION` line".to_owned()))
    }

    fn daemon_reload(&self) -> Result<(), Error> {
        // As long as a job may take: it runs all generators again (systemctl(1)).
        self.systemctl(self.timeouts.job, &["daemon-reload"]).map(drop)
    }

    fn enable(&self, unit: &UnitName) -> Result<(), Error> {
        self.query(&["enable", "--quiet", "--no-reload", unit.as_str()]).map(drop)
    }

    fn disable(&self, unit: &UnitName) -> Result<(), Error> {
        // Unlike its sister commands, `disable` answers 1 for a unit without a file, as for every other failure.
        if !self.status(unit)?.exists() {
            return Ok(());
        }
        self.query(&["disable", "--quiet", "--no-reload", unit.as_str()]).map(drop)
    }

    fn start(&self, unit: &UnitName) -> Result<(), Error> {
        self.job("start", unit)
    }

    fn start_detached(&self, unit: &UnitName) -> Result<(), Error> {
        self.query(&["start", "--no-block", unit.as_str()]).map(drop)
    }

    fn stop(&self, unit: &UnitName) -> Result<(), Error> {
        ignore_absent(self.job("stop", unit))
    }

    fn restart(&self, unit: &UnitName) -> Result<(), Error> {
        self.job("restart", unit)
    }

    fn restart_detached(&self, unit: &UnitName) -> Result<(), Error> {
        self.query(&["restart", "--no-block", unit.as_str()]).map(drop)
    }

    fn reload_or_start(&self, unit: &UnitName) -> Result<(), Error> {
        self.job("reload-or-restart", unit)
    }

    fn reset_failed(&self, unit: &UnitName) -> Result<(), Error> {
        ignore_absent(self.query(&["reset-failed", unit.as_str()]).map(drop))
    }

    fn status(&self, unit: &UnitName) -> Result<UnitStatus, Error> {
        let text = self.query(&["show", "--property", PROPERTIES, unit.as_str()])?;
        UnitStatus::parse(&text).map_err(|what| self.answer(&format!("show {unit}"), what))
    }

    fn statuses(&self, units: &[UnitName]) -> Result<Vec<UnitStatus>, Error> {
        let names: Vec<&str> = units.iter().map(UnitName::as_str).collect();
        let text = self.query(&[&["show", "--property", PROPERTIES], &names[..]].concat())?;
        let statuses = UnitStatus::parse_all(&text).and_then(|statuses| {
            let all_are_there = statuses.len() == units.len();
            all_are_there.then_some(statuses).ok_or_else(|| "it does not have each unit once".to_owned())
        });
        statuses.map_err(|what| self.answer(&format!("show {}", names.join(" ")), what))
    }

    fn log(&self, unit: &UnitName, lines: u16) -> Result<Vec<String>, Error> {
        let lines = lines.min(MAX_LOG_LINES).to_string();
        // `--quiet`: no lines of journalctl's own (journalctl(1)).
        let arguments = ["--no-pager", "--quiet", "--output", "short-iso", "--lines", &lines, "--unit", unit.as_str()];
        let text = run(&self.journal, &arguments, self.timeouts.query)?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

/// Runs a program of systemd's, and returns its standard output.
fn run(program: &str, arguments: &[&str], timeout: Duration) -> Result<String, Error> {
    let command = || [&[program], arguments].concat().join(" ");
    let output = Subprocess::new(program)
        .args(arguments)
        .inherit_environment()
        // The output is parsed and quoted: no escape sequences.
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_URLIFY", "0")
        // The default: messages for debugging would be taken for those of a failure.
        .env("SYSTEMD_LOG_LEVEL", "info")
        .timeout(timeout)
        .run()
        .map_err(|error| not_run(command(), error))?;
    match output.code {
        0 => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        code => Err(failed(command(), Some(code), output.stderr_tail)),
    }
}

fn not_run(command: String, error: SubprocessError) -> Error {
    match error {
        SubprocessError::Start { source, .. } => Error::Spawn { command, source },
        SubprocessError::Wait { source, .. } => Error::Io { command, source },
        SubprocessError::TimedOut { after, .. } => Error::TimedOut { command, after },
        SubprocessError::OutputLimit { limit, .. } => Error::TooMuchOutput { command, limit },
        SubprocessError::Signal { stderr_tail, .. } => failed(command, None, stderr_tail),
    }
}

fn failed(command: String, code: Option<i32>, stderr: String) -> Error {
    let stderr = if stderr.is_empty() { "no message".to_owned() } else { stderr };
    Error::Failed { command, code, stderr }
}

/// A unit that does not exist counts as stopped and not failed.
fn ignore_absent(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::Failed { code, stderr, .. }) if code == Some(NOT_INSTALLED) || stderr.ends_with(NOT_LOADED) => {
            Ok(())
        }
        other => other,
    }
}

/// `systemd 252 (252.38-1~deb12u1)`, then a line of features.
fn parse_version(text: &str) -> Option<u32> {
    let number = text.lines().next()?.strip_prefix("systemd ")?.split_whitespace().next()?;
    // Release candidates are called 257~rc1.
    number.split('~').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::ActiveState;

    /// Answers as systemd 252 did on a host with one unit, landfall.service, which runs.
    const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/systemctl");

    fn recorded() -> Systemctl {
        Systemctl::with_programs(RECORDED, RECORDED, Timeouts::default())
    }

    #[test]
    fn a_missing_unit_counts_as_stopped_disabled_and_not_failed() {
        let manager = recorded();
        let absent = UnitName::new("absent.service").unwrap();
        manager.stop(&absent).unwrap();
        manager.disable(&absent).unwrap();
        manager.reset_failed(&absent).unwrap();
        assert!(!manager.status(&absent).unwrap().exists());
    }

    #[test]
    fn several_units_are_asked_for_at_once() {
        let absent = UnitName::new("absent.service").unwrap();
        let statuses = recorded().statuses(&[UnitName::LANDFALL, absent, UnitName::LANDFALL]).unwrap();
        assert_eq!(statuses.iter().map(UnitStatus::exists).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn a_missing_unit_cannot_be_started() {
        let manager = recorded();
        let absent = UnitName::new("absent.service").unwrap();
        for error in [manager.start(&absent).unwrap_err(), manager.start_detached(&absent).unwrap_err()] {
            assert!(error.to_string().ends_with("Unit absent.service not found."), "{error}");
        }
    }

    #[test]
    fn an_existing_unit_is_managed() {
        let manager = recorded();
        manager.daemon_reload().unwrap();
        manager.enable(&UnitName::LANDFALL).unwrap();
        manager.restart(&UnitName::LANDFALL).unwrap();
        manager.start_detached(&UnitName::LANDFALL).unwrap();
        manager.restart_detached(&UnitName::LANDFALL).unwrap();
        assert_eq!(manager.status(&UnitName::LANDFALL).unwrap().active, ActiveState::Active);
    }

    #[test]
    fn a_failure_carries_the_command_the_code_and_the_message() {
        let message = |script: &str| run("sh", &["-c", script], Timeouts::default().query).unwrap_err().to_string();
        let text = message("echo ' no such unit ' >&2; exit 5");
        assert_eq!(text, "`sh -c echo ' no such unit ' >&2; exit 5` failed with exit code 5: no such unit");
        assert_eq!(message("exit 3"), "`sh -c exit 3` failed with exit code 3: no message");
        assert_eq!(message("kill -KILL $$"), "`sh -c kill -KILL $$` failed with a signal: no message");
        let missing = run("no-such-program", &["show"], Timeouts::default().query).unwrap_err();
        assert_eq!(missing.to_string(), "cannot run `no-such-program show`: is systemd installed and on the PATH?");
    }

    #[test]
    fn reads_the_versions_that_systemd_prints() {
        assert_eq!(parse_version("systemd 252 (252.38-1~deb12u1)\n+PAM +AUDIT\n"), Some(252));
        assert_eq!(parse_version("systemd 257~rc1 (257~rc1-1)\n"), Some(257));
        assert_eq!(parse_version("upstart 1.13\n"), None);
        assert_eq!(parse_version(""), None);
    }
}
