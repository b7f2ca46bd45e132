use super::reach;
use landfall_console::{Console, Exit, Failure};
use landfall_host::Layout;
use serde_json::Value;

pub(super) fn run(layout: &Layout, console: Console) -> anyhow::Result<()> {
    let answer = reach::ask(layout, "GET", "/health", None)?;
    let word = |key: &str| answer.body.get(key).and_then(Value::as_str).unwrap_or("unknown").to_owned();
    let text = format!(
        "{}: release {}, engine {}, database {}",
        word("status"),
        word("release"),
        word("engine"),
        word("database")
    );
    if !answer.status.is_success() {
        return Err(Failure::new(Exit::Unfit, "degraded", text)
            .hint("see `systemctl status landfall docker` and `journalctl -u landfall`")
            .into());
    }
    console.result(&answer.body, text)
}
