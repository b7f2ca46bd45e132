//! The system calls by which a command changes a folder, found by strace, and the command cut off or failed at any of them.
//!
//! # Why being cut off between calls is all there is
//!
//! What a program does to a disk it does by system calls, so the disk is the same from the end of one changing call to the
//! begin of the next one, whatever the program computes in between. `Trace::read` refuses a log in which two changing calls
//! overlap; the changes of a run thus form one line, and being killed after a call leaves what being killed before the next
//! one leaves. Both are done all the same: [`Point::next`] is the call, of any kind, that the thread makes next.
//!
//! # How a call is met again
//!
//! strace counts calls by thread and by name, from where it starts to look; so does a [`Call`], from its program's start. So
//! [`run_with`] meets the calls of the command itself; those of its children are met where the child in question is started
//! under a strace of its own, with [`Fault::options`].

mod log;

use crate::{Command, Output};
use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;

/// A system call of a run: the `nth` of its name in the thread that makes it, counted from 1 and from the program's start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// Which program of the run makes it, an index into [`Trace::programs`].
    pub program: usize,
    /// Such as `renameat`.
    pub name: String,
    /// Counted from 1.
    pub nth: u32,
}

/// A system call that changes the folder, and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The changing call.
    pub call: Call,
    /// The next call of the same thread, apart from those that wait for others: their number is chance.
    pub next: Call,
    /// The changing call's arguments, for people.
    pub arguments: String,
}

