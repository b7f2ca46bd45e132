//! Running one of a release's own programs, with a limit on its time and on what it may say.
//!
//! No shell, no input, no environment but a plain one, no thread. The program is the leader of its own process group, and when
//! [`Program::run`] returns, it has ended and whatever else is in that group is killed. Only if this process itself is killed
//! does the program go on to its end: what is run here must bear being run again.

use crate::executable;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take unless [`Program::limit`] says otherwise.
const LIMIT: Duration = Duration::from_secs(30);
/// How much a program may write to standard output unless [`Program::output_limit`] says otherwise, in bytes: an answer about
/// some ten thousand digests.
const OUTPUT_BYTES: usize = 1 << 20;
/// How much of the end of standard error is kept, in bytes: what a person reads.
const TAIL_BYTES: usize = 4 << 10;
/// How much is read at once, in bytes: what a pipe holds (pipe(7), "Pipe capacity").
const CHUNK: usize = 64 << 10;
/// How often the program's end is looked for while it says nothing.
const TICK: Duration = Duration::from_millis(10);
/// Where a program that starts others finds them, whatever the caller's `PATH` was.
const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program that is about to be run.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    limit: Duration,
    output_limit: usize,
}

/// What a program that ended by itself answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its exit code.
    pub code: i32,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// The end of its standard error, at most 4 KiB, without the blanks around it.
    pub stderr_tail: String,
}

/// A program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It cannot be started.
    #[error("cannot run {}", .program.display())]
    Start {
        /// Its path.
        program: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It took longer than it may.
    #[error("{} did not end within {} s and was killed{}", .program.display(), .limit.as_secs_f32(), said(.stderr_tail))]
    TimedOut {
        /// Its path.
        program: PathBuf,
        /// How long it may take.
        limit: Duration,
        /// The end of its standard error.
        stderr_tail: String,
    },
    /// It wrote more to standard output than it may.
    #[error("{} wrote more than {limit} bytes and was killed", .program.display())]
    TooMuchOutput {
        /// Its path.
        program: PathBuf,
        /// How much it may write, in bytes.
        limit: usize,
    },
    /// A signal ended it.
    #[error("{} was ended by signal {signal}{}", .program.display(), said(.stderr_tail))]
    Signal {
        /// Its path.
        program: PathBuf,
        /// The signal's number.
        signal: i32,
        /// The end of its standard error.
        stderr_tail: String,
    },
    /// Its pipes or its end cannot be waited for.
    #[error("cannot follow {}", .program.display())]
    Follow {
        /// Its path.
        program: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Answer {
    /// The word and the message of a failed program's error object, or else all that it said.
    pub fn error(&self) -> (Option<String>, String) {
        let object: Option<serde_json::Value> = serde_json::from_slice(&self.stdout).ok();
        let text = |key: &str| object.as_ref()?.get("error")?.get(key)?.as_str().map(str::to_owned);
        let plain = || format!("{} {}", String::from_utf8_lossy(&self.stdout).trim(), self.stderr_tail);
        (text("code"), text("message").unwrap_or_else(plain))
    }
}

fn said(stderr_tail: &str) -> String {
    if stderr_tail.is_empty() { String::new() } else { format!(": {stderr_tail}") }
}

impl Program {
    /// The program at `path`, which is not searched for.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), args: Vec::new(), limit: LIMIT, output_limit: OUTPUT_BYTES }
    }

    /// Adds arguments. They are seen by everybody on the host: no secrets.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// How long it may take; 30 seconds unless said otherwise.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// How many bytes it may write to standard output; 1 MiB unless said otherwise.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Runs it to its end, or kills it at a limit.
    ///
    /// # Errors
    /// It cannot be started, took too long, said too much, or was ended by a signal. An exit code other than zero is an
    /// answer.
    pub fn run(&self) -> Result<Answer, ProgramError> {
        let program = || self.path.clone();
        let follow = |source| ProgramError::Follow { program: program(), source };
        let child = self.start().map_err(|source| ProgramError::Start { program: program(), source })?;
        let mut running = Running { child, said: Said::default() };
        let outcome = running.follow(Instant::now(), self.limit, self.output_limit);
        // Whatever came of it, nothing of its process group stays behind.
        let status = running.end();
        let stderr_tail = running.said.stderr_tail();
        match outcome.map_err(follow)? {
            Outcome::Late => Err(ProgramError::TimedOut { program: program(), limit: self.limit, stderr_tail }),
            Outcome::Flood => Err(ProgramError::TooMuchOutput { program: program(), limit: self.output_limit }),
            Outcome::Ended => {
                let status = status.map_err(follow)?;
                let signal = status.signal().unwrap_or_default();
                let stdout = running.said.stdout;
                let killed = || ProgramError::Signal { program: program(), signal, stderr_tail: stderr_tail.clone() };
                let code = status.code().ok_or_else(killed)?;
                Ok(Answer { code, stdout, stderr_tail })
            }
        }
    }

    fn start(&self) -> io::Result<Child> {
        executable::check(&self.path)?;
        Command::new(&self.path)
            .args(&self.args)
            .env_clear()
            .env("PATH", SEARCH)
            .env("LC_ALL", "C")
            // Of no file system that somebody may want to unmount.
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }
}

/// How following a program came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ended,
    Late,
    Flood,
}

