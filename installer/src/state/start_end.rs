//! Whether a start of the service counts against its release: by whether it became healthy, and by how it ended.
//!
//! | how the start ended | became healthy | did not |
//! | --- | --- | --- |
//! | somebody asked for it: `systemctl stop` or `restart`, an installer, a reboot | free | free |
//! | it failed: crash, exit code, hang, watchdog, out of memory | counts | counts |
//! | it did not understand settings that were changed since the release came | free | free |
//! | it ended by itself, without an error | free | counts |
//! | nobody saw it end: a power cut, a reset, a kernel that panicked | free | counts |
//!
//! Who says what: the hook before the start writes down that there is one; the runtime marks it when it becomes healthy
//! (`db/healthy`); the hook after the end ([`StartEnd::Failed`] and its like) settles it. A start that no hook has settled was cut
//! off, and is settled by the hook before the next one.

/// How a start of the service ended, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartEnd {
    /// Somebody asked for a stop, a restart or a reboot, and the service obeyed.
    Requested,
    /// It ended, or was ended, by failure.
    Failed,
    /// It says that it does not understand its settings.
    Misconfigured,
    /// It ended by itself, without an error.
    ByItself,
    /// Nobody saw its end.
    CutOff,
}

/// The exit code of a service that does not understand its settings: `RestartPreventExitStatus=` in landfall.service.
const MISCONFIGURED: (&str, &str) = ("exited", "2");

impl StartEnd {
    /// Reads what systemd tells the hook after the end in `$SERVICE_RESULT`, `$EXIT_CODE` and `$EXIT_STATUS` (systemd.exec(5)).
    /// `is_requested` finds out whether a job of the service manager ends the service; it is asked only where that decides.
    pub(crate) fn read(result: &str, exit_code: &str, exit_status: &str, is_requested: impl FnOnce() -> bool) -> Self {
        match result {
            "success" if is_requested() => Self::Requested,
            "success" => Self::ByItself,
            "exit-code" if (exit_code, exit_status) == MISCONFIGURED => Self::Misconfigured,
            // Every other value is one of failure, also those that a later systemd may add.
            _ => Self::Failed,
        }
    }

    /// Whether the start counts against the release.
    pub(crate) fn counts(self, was_healthy: bool, settings_are_untouched: bool) -> bool {
        match self {
            Self::Requested => false,
            Self::Failed => true,
            Self::Misconfigured => settings_are_untouched,
            Self::ByItself | Self::CutOff => !was_healthy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_counts_when_it_did_not_become_healthy_or_ended_by_failure() {
        // The end, whether it counts after it was healthy, and where it was not.
        for (end, healthy, not_healthy) in [
            (StartEnd::Requested, false, false),
            (StartEnd::Failed, true, true),
            (StartEnd::Misconfigured, true, true),
            (StartEnd::ByItself, false, true),
            (StartEnd::CutOff, false, true),
        ] {
            assert_eq!((end.counts(true, true), end.counts(false, true)), (healthy, not_healthy), "{end:?}");
        }
        assert!(!StartEnd::Misconfigured.counts(false, false), "the settings were changed since the release came");
    }

    #[test]
    fn what_systemd_says_about_an_end_is_understood() {
        // $SERVICE_RESULT, $EXIT_CODE and $EXIT_STATUS by the tables of systemd.exec(5); whether a job ends the service.
        for (result, code, status, requested, end) in [
            ("success", "exited", "0", true, StartEnd::Requested),
            ("success", "killed", "TERM", true, StartEnd::Requested),
            // The signal of a restart, which comes before the runtime listens to it (`SuccessExitStatus=`).
            ("success", "killed", "USR2", true, StartEnd::Requested),
            ("success", "exited", "0", false, StartEnd::ByItself),
            ("success", "killed", "TERM", false, StartEnd::ByItself),
            ("protocol", "exited", "0", false, StartEnd::Failed),
            ("timeout", "killed", "KILL", false, StartEnd::Failed),
            ("exit-code", "exited", "1", false, StartEnd::Failed),
            ("exit-code", "exited", "1", true, StartEnd::Failed),
            ("exit-code", "exited", "2", false, StartEnd::Misconfigured),
            // A program that cannot be run, and a hook that failed with a runtime's code.
            ("exit-code", "exited", "203", false, StartEnd::Failed),
            ("exit-code", "", "", false, StartEnd::Failed),
            ("signal", "killed", "KILL", false, StartEnd::Failed),
            ("core-dump", "dumped", "SEGV", false, StartEnd::Failed),
            ("watchdog", "dumped", "ABRT", false, StartEnd::Failed),
            ("oom-kill", "killed", "KILL", false, StartEnd::Failed),
            ("resources", "", "", false, StartEnd::Failed),
            ("something new", "", "", true, StartEnd::Failed),
        ] {
            assert_eq!(StartEnd::read(result, code, status, || requested), end, "{result} {code} {status} {requested}");
        }
    }
}