/// What a command does to a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// Every changing call, in the order in which they happen.
    pub points: Vec<Point>,
    /// The programs that ran, the command itself first, by the path that was executed.
    pub programs: Vec<String>,
}

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed before the call does anything.
    Kill,
    /// The call does nothing and fails with this error, such as `EIO`.
    Error(&'static str),
    /// This call and all later ones of its name fail with this error.
    ErrorsFromHereOn(&'static str),
}

impl Fault {
    /// The options that make strace do this at `call`, and write to `log` what it did it to.
    pub fn options(self, call: &Call, log: &Path) -> Vec<String> {
        let Call { name, nth, .. } = call;
        let inject = match self {
            Self::Kill => format!("inject={name}:signal=SIGKILL:when={nth}"),
            Self::Error(error) => format!("inject={name}:error={error}:when={nth}"),
            Self::ErrorsFromHereOn(error) => format!("inject={name}:error={error}:when={nth}+"),
        };
        let log = log.display().to_string();
        ["-f", "-qq", "-y", "-s", "0", "-e", &format!("trace={name}"), "-e", &inject, "-o", &log]
            .map(str::to_owned)
            .to_vec()
    }

    /// The first call that it was done to, as strace logs it.
    fn met(self, log: &str) -> Option<&str> {
        match self {
            // What was killed on its way into the call has no result.
            Self::Kill => log.lines().rfind(|line| line.trim_end().ends_with("= ?")),
            Self::Error(_) | Self::ErrorsFromHereOn(_) => log.lines().find(|line| line.ends_with("(INJECTED)")),
        }
    }
}

/// Runs `command` to its end, which must be `code`, and finds every call by which it or its children change `folder`.
pub fn points(command: &Command, code: i32, folder: &Path, log: &Path) -> Result<Trace> {
    let traced = command.clone().under("strace", ["-f", "-qq", "-y", "-s", "0", "-o", &log.to_string_lossy()]);
    traced.run()?.exits(code)?;
    Trace::read(&read(log)?, &folder.to_string_lossy())
}

/// Runs `command` itself, not its children, with `fault` at `call`; an error if the run did not come there.
pub fn run_with(command: &Command, fault: Fault, call: &Call, log: &Path) -> Result<Output> {
    // What is executed is let go: a child might come to a call of this name and number first.
    let options = ["-b", "execve"].map(str::to_owned).into_iter().chain(fault.options(call, log));
    let output = command.clone().under("strace", options).run()?;
    happened(fault, call, log, output)
}

/// Runs `command` itself and stops it right after `call`, does `act` meanwhile, and lets it go on to its end.
pub fn run_stopped_after(
    command: &Command,
    call: &Call,
    log: &Path,
    act: impl FnOnce() -> Result<()>,
) -> Result<Output> {
    let Call { name, nth, .. } = call;
    let inject = format!("inject={name}:signal=SIGSTOP:when={nth}");
    let options = ["-b", "execve", "-f", "-qq", "-s", "0", "-e", &format!("trace={name}"), "-e", &inject, "-o"];
    let traced = command.clone().under("strace", options.into_iter().chain([log.to_string_lossy().as_ref()]));
    // Of an earlier run.
    std::fs::remove_file(log).or_else(|error| if log.exists() { Err(error) } else { Ok(()) })?;
    std::thread::scope(|scope| {
        let running = scope.spawn(|| traced.run());
        let stopped = loop {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let line = text.lines().find(|line| line.ends_with("--- stopped by SIGSTOP ---"));
            match line.and_then(|line| line.split(' ').next()?.parse().ok()).and_then(Pid::from_raw) {
                Some(stopped) => break Some(stopped),
                None if running.is_finished() => break None,
                None => std::thread::sleep(std::time::Duration::from_millis(2)),
            }
        };
        let acted = match stopped {
            Some(process) => {
                let acted = act();
                // In any case: a process that stays stopped would keep its thread waiting.
                kill_process(process, Signal::CONT).context("let it go on")?;
                acted
            }
            None => Err(anyhow!("it was not stopped: no {name} number {nth}")),
        };
        let output = running.join().map_err(|_| anyhow!("the thread that runs it panicked"))??;
        acted.with_context(|| output.text()).map(|()| output)
    })
}

/// The output of a run in which `fault` was to happen at `call`; an error if the run did not reach it.
pub fn happened(fault: Fault, call: &Call, log: &Path, output: Output) -> Result<Output> {
    // Checked, not assumed: a run that never makes the call would pass without having been tested.
    let met = log.exists() && fault.met(&read(log)?).is_some();
    ensure!(met, "{fault:?} did not happen: no {} number {}; {}", call.name, call.nth, output.text());
    // 128 and SIGKILL's number, as `Output::code` counts signals.
    let ended_as_injected = fault != Fault::Kill || output.code == 137;
    ensure!(ended_as_injected, "ended with {} although killed: {}", output.code, output.text());
    Ok(output)
}

/// Runs `command` to its end, which must be 0, and counts the bytes that it reads from `file`, or from all files in it if
/// it is a folder.
pub fn bytes_read(command: &Command, file: &Path, log: &Path) -> Result<u64> {
    let options = ["-f", "-qq", "-y", "-s", "0", "-e", "trace=read,pread64,readv,preadv", "-o", &log.to_string_lossy()];
    command.clone().under("strace", options).ok()?;
    Ok(log::bytes_read(&read(log)?, &file.to_string_lossy()))
}

/// Runs `command` to its end, which must be `exit`, and lists the calls that it and all that it starts make on sockets.
pub fn network_calls(command: &Command, exit: i32, log: &Path) -> Result<Vec<String>> {
    let options = ["-f", "-qq", "-s", "256", "-e", "trace=%network", "-e", "signal=none", "-o", &log.to_string_lossy()];
    command.clone().under("strace", options).run()?.exits(exit)?;
    Ok(log::calls(&read(log)?))
}

fn read(log: &Path) -> Result<String> {
    std::fs::read_to_string(log).with_context(|| format!("read {}", log.display()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn call(name: &str, nth: u32) -> Call {
        Call { program: 0, name: name.to_owned(), nth }
    }

    #[test]
    fn a_command_is_killed_before_the_call_and_after_it_and_fails_at_it() {
        crate::tools::ensure().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (file, log) = (folder.path().join("file"), folder.path().with_extension("log"));
        let remove = Command::new("rm").arg(&file);
        std::fs::write(&file, "").unwrap();
        let trace = points(&remove, 0, folder.path(), &log).unwrap();
        assert_eq!(trace.points.len(), 1, "{trace:?}");
        let point = &trace.points[0];
        assert_eq!(point.call, call("unlinkat", 1));
        for (fault, at, code, stays) in [
            (Fault::Kill, &point.call, 137, true),
            (Fault::Kill, &point.next, 137, false),
            (Fault::Error("EIO"), &point.call, 1, true),
        ] {
            std::fs::write(&file, "").unwrap();
            let output = run_with(&remove, fault, at, &log).unwrap();
            assert_eq!((output.code, file.exists()), (code, stays), "{fault:?} {at:?} {}", output.text());
        }
        std::fs::write(&file, "").unwrap();
        let error = run_with(&remove, Fault::Kill, &call("unlinkat", 2), &log).unwrap_err();
        assert!(format!("{error:#}").contains("did not happen"), "{error:#}");
    }

    #[test]
    fn a_command_is_stopped_after_a_call_and_goes_on() {
        crate::tools::ensure().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (file, log) = (folder.path().join("file"), folder.path().join("log"));
        std::fs::write(&file, "").unwrap();
        let remove = Command::new("rm").arg("-v").arg(&file);
        let output = run_stopped_after(&remove, &call("unlinkat", 1), &log, || {
            ensure!(!file.exists(), "the call is not done");
            Ok(())
        });
        assert_eq!(output.unwrap().code, 0);
        std::fs::write(&file, "").unwrap();
        let error = run_stopped_after(&remove, &call("unlinkat", 2), &log, || Ok(())).unwrap_err();
        assert!(format!("{error:#}").contains("not stopped"), "{error:#}");
    }

    #[test]
    fn lists_what_is_done_on_sockets() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let calls = network_calls(&Command::new("true"), 0, log.path()).unwrap();
        assert_eq!(calls, Vec::<String>::new());
        let connect = "exec 3<>/dev/tcp/127.0.0.1/1";
        let calls = network_calls(&Command::new("bash").args(["-c", connect]), 1, log.path()).unwrap();
        let reached = |call: &String| call.starts_with("connect(") && call.contains("127.0.0.1");
        assert!(calls.iter().any(reached), "{calls:?}");
    }

    #[test]
    fn counts_what_is_read_from_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let (file, log) = (folder.path().join("file"), folder.path().with_extension("log"));
        std::fs::write(&file, vec![0; 300_000]).unwrap();
        let copy = Command::new("cmp").arg(&file).arg(&file);
        assert!(bytes_read(&copy, &file, &log).unwrap() <= 600_000);
        let copy = Command::new("sha256sum").arg(&file).arg("/dev/null");
        assert_eq!(bytes_read(&copy, &file, &log).unwrap(), 300_000);
    }
}
