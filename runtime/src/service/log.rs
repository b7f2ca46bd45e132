//! The service's log: one line for each event on standard error, `level=… event=… key=value …`, which systemd's journal stores unchanged.
//!
//! Values with spaces, quotes or control characters are quoted and escaped, so that an event stays one line whatever the name of a
//! tenant. Secrets are never logged: the types of keys have no `Display`.

use std::fmt::{Display, Write as _};
use std::io::Write as _;

/// The severity of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Logs one event.
pub(crate) fn event(level: Level, name: &str, fields: &[(&str, &dyn Display)]) {
    // In one write, so that the journal gets whole lines. Where standard error is closed, there is no other place to
    // report that.
    let _ = std::io::stderr().lock().write_all(line(level, name, fields).as_bytes());
}

fn line(level: Level, name: &str, fields: &[(&str, &dyn Display)]) -> String {
    let mut line = format!("level={} event={name}", level.word());
    for (key, value) in fields {
        let value = value.to_string();
        let plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '=');
        // Writing to a string cannot fail.
        let _ = if plain { write!(line, " {key}={value}") } else { write!(line, " {key}={value:?}") };
    }
    line.push('\n');
    line
}

macro_rules! info {
    ($name:literal $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::service::log::event($crate::service::log::Level::Info, $name, &[$((stringify!($key), &$value)),*])
    };
}
macro_rules! warning {
    ($name:literal $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::service::log::event($crate::service::log::Level::Warn, $name, &[$((stringify!($key), &$value)),*])
    };
}
macro_rules! error {
    ($name:literal $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::service::log::event($crate::service::log::Level::Error, $name, &[$((stringify!($key), &$value)),*])
    };
}
pub(crate) use {error, info, warning};

/// An error and its causes, joined by colons, as an event's value.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let message = inner.to_string();
        // Transparent errors repeat their cause.
        if !text.ends_with(&message) {
            let _ = write!(text, ": {message}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_its_values() {
        let written = line(Level::Warn, "probe", &[("name", &"a\nlevel=error"), ("port", &3001), ("empty", &"")]);
        assert_eq!(written, "level=warn event=probe name=\"a\\nlevel=error\" port=3001 empty=\"\"\n");
    }
}
