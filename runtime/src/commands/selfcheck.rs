use super::api_client;
use super::engine_kind;
use super::error::CommandError;
use crate::controller::{Check, SELF_CHECK_LIMIT, SelfCheck};
use crate::engine::EngineKind;
use hyper::Method;
use landfall_console::Console;
use landfall_host::Layout;
use std::fmt::Write as _;
use std::time::Duration;

/// How long to wait for the response: a little longer than the self-check may take.
const RESPONSE_TIMEOUT: Duration = SELF_CHECK_LIMIT.saturating_add(Duration::from_secs(4));

pub(super) fn run(layout: &Layout, console: Console) -> Result<(), CommandError> {
    let response = api_client::send_within(layout, Method::POST, "/api/v1/selfcheck", RESPONSE_TIMEOUT)?;
    let report: SelfCheck = api_client::parse(response.success()?)?;
    if !report.ok {
        return Err(failure(&report, engine_kind(layout)));
    }
    console.result(&report, table(&report))
}

fn failure(report: &SelfCheck, engine: EngineKind) -> CommandError {
    let failed = report.checks.iter().filter(|check| !check.ok);
    let failed: Vec<_> = failed.map(|check| format!("{}: {}", check.name, check.detail)).collect();
    CommandError::SelfCheck { release: report.release.clone(), failures: failed.join("; "), engine }
}

fn table(report: &SelfCheck) -> String {
    let mut text = format!("release {} passed its self-check\n", report.release);
    for Check { name, ms, detail, .. } in &report.checks {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:9} {ms:>6} ms  {detail}");
    }
    text
}
