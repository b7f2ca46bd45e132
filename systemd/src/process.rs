//! Running a program with a limit on its time and on what it may write.

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::Error;

/// What a program may write to each of its outputs. A thousand journal lines, the most that we ask for, have some 200 KiB.
pub(crate) const MAX_OUTPUT_BYTES: usize = 1024 * 1024;

/// How often the end of the program is looked for. `systemctl` needs some 10 ms for the shortest of questions.
const POLL: Duration = Duration::from_millis(5);

/// Runs `program` without an input and answers what it wrote to standard output.
pub(crate) fn run(program: &str, arguments: &[&str], timeout: Duration) -> Result<String, Error> {
    let command = [&[program], arguments].concat().join(" ");
    // Its own process group, so that nothing it started outlives the time limit and holds our pipes.
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_URLIFY", "0")
        .env_remove("SYSTEMD_LOG_LEVEL")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|source| Error::Spawn { command: command.clone(), source })?;
    let stdout = child.stdout.take().map(read_bounded);
    let stderr = child.stderr.take().map(read_bounded);
    let ended = wait(&mut child, timeout).map_err(|source| Error::Io { command: command.clone(), source })?;
    let stdout = collect(stdout, &command)?;
    let stderr = collect(stderr, &command)?;
    match ended {
        None => Err(Error::TimedOut { command, after: timeout }),
        Some(status) if status.success() => Ok(stdout),
        Some(status) => Err(Error::Failed { command, code: status.code(), stderr: message(&stderr) }),
    }
}

/// The exit status, or `None` if the program had to be killed.
fn wait(child: &mut Child, timeout: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= timeout {
            if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                kill_process_group(group, Signal::KILL)?;
            }
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

/// Reads in a thread of its own, since a program that fills one pipe while we wait for the other never ends. Stops
/// reading at the limit, which ends a program that goes on writing.
fn read_bounded(pipe: impl Read + Send + 'static) -> JoinHandle<io::Result<Vec<u8>>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.take(MAX_OUTPUT_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

fn collect(reader: Option<JoinHandle<io::Result<Vec<u8>>>>, command: &str) -> Result<String, Error> {
    let Some(reader) = reader else { return Ok(String::new()) };
    let read = reader.join().unwrap_or_else(|_| Err(io::Error::other("the thread that reads the output panicked")));
    let bytes = read.map_err(|source| Error::Io { command: command.to_owned(), source })?;
    if bytes.len() > MAX_OUTPUT_BYTES {
        return Err(Error::TooMuchOutput { command: command.to_owned(), limit: MAX_OUTPUT_BYTES });
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn message(stderr: &str) -> String {
    let trimmed = stderr.trim();
    if trimmed.is_empty() { "no message".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn sh(script: &str, timeout: Duration) -> Result<String, Error> {
        run("sh", &["-c", script], timeout)
    }

    #[test]
    fn answers_what_the_program_wrote_in_plain_language() {
        assert_eq!(sh("echo out; echo err >&2; echo $LC_ALL", LONG).unwrap(), "out\nC\n");
    }

    #[test]
    fn a_failure_carries_the_command_the_code_and_the_message() {
        let error = sh("echo ' no such unit ' >&2; exit 5", LONG).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c echo ' no such unit ' >&2; exit 5` failed with exit code 5: no such unit"
        );
    }

    #[test]
    fn kills_what_does_not_end_together_with_its_children() {
        let started = Instant::now();
        let error = sh("sleep 60 & sleep 60", Duration::from_millis(100)).unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
        assert!(started.elapsed() < LONG, "waited for a grandchild that holds the pipe");
    }

    #[test]
    fn ends_a_program_that_never_stops_writing() {
        let error = sh("exec cat /dev/zero", LONG).unwrap_err();
        assert!(matches!(error, Error::TooMuchOutput { limit: MAX_OUTPUT_BYTES, .. }), "{error}");
    }

    #[test]
    fn says_what_to_look_for_when_the_program_is_not_there() {
        let error = run("no-such-program", &["show"], LONG).unwrap_err();
        assert_eq!(error.to_string(), "cannot run `no-such-program show`: is systemd installed and on the PATH?");
    }
}
