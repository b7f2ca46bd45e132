//! Stands in for a release's program: runs the real one, see `landfall_tests::stand_in`.

use anyhow::{Context as _, Result};
use landfall_tests::stand_in::{Order, real_program};
use rustix::process::{Signal, getppid, kill_process};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitCode};

fn main() -> Result<ExitCode> {
    let this = std::env::current_exe()?;
    let options = Order::to(&this).map(|order| order.begin_run()).transpose()?.flatten();
    let (real, words) = (real_program(&this)?, std::env::args_os().skip(1));
    let Some(options) = options else {
        return Err(Command::new(&real).args(words).exec()).with_context(|| format!("run {}", real.display()));
    };
    let status = Command::new("strace").args(options).arg(&real).args(words).status()?;
    if status.signal() == Some(Signal::KILL.as_raw()) {
        // The power fails for everybody at once: before whoever started the program learns of its end.
        kill_process(getppid().context("no parent")?, Signal::KILL)?;
    }
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1))?))
}
