//! Log lines on standard output, as the tenants' logs are documented: `2024-01-15T10:00:00Z [INFO] Listening on port 3000`.

use std::io::Write as _;

use crate::clock;

/// Something that is as it should be.
pub(crate) fn info(message: &str) {
    line("INFO", message);
}

/// Something that someone has to look at.
pub(crate) fn error(message: &str) {
    line("ERROR", message);
}

/// A log that cannot be written is no reason to stop serving.
fn line(level: &str, message: &str) {
    let line = format!("{} [{level}] {message}\n", clock::now());
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}
