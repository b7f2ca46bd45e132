//! What the process and systemd tell each other: readiness, watchdog, stored sockets, the log, and that a release works.

pub(crate) mod fd_store;
pub(crate) mod log;
pub(crate) mod log_rate_limit;
pub(crate) mod mark_good;
pub(crate) mod notify;

pub use fd_store::{FdStore, InheritedSockets};
