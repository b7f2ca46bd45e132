//! The requests of the installer to the service manager.

use crate::{Error, UnitName, UnitStatus};

/// The service manager of one host.
///
/// Calls are synchronous: each returns when systemd has done it, or with an error. Starting a unit that runs, stopping one that
/// does not, or enabling one that is enabled succeeds and changes nothing, so that the installer's steps can be repeated.
///
/// Inside `landfall-recover.service` and inside the hook that runs before each start of [`UnitName::LANDFALL`], a call that
/// waits for that unit or for [`UnitName::FIREWALL`] to start waits for itself: both start after recovery has ended. There
/// [`start`](Self::start), [`restart`](Self::restart) and [`reload_or_start`](Self::reload_or_start) deadlock: use
/// [`start_detached`](Self::start_detached) instead. [`stop`](Self::stop) can be used in recovery in any state of the
/// unit. It cancels a start that waits for recovery, so request the start again afterwards. All other calls can be used in both.
pub trait UnitManager {
    /// Whether systemd runs this host, as sd_booted(3) defines it: the folder `/run/systemd/system` is there.
    fn booted(&self) -> bool;

    /// systemd's version number, for instance 252.
    ///
    /// # Errors
    /// Any [`Error`] of running the program, or [`Error::Answer`].
    fn version(&self) -> Result<u32, Error>;

    /// Makes systemd read unit files that were added, changed or removed.
    ///
    /// # Errors
    /// Any [`Error`] of running the program.
    fn daemon_reload(&self) -> Result<(), Error>;

    /// Starts the unit with each boot from now on. Does not start it now. Reads the unit's file, whether systemd has read it or not, and has
    /// systemd itself read nothing: that takes a [`daemon_reload`](Self::daemon_reload).
    ///
    /// # Errors
    /// Any [`Error`] of running the program.
    fn enable(&self, unit: &UnitName) -> Result<(), Error>;

    /// No longer starts the unit with each boot. Does not stop it now. Succeeds if there is no such unit. Has systemd read nothing, as
    /// [`enable`](Self::enable).
    ///
    /// # Errors
    /// Any [`Error`] of running the program.
    fn disable(&self, unit: &UnitName) -> Result<(), Error>;

    /// Starts the unit and waits until it has started; for `Type=notify`, until it reported `READY=1`.
    ///
    /// # Errors
    /// [`Error::Failed`] if the unit did not start; [`log`](Self::log) says why.
    fn start(&self, unit: &UnitName) -> Result<(), Error>;

    /// Queues a start of the unit, which begins once the units that it is ordered after have ended. Does not wait for it.
    ///
    /// For recovery, whose last request it is: [`UnitName::LANDFALL`] then starts once `landfall-recover.service` has ended. And for
    /// the hook before that unit's start, which requests [`UnitName::RECOVER`] when no try is left: recovery then runs while
    /// the unit starts, and may stop it. A second request while the first waits changes nothing.
    ///
    /// # Errors
    /// [`Error::Failed`] if systemd cannot queue the start, for instance because there is no such unit. [`status`](Self::status) tells whether the
    /// unit then starts.
    fn start_detached(&self, unit: &UnitName) -> Result<(), Error>;

    /// Stops the unit and waits until it has ended. Succeeds if there is no such unit.
    ///
    /// # Errors
    /// Any [`Error`] of running the program.
    fn stop(&self, unit: &UnitName) -> Result<(), Error>;

    /// Stops the unit if it runs, and starts it. In contrast to stop and start, keeps the descriptor store.
    ///
    /// # Errors
    /// [`Error::Failed`] if the unit did not start again.
    fn restart(&self, unit: &UnitName) -> Result<(), Error>;

    /// Like [`restart`](Self::restart), without waiting: a start that hangs would block until the unit's timeout. Ask the service
    /// itself, or [`status`](Self::status), whether it started.
    ///
    /// # Errors
    /// [`Error::Failed`] if systemd cannot queue the restart.
    fn restart_detached(&self, unit: &UnitName) -> Result<(), Error>;

    /// Runs the unit's `ExecReload=`, or starts the unit if it is not active.
    ///
    /// # Errors
    /// [`Error::Failed`] if the reload or the start failed.
    fn reload_or_start(&self, unit: &UnitName) -> Result<(), Error>;

    /// Clears the failed state of the unit, and sets [`UnitStatus::restarts`] to 0. Succeeds if there is no such unit.
    ///
    /// # Errors
    /// Any [`Error`] of running the program.
    fn reset_failed(&self, unit: &UnitName) -> Result<(), Error>;

    /// The state of the unit. A unit that does not exist has one too, see [`crate::LoadState`].
    ///
    /// # Errors
    /// Any [`Error`] of running the program, or [`Error::Answer`].
    fn status(&self, unit: &UnitName) -> Result<UnitStatus, Error>;

    /// The states of several units, in their order, from one question to systemd.
    ///
    /// # Errors
    /// As [`status`](Self::status).
    fn statuses(&self, units: &[UnitName]) -> Result<Vec<UnitStatus>, Error>;

    /// The last lines that the unit or systemd wrote about it to the journal, oldest first, at most 1000.
    ///
    /// # Errors
    /// Any [`Error`] of running the program.
    fn log(&self, unit: &UnitName, lines: u16) -> Result<Vec<String>, Error>;
}
