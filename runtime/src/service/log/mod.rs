//! The service's log: events of the `tracing` crate, each a line.
//!
//! Where systemd runs the service, an event goes to the journal in its own protocol, with a priority and its values as fields, so that
//! `journalctl -p warning` and `journalctl TENANT=3` find it. Otherwise it is a line on standard error.
//!
//! Secrets are never logged: the types of keys have no `Display`.

mod entry;
mod journal;
mod subscriber;
#[cfg(test)]
pub(crate) mod tests;

use subscriber::Log;

/// The target of this program's events. What libraries say of themselves has others, and is left out.
pub(crate) const TARGET: &str = "landfall";

/// Logs from now on, until the process ends: to the journal, or to standard error.
pub(crate) fn start(to_journal: bool) {
    let log = if to_journal { Log::to_journal(journal::SOCKET.into()) } else { Log::to_stderr() };
    // Only fails where it was called already: tests call a command twice in one process.
    let _ = tracing::subscriber::set_global_default(log);
}

macro_rules! event {
    ($level:ident, $name:literal $(, $key:ident = $value:expr)* $(,)?) => {
        ::tracing::event!(
            target: $crate::service::log::TARGET,
            ::tracing::Level::$level,
            event = $name,
            $($key = %$value,)*
        )
    };
}
macro_rules! info {
    ($($event:tt)*) => { $crate::service::log::event!(INFO, $($event)*) };
}
macro_rules! warning {
    ($($event:tt)*) => { $crate::service::log::event!(WARN, $($event)*) };
}
macro_rules! error {
    ($($event:tt)*) => { $crate::service::log::event!(ERROR, $($event)*) };
}
/// An error and its causes as an event's value.
pub(crate) use landfall_console::message_with_causes as chain;
pub(crate) use {error, event, info, warning};
