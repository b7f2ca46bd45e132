use std::process::ExitCode;

/// The exit codes of all three programs. Scripts rely on the numbers: they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// An unexpected error.
    Unexpected = 1,
    /// The command line, a definition or a configuration does not parse.
    Usage = 2,
    /// Refused: the bundle is damaged or differs from its manifest.
    Damaged = 3,
    /// Refused: not signed by the keys that this host trusts.
    Untrusted = 4,
    /// Refused by policy: downgrade, wrong product, architecture or upgrade path.
    Policy = 5,
    /// The host lacks something: a program, free space, a port.
    Unfit = 6,
    /// The update failed, and the host runs the previous release again.
    Reverted = 7,
    /// Another operation holds the lock, or one that failed or was interrupted has still to be settled.
    Busy = 8,
}

impl Exit {
    /// The number that the process exits with.
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}
