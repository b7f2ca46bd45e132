use super::reach;
use crate::controller::{Check, SELF_CHECK_LIMIT, SelfCheck};
use anyhow::Context as _;
use landfall_console::{Console, Exit, Failure};
use landfall_host::Layout;
use std::fmt::Write as _;
use std::time::Duration;

/// How long to wait for the service's answer: a little longer than it takes at most.
const PATIENCE: Duration = SELF_CHECK_LIMIT.saturating_add(Duration::from_secs(4));

pub(super) fn run(layout: &Layout, console: Console) -> anyhow::Result<()> {
    let answer = reach::demand_within(layout, "POST", "/api/v1/selfcheck", None, PATIENCE)?;
    let found: SelfCheck = serde_json::from_value(answer).context("the service's answer does not parse")?;
    if !found.ok {
        return Err(failure(&found).into());
    }
    console.result(&found, table(&found))
}

fn failure(found: &SelfCheck) -> Failure {
    let failed = found.checks.iter().filter(|check| !check.ok);
    let failed: Vec<_> = failed.map(|check| format!("{}: {}", check.name, check.detail)).collect();
    let message = format!("release {} failed its self-check: {}", found.release, failed.join("; "));
    Failure::new(Exit::Unfit, "selfcheck", message).hint("see `journalctl -u landfall` and `systemctl status docker`")
}

fn table(found: &SelfCheck) -> String {
    let mut text = format!("release {} passed its self-check\n", found.release);
    for Check { name, ms, detail, .. } in &found.checks {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:9} {ms:>6} ms  {detail}");
    }
    text
}