/// A program that has been started.
struct Running {
    child: Child,
    said: Said,
}

impl Running {
    /// Listens until the program has ended or is over a limit.
    fn follow(&mut self, started: Instant, limit: Duration, output_limit: usize) -> io::Result<Outcome> {
        let (mut stdout, mut stderr) = (self.child.stdout.take(), self.child.stderr.take());
        stdout.as_ref().map_or(Ok(()), do_not_block)?;
        stderr.as_ref().map_or(Ok(()), do_not_block)?;
        let mut buffer = vec![0; CHUNK];
        loop {
            // Asked first and read afterwards: what was written before the end is in the pipes by now.
            let ended = self.has_ended()?;
            let more_output = drain(&mut stdout, &mut buffer, |bytes| self.said.hear(bytes, output_limit))?;
            let more_errors = drain(&mut stderr, &mut buffer, |bytes| self.said.hear_error(bytes))?;
            if self.said.stdout.len() > output_limit {
                return Ok(Outcome::Flood);
            }
            if ended && !more_output && !more_errors {
                return Ok(Outcome::Ended);
            }
            let Some(left) = limit.checked_sub(started.elapsed()) else { return Ok(Outcome::Late) };
            let pipes = [stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)];
            let mut pipes: Vec<PollFd<'_>> =
                pipes.into_iter().flatten().map(|pipe| PollFd::from_borrowed_fd(pipe, PollFlags::IN)).collect();
            wait(&mut pipes, left.min(TICK))?;
        }
    }

    /// Whether the program has ended. Its process id stays taken until [`Running::end`], so that the group which has the same
    /// number cannot be somebody else's by then.
    fn has_ended(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.pid()?), options)?.is_some())
    }

    fn pid(&self) -> io::Result<Pid> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        pid.ok_or_else(|| io::Error::other("the program has no process id"))
    }

    /// Kills what is left of the process group, and lets go of the process id.
    fn end(&mut self) -> io::Result<ExitStatus> {
        kill_process_group(self.pid()?, Signal::KILL)?;
        self.child.wait()
    }
}

