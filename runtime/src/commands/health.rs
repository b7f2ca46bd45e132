use super::api_client;
use super::error::CommandError;
use hyper::Method;
use landfall_console::Console;
use landfall_host::Layout;
use serde_json::Value;

pub(super) fn run(layout: &Layout, console: Console) -> Result<(), CommandError> {
    let response = api_client::send(layout, Method::GET, "/health", None)?;
    let word = |key: &str| response.body.get(key).and_then(Value::as_str).unwrap_or("unknown").to_owned();
    let report = format!(
        "{}: release {}, engine {}, database {}",
        word("status"),
        word("release"),
        word("engine"),
        word("database")
    );
    if !response.status.is_success() {
        return Err(CommandError::Degraded { report });
    }
    console.result(&response.body, report)
}
