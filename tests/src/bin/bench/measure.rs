//! How long a command takes, and how much memory it holds at most.

use anyhow::{Context as _, Result};
use landfall_tests::{Command, Host, workspace};

/// The seconds that `command` takes.
pub(crate) fn seconds(command: Command) -> Result<f64> {
    Ok(command.run()?.ok()?.took.as_secs_f64())
}

/// The most memory that `command` holds at any time, resident, in MiB.
pub(crate) fn peak_memory(command: Command) -> Result<f64> {
    let file = workspace::folder("cache")?.join("measured");
    command.under("time", ["--format", "%M", "--output", &file.to_string_lossy()]).ok()?;
    mebibytes(&std::fs::read_to_string(&file)?)
}

/// The seconds that a shell command takes on `host`, by the host's own clock.
pub(crate) fn seconds_on(host: &Host, command: &str) -> Result<f64> {
    // Timed on the host, since starting `docker exec` takes time that is not the command's.
    let timed = format!(
        "start=$(date +%s%N); {{ {command}; }} >/run/output 2>&1 || {{ cat /run/output; exit 1; }}; echo $(($(date +%s%N) - start))"
    );
    let output = host.ask(&timed)?.ok()?;
    let nanoseconds: f64 = output.stdout.trim().parse().with_context(|| format!("{command}: {}", output.stdout))?;
    Ok(nanoseconds / 1e9)
}

/// From a number of KiB.
pub(crate) fn mebibytes(kibibytes: &str) -> Result<f64> {
    let last = kibibytes.lines().last().unwrap_or_default();
    let number: f64 = last.trim().parse().with_context(|| format!("{last:?} is no number of KiB"))?;
    Ok(number / 1024.0)
}