/// What a program has written.
#[derive(Default)]
struct Said {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Said {
    /// Takes standard output up to one byte more than `limit`.
    fn hear(&mut self, bytes: &[u8], limit: usize) {
        let room = limit.saturating_add(1).saturating_sub(self.stdout.len());
        self.stdout.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Takes standard error, of which only the end is kept.
    fn hear_error(&mut self, bytes: &[u8]) {
        self.stderr.extend_from_slice(bytes);
        let surplus = self.stderr.len().saturating_sub(TAIL_BYTES);
        self.stderr.drain(..surplus);
    }

    fn stderr_tail(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

fn do_not_block(pipe: &impl AsFd) -> io::Result<()> {
    fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
    Ok(())
}

/// Reads what a pipe holds, at most one buffer of it, so that neither the clock nor the other pipe is forgotten, and says
/// whether there may be more. A pipe that has come to its end is closed.
fn drain<P: Read>(pipe: &mut Option<P>, buffer: &mut [u8], mut hear: impl FnMut(&[u8])) -> io::Result<bool> {
    let mut room = buffer.len();
    while let Some(reader) = pipe {
        if room == 0 {
            return Ok(true);
        }
        match reader.read(&mut buffer[..room]) {
            Ok(0) => *pipe = None,
            Ok(read) => {
                hear(&buffer[..read]);
                room -= read;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Sleeps until a pipe has something to read, or for `most`.
fn wait(pipes: &mut [PollFd<'_>], most: Duration) -> io::Result<()> {
    let most = Timespec::try_from(most).map_err(io::Error::other)?;
    match poll(pipes, Some(&most)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// More than any of these programs needs, also on a busy machine.
    const LONG: Duration = Duration::from_secs(30);

    fn sh(script: &str) -> Program {
        Program::new("/bin/sh").args(["-c", script]).limit(LONG)
    }

    /// Whether the process whose id a program wrote comes to its end, long before it would by itself.
    fn dies(pid: &[u8]) -> bool {
        let pid = String::from_utf8(pid.to_vec()).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        let is_alive = || {
            let state = std::fs::read_to_string(&stat).ok();
            state.is_some_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
        };
        let started = Instant::now();
        while is_alive() && started.elapsed() < LONG {
            std::thread::sleep(TICK);
        }
        !is_alive()
    }

    #[test]
    fn answers_code_output_and_the_end_of_what_it_complained() {
        let answer = sh("echo out; echo ' no such thing ' >&2; exit 6").run().unwrap();
        let stderr_tail = "no such thing".to_owned();
        assert_eq!(answer, Answer { code: 6, stdout: b"out\n".to_vec(), stderr_tail });
    }

    #[test]
    fn gives_no_input_and_a_plain_environment() {
        let answer = sh("cat; pwd; env | cut -d= -f1 | grep -vx -e PWD -e _ -e SHLVL -e OLDPWD | sort").run().unwrap();
        assert_eq!(String::from_utf8(answer.stdout).unwrap(), "/\nLC_ALL\nPATH\n");
    }

    #[test]
    fn kills_what_hangs_together_with_what_it_started() {
        let started = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let script = format!("sleep 60 & echo $! > {}; echo stuck >&2; sleep 60", pid.display());
        let error = sh(&script).limit(Duration::from_secs(1)).run().unwrap_err();
        assert_eq!(error.to_string(), "/bin/sh did not end within 1 s and was killed: stuck");
        assert!(started.elapsed() < LONG, "waited for a grandchild that holds the pipe");
        assert!(dies(&std::fs::read(pid).unwrap()), "the grandchild lives");
    }

    #[test]
    fn leaves_nothing_behind_that_a_program_which_ended_had_started() {
        let started = Instant::now();
        let answer = sh("sleep 60 & echo $!").run().unwrap();
        assert!(started.elapsed() < LONG, "waited for a grandchild that holds the pipe");
        assert!(dies(&answer.stdout), "the grandchild lives");
    }

    #[test]
    fn kills_what_floods_standard_output_and_takes_exactly_what_is_allowed() {
        let error = sh("exec cat /dev/zero").output_limit(1000).run().unwrap_err();
        assert!(matches!(error, ProgramError::TooMuchOutput { limit: 1000, .. }), "{error}");
        let zeros = |count: usize| sh(&format!("head -c {count} /dev/zero")).output_limit(300_000);
        assert_eq!(zeros(300_000).run().unwrap().stdout.len(), 300_000);
        assert!(zeros(300_001).run().is_err());
    }

    #[test]
    fn a_flood_of_complaints_ends_at_the_time_limit_and_fills_no_memory() {
        let error = sh("exec cat /dev/zero >&2").limit(Duration::from_millis(300)).run().unwrap_err();
        let ProgramError::TimedOut { stderr_tail, .. } = error else { panic!("{error}") };
        assert_eq!(stderr_tail.len(), TAIL_BYTES);
    }

    #[test]
    fn goes_on_listening_to_one_output_when_the_other_is_closed_and_waits_when_both_are() {
        let answer = sh("exec >&-; echo later >&2; exec 2>&-; sleep 0.2; exit 3").run().unwrap();
        assert_eq!((answer.code, answer.stdout.len(), answer.stderr_tail.as_str()), (3, 0, "later"));
    }

    #[test]
    fn a_signal_is_no_answer() {
        let error = sh("echo going >&2; kill -SEGV $$").run().unwrap_err();
        assert_eq!(error.to_string(), "/bin/sh was ended by signal 11: going");
    }

    #[test]
    fn says_what_could_not_be_run() {
        for path in ["/no/such/program", "/etc/passwd", "/"] {
            let error = Program::new(path).run().unwrap_err();
            assert_eq!(error.to_string(), format!("cannot run {path}"));
            assert!(matches!(error, ProgramError::Start { .. }));
        }
    }
}
