//! Runs a program to its end, with a limit on its time and on its output.
//!
//! No shell, no input but what the caller gives, no environment but a plain one, no thread. The program is the leader of its own process group, and when
//! [`Subprocess::run`] returns, it has ended and whatever else is in that group is killed. Only if this process itself is killed
//! does the program run on: what is run here must be safe to run again.

mod error;
mod executable;
mod running;
#[cfg(test)]
mod tests;

pub use error::SubprocessError;

use running::{End, Running};
use rustix::fs::Access;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf, absolute};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may run unless [`Subprocess::timeout`] says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How much a program may write to standard output unless [`Subprocess::output_limit`] says otherwise, in bytes: an answer about
/// some ten thousand digests, or a thousand lines of a journal.
const OUTPUT_LIMIT: usize = 1 << 20;
/// Where a program finds those that it starts itself, whatever the caller's `PATH` was.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program that is about to be run.
#[derive(Debug, Clone)]
pub struct Subprocess {
    program: PathBuf,
    args: Vec<OsString>,
    inherits: bool,
    env: Vec<(&'static str, &'static str)>,
    timeout: Duration,
    output_limit: usize,
    input: Vec<u8>,
}

/// What a program that ended by itself wrote, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedOutput {
    /// Its exit code.
    pub code: i32,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// The end of its standard error, at most 4 KiB, without the white space around it.
    pub stderr_tail: String,
}

impl Subprocess {
    /// The program at a path, or, if `program` is a bare name, the first one of that name on this process's `PATH`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            inherits: false,
            env: Vec::new(),
            timeout: TIMEOUT,
            output_limit: OUTPUT_LIMIT,
            input: Vec::new(),
        }
    }

    /// Adds arguments. Everybody on the host can see them: no secrets.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to the environment. The locale is `C` in any case.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }

    /// Gives it this process's environment in place of a plain one: for the host's own programs, never for a release's.
    #[must_use]
    pub fn inherit_environment(mut self) -> Self {
        self.inherits = true;
        self
    }

    /// How long it may run; 30 seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes it may write to standard output; 1 MiB by default.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Gives it text to read on standard input: a line or two, which a pipe holds whether it reads them or not. There is none by default.
    #[must_use]
    pub fn input(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.input = text.into();
        self
    }

    /// Runs it to its end, or kills it at a limit.
    ///
    /// # Errors
    /// It cannot be started, ran too long, wrote too much, or was ended by a signal. An exit code other than zero is no error.
    pub fn run(&self) -> Result<CapturedOutput, SubprocessError> {
        let program = || self.program.clone();
        let lost = |source| SubprocessError::Wait { program: program(), source };
        let child = self.start_with_input().map_err(|source| SubprocessError::Start { program: program(), source })?;
        let mut running = Running::new(child);
        let end = running.wait(Instant::now(), self.timeout, self.output_limit);
        // However it ended, nothing of its process group stays behind.
        let status = running.reap();
        let (stdout, stderr_tail) = running.into_output();
        match end.map_err(lost)? {
            End::TimedOut => Err(SubprocessError::TimedOut { program: program(), after: self.timeout, stderr_tail }),
            End::OutputLimit => Err(SubprocessError::OutputLimit { program: program(), limit: self.output_limit }),
            End::Exited => {
                let status = status.map_err(lost)?;
                let Some(code) = status.code() else {
                    let signal = status.signal().unwrap_or_default();
                    return Err(SubprocessError::Signal { program: program(), signal, stderr_tail });
                };
                Ok(CapturedOutput { code, stdout, stderr_tail })
            }
        }
    }

    fn start_with_input(&self) -> io::Result<Child> {
        let mut child = self.start()?;
        if let Some(mut stdin) = child.stdin.take() {
            // Whoever has ended without reading it says so itself.
            let _ = stdin.write_all(&self.input);
        }
        Ok(child)
    }

    fn start(&self) -> io::Result<Child> {
        let program = find(&self.program)?;
        // Before the fork: its error reaches the caller with the program's name.
        executable::check(&program)?;
        let mut command = Command::new(program);
        if !self.inherits {
            // What a person has set for a program of theirs (a proxy, a library path) must not change what a release does.
            command.env_clear().env("PATH", SEARCH_PATH);
        }
        command
            .args(&self.args)
            .env("LC_ALL", "C")
            .envs(self.env.iter().copied())
            // On no file system that somebody may want to unmount.
            .current_dir("/")
            .stdin(if self.input.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Its own group, so that what it starts itself can be killed together with it.
            .process_group(0)
            .spawn()
    }
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok()
}

/// Where a program is: a bare name is looked for on the `PATH`, as execvp(3) does, but without giving a file to a shell.
fn find(program: &Path) -> io::Result<PathBuf> {
    if program.components().count() > 1 || program.has_root() {
        return absolute(program);
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| SEARCH_PATH.into());
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| is_executable(path));
    found.map_or_else(|| Err(ErrorKind::NotFound.into()), absolute)
}
