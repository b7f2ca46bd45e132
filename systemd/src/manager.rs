//! What the installer asks of the service manager.

use crate::{Error, UnitName, UnitStatus};

/// The service manager of one host.
///
/// Calls are synchronous: each returns when systemd has carried it out, or says why it has not. Starting something that
/// runs, stopping something that does not, enabling what is enabled: all are fine and change nothing, so that the
/// installer's steps can be repeated.
///
/// Inside `landfall-recover.service` and inside the hook that runs before each start of [`UnitName::LANDFALL`], a call that
/// waits for that unit or for [`UnitName::FIREWALL`] to start waits for itself: both start after recovery has ended. There
/// [`start`](Self::start), [`restart`](Self::restart) and [`reload_or_start`](Self::reload_or_start) are out, and
/// [`start_detached`](Self::start_detached) takes their place. [`stop`](Self::stop) is fine in recovery, whatever state the
/// unit is in, and takes back a start that waits for recovery: whoever stops a unit there asks for its start again. All other calls
/// are fine in both.
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

    /// Starts the unit with each boot from now on. Does not start it now.
    ///
    /// # Errors
    /// Any [`Error`] of running the program.
    fn enable(&self, unit: &UnitName) -> Result<(), Error>;

    /// No longer starts the unit with each boot. Does not stop it now. Fine if there is no such unit.
    ///
    /// # Errors
    /// Any [`Error`] of running the program.
    fn disable(&self, unit: &UnitName) -> Result<(), Error>;

    /// Starts the unit and waits until it has started; for `Type=notify`, until it said so.
    ///
    /// # Errors
    /// [`Error::Failed`] if the unit did not start; [`log`](Self::log) says why.
    fn start(&self, unit: &UnitName) -> Result<(), Error>;

    /// Has systemd start the unit as soon as what it is ordered after has ended, and does not wait for that.
    ///
    /// For recovery, which ends with it: [`UnitName::LANDFALL`] then starts once `landfall-recover.service` has ended. And for
    /// the hook before that unit's start, which asks for [`UnitName::RECOVER`] when no try is left: recovery then runs while
    /// the unit starts, and may stop it. A second request while the first waits changes nothing.
    ///
    /// # Errors
    /// [`Error::Failed`] if systemd cannot queue the start, for instance because there is no such unit. Whether the unit
    /// then starts is to be found out by [`status`](Self::status).
    fn start_detached(&self, unit: &UnitName) -> Result<(), Error>;

    /// Stops the unit and waits until it has ended. Fine if there is no such unit.
    ///
    /// # Errors
    /// Any [`Error`] of running the program.
    fn stop(&self, unit: &UnitName) -> Result<(), Error>;

    /// Stops the unit if it runs, and starts it. In contrast to stop and start, keeps the descriptor store.
    ///
    /// # Errors
    /// [`Error::Failed`] if the unit did not start again.
    fn restart(&self, unit: &UnitName) -> Result<(), Error>;

    /// Like [`restart`](Self::restart), without waiting: a start that hangs would take as long as its unit lets it. Whether the
    /// unit came up is to be found out by asking it, or by [`status`](Self::status).
    ///
    /// # Errors
    /// [`Error::Failed`] if systemd cannot queue the restart.
    fn restart_detached(&self, unit: &UnitName) -> Result<(), Error>;

    /// Runs the unit's `ExecReload=`, or starts the unit if it is not active.
    ///
    /// # Errors
    /// [`Error::Failed`] if it did not work.
    fn reload_or_start(&self, unit: &UnitName) -> Result<(), Error>;

    /// Forgets a failure, so that the unit does not show as failed, and [`UnitStatus::restarts`] begins at 0. Fine if there is
    /// no such unit.
    ///
    /// # Errors
    /// Any [`Error`] of running the program.
    fn reset_failed(&self, unit: &UnitName) -> Result<(), Error>;

    /// What systemd knows about the unit. A unit that does not exist has a status too, see [`crate::LoadState`].
    ///
    /// # Errors
    /// Any [`Error`] of running the program, or [`Error::Answer`].
    fn status(&self, unit: &UnitName) -> Result<UnitStatus, Error>;

    /// The last lines that the unit or systemd wrote about it to the journal, oldest first, at most 1000.
    ///
    /// # Errors
    /// Any [`Error`] of running the program.
    fn log(&self, unit: &UnitName, lines: u16) -> Result<Vec<String>, Error>;
}
