//! One event, as it is written.

use std::fmt::{Debug, Write as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// The most bytes of one field that are written: an error's causes may be long, a datagram is bounded, and `journalctl -o json` shows no
/// field that has more than 4,096 with its name (journalctl(1), `--all`).
pub(super) const MOST: usize = 4000;

/// An event's name and its values, in their order.
#[derive(Debug)]
pub(super) struct Entry {
    level: Level,
    name: String,
    values: Vec<(&'static str, String)>,
}

impl Entry {
    pub(super) fn new(event: &Event<'_>) -> Self {
        let mut entry = Self { level: *event.metadata().level(), name: String::new(), values: Vec::new() };
        event.record(&mut entry);
        entry
    }

    /// As a line of standard error, `level=… event=… key=value …`.
    ///
    /// Values with spaces, quotes or control characters are quoted and escaped, so that an event stays one line whatever the name of a
    /// tenant.
    pub(super) fn line(&self) -> String {
        format!("level={} {}\n", word(self.level), self.message())
    }

    /// As a line of standard error that systemd passes on to the journal (sd-daemon(3)).
    pub(super) fn line_with_priority(&self) -> String {
        format!("<{}>{}\n", priority(self.level), self.message())
    }

    /// For the journal: the same line, which its users read, and each value as a field.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        let own = [
            ("MESSAGE", cut(self.message())),
            ("PRIORITY", priority(self.level).to_string()),
            ("SYSLOG_IDENTIFIER", "landfall".to_owned()),
            ("EVENT", self.name.clone()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let values = self.values.iter().map(|(key, value)| (key.to_ascii_uppercase(), value.clone()));
        own.into_iter().chain(values).collect()
    }

    fn message(&self) -> String {
        let mut line = format!("event={}", self.name);
        for (key, value) in &self.values {
            let plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '=');
            // Writing to a string cannot fail.
            let _ = if plain { write!(line, " {key}={value}") } else { write!(line, " {key}={value:?}") };
        }
        line
    }

    fn add(&mut self, field: &Field, value: String) {
        let value = cut(value);
        match field.name() {
            "event" => self.name = value,
            key => self.values.push((key, value)),
        }
    }
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MOST));
    text
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format!("{value:?}"));
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        _ => "info",
    }
}

/// As syslog(3) numbers it.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        _ => 6,
    }
}
