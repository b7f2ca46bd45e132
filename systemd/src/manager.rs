//! What the installer asks of the service manager.

use crate::{Error, UnitName, UnitStatus};

/// The service manager of one host.
///
/// Calls are synchronous: each returns when systemd has carried it out, or says why it has not. Starting something that
/// runs, stopping something that does not, enabling what is enabled: all are fine and change nothing, so that the
/// installer's steps can be repeated.
///
/// Inside `landfall-recover.service`, starting or restarting [`UnitName::LANDFALL`] would wait for itself: systemd starts
/// that unit once recovery has ended. Recovery calls [`daemon_reload`](Self::daemon_reload) at most.
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

    /// Runs the unit's `ExecReload=`, or starts the unit if it is not active.
    ///
    /// # Errors
    /// [`Error::Failed`] if it did not work.
    fn reload_or_start(&self, unit: &UnitName) -> Result<(), Error>;

    /// Forgets a failure, so that the unit does not show as failed and its start counter begins again. Fine if there is
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
