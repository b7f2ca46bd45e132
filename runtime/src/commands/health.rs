use super::api_client;
use super::engine_kind;
use super::error::CommandError;
use hyper::Method;
use landfall_console::Console;
use landfall_host::Layout;
use serde_json::Value;
use std::fmt::Write as _;

pub(super) fn run(layout: &Layout, console: Console) -> Result<(), CommandError> {
    let response = api_client::send(layout, Method::GET, "/health", None)?;
    let word = |key: &str| response.body.get(key).and_then(Value::as_str).unwrap_or("unknown").to_owned();
    let mut report = format!("{}: release {}", word("status"), word("release"));
    for part in ["engine", "database", "network", "disk"] {
        // Writing to a string cannot fail.
        let _ = write!(report, ", {part} {}", word(part));
    }
    let problems = response.body.get("problems").and_then(Value::as_array).into_iter().flatten();
    for problem in problems.filter_map(Value::as_str) {
        let _ = write!(report, "; {problem}");
    }
    if !response.status.is_success() {
        return Err(CommandError::Degraded { report, engine: engine_kind(layout) });
    }
    console.result(&response.body, report)
}
