//! A program that runs: its pipes are read until it has ended or is over a limit.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How much of the end of standard error is kept, in bytes: what a person reads.
pub(super) const STDERR_TAIL: usize = 4 << 10;
/// How much is read at once, in bytes: what a pipe holds (pipe(7), "Pipe capacity").
const CHUNK: usize = 64 << 10;
/// How often the program's end is looked for while it writes nothing.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Why reading a program's output came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The program ended by itself, or by somebody else's signal.
    Exited,
    /// It is still running after all the time that it may take.
    TimedOut,
    /// It wrote more to standard output than it may.
    OutputLimit,
}

/// A program that was started, and what it has written so far.
pub(super) struct Running {
    child: Child,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Running {
    pub(super) fn new(child: Child) -> Self {
        Self { child, stdout: Vec::new(), stderr: Vec::new() }
    }

    /// Reads until the program has ended or is over a limit.
    pub(super) fn wait(&mut self, started: Instant, timeout: Duration, output_limit: usize) -> io::Result<End> {
        let (mut stdout, mut stderr) = (self.child.stdout.take(), self.child.stderr.take());
        // A program that fills one pipe waits until it is read: waiting here for the other pipe would block both for ever.
        stdout.as_ref().map_or(Ok(()), do_not_block)?;
        stderr.as_ref().map_or(Ok(()), do_not_block)?;
        let mut buffer = vec![0; CHUNK];
        loop {
            // Asked first and read afterwards: what was written before the end is in the pipes by now.
            let ended = self.has_ended()?;
            let more_output = drain(&mut stdout, &mut buffer, |bytes| append(&mut self.stdout, bytes, output_limit))?;
            let more_errors = drain(&mut stderr, &mut buffer, |bytes| append_tail(&mut self.stderr, bytes))?;
            if self.stdout.len() > output_limit {
                return Ok(End::OutputLimit);
            }
            if ended && !more_output && !more_errors {
                return Ok(End::Exited);
            }
            let Some(left) = timeout.checked_sub(started.elapsed()) else { return Ok(End::TimedOut) };
            let pipes = [stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)];
            let mut pipes: Vec<PollFd<'_>> =
                pipes.into_iter().flatten().map(|pipe| PollFd::from_borrowed_fd(pipe, PollFlags::IN)).collect();
            // Not until a pipe closes: a process that the program has left behind may keep both open after its end.
            sleep_until_readable(&mut pipes, left.min(TICK))?;
        }
    }

    /// Whether the program has ended. Its process id stays taken until [`Running::reap`], so that the group with the same number
    /// cannot be somebody else's by then.
    fn has_ended(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.pid()?), options)?.is_some())
    }

    fn pid(&self) -> io::Result<Pid> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        pid.ok_or_else(|| io::Error::other("the program has no process id"))
    }

    /// Kills what is left of the process group, and frees the process id.
    pub(super) fn reap(&mut self) -> io::Result<ExitStatus> {
        // Killed before it is reaped: afterwards the group's number could be another process's.
        kill_process_group(self.pid()?, Signal::KILL)?;
        self.child.wait()
    }

    /// Standard output, and the end of standard error without the white space around it.
    pub(super) fn into_output(self) -> (Vec<u8>, String) {
        (self.stdout, String::from_utf8_lossy(&self.stderr).trim().to_owned())
    }
}

/// Keeps one byte more than `limit`, which tells that there was more.
fn append(kept: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    let room = limit.saturating_add(1).saturating_sub(kept.len());
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// Keeps the end only.
fn append_tail(kept: &mut Vec<u8>, bytes: &[u8]) {
    kept.extend_from_slice(bytes);
    let surplus = kept.len().saturating_sub(STDERR_TAIL);
    kept.drain(..surplus);
}

fn do_not_block(pipe: &impl AsFd) -> io::Result<()> {
    fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
    Ok(())
}

/// Reads what a pipe holds, at most one buffer of it, so that neither the clock nor the other pipe is forgotten, and says
/// whether there may be more. A pipe at its end is closed.
fn drain<P: Read>(pipe: &mut Option<P>, buffer: &mut [u8], mut keep: impl FnMut(&[u8])) -> io::Result<bool> {
    let mut room = buffer.len();
    while let Some(reader) = pipe {
        if room == 0 {
            return Ok(true);
        }
        match reader.read(&mut buffer[..room]) {
            Ok(0) => *pipe = None,
            Ok(read) => {
                keep(&buffer[..read]);
                room -= read;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Sleeps until a pipe has something to read, or for `at_most`.
fn sleep_until_readable(pipes: &mut [PollFd<'_>], at_most: Duration) -> io::Result<()> {
    let at_most = Timespec::try_from(at_most).map_err(io::Error::other)?;
    match poll(pipes, Some(&at_most)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
