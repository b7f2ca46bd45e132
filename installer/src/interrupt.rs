//! Ctrl-C, a stop request and a closed terminal end an operation between two steps, and never in the middle of one.
//!
//! [`listen`] makes the signals raise a flag instead of ending the process. What takes long asks for it: [`check`] between
//! steps, [`Interruptible`] around what is copied. The error from there is returned like any other, so that the
//! operation is undone like after any other. Undoing is not interrupted again: it calls [`defer_signals`] first. A Ctrl-C after the
//! first signal ends the process at once, as if the signal had its default action; `recover` then settles the operation.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::error::Error;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// The signals by which people and systemd ask a process to end.
const SIGNALS: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

/// A signal asked for the end of this operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

impl From<Interrupted> for io::Error {
    /// Not of the kind [`io::ErrorKind::Interrupted`], upon which the standard library tries again.
    fn from(interrupted: Interrupted) -> Self {
        Self::other(interrupted)
    }
}

/// The requests to a process.
#[derive(Debug)]
struct Requests {
    ended: AtomicBool,
    deferred: AtomicBool,
}

static REQUESTS: Requests = Requests::new();

impl Requests {
    const fn new() -> Self {
        Self { ended: AtomicBool::new(false), deferred: AtomicBool::new(false) }
    }

    fn check(&self) -> Result<(), Interrupted> {
        let ended = self.ended.load(Ordering::SeqCst) && !self.deferred.load(Ordering::SeqCst);
        if ended { Err(Interrupted) } else { Ok(()) }
    }
}

/// From now on [`check`] reports the signals. Called once in a process, at the beginning of an operation.
///
/// A signal that whoever started this process has it ignore stays ignored, as `nohup` wants it.
pub(crate) fn listen() -> io::Result<()> {
    // Where /proc is not mounted, none counts as ignored.
    // Installing a handler would end the ignoring that `nohup` set up (signal(7): dispositions are inherited).
    let ignored = std::fs::read_to_string("/proc/self/status").map_or(0, |status| ignored(&status));
    for signal in SIGNALS.into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0) {
        if signal == SIGINT {
            // Registered before the flag is: the first Ctrl-C finds it down. The other signals may well come twice, from the kernel
            // and from a shell that passes them on.
            flag::register_conditional_default(signal, &REQUESTS.ended)?;
        }
        flag::register(signal, &REQUESTS.ended)?;
    }
    Ok(())
}

/// The signals that a process ignores, as a mask whose lowest bit is signal 1 (proc_pid_status(5), `SigIgn`).
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// Whether the operation may go on.
pub(crate) fn check() -> Result<(), Interrupted> {
    REQUESTS.check()
}

/// From now on [`check`] lets everything pass: an operation is being undone, or has reached the point of no return.
pub(crate) fn defer_signals() {
    REQUESTS.deferred.store(true, Ordering::SeqCst);
}

/// Whether an error was caused by such a signal, however deep in it [`Interrupted`] is: an [`io::Error`] does not count
/// the error that it was made from among its sources.
pub(crate) fn is_interrupted(cause: &(dyn Error + 'static)) -> bool {
    if cause.is::<Interrupted>() {
        return true;
    }
    let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let mut inner = inner.map(|inner| inner as &(dyn Error + 'static));
    while let Some(error) = inner {
        if is_interrupted(error) {
            return true;
        }
        inner = error.source();
    }
    false
}

/// A reader or writer that ends with [`Interrupted`] when that is asked for.
#[derive(Debug)]
pub(crate) struct Interruptible<T>(pub(crate) T);

impl<R: Read> Read for Interruptible<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check()?;
        self.0.read(buffer)
    }
}

impl<W: Write> Write for Interruptible<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        check()?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use rustix::process::{Pid, Signal, kill_process};
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Child, ChildStdout, Command, Stdio};
    use std::time::{Duration, Instant};

    /// Set in a process that [`an_operation`] is for.
    const ROLE: &str = "LANDFALL_TEST_INTERRUPT";

    /// How long a process may take until it has reacted.
    const TIMEOUT: Duration = Duration::from_mins(5);

    /// Not a test but the process of one: copies without end until it is interrupted, undoes without end.
    #[test]
    fn an_operation() {
        if std::env::var_os(ROLE).is_none() {
            return;
        }
        listen().unwrap();
        println!("\nlistening");
        let error = io::copy(&mut Interruptible(io::repeat(0)), &mut io::sink()).unwrap_err();
        println!("\n{error}; is_interrupted: {}", is_interrupted(&error));
        defer_signals();
        check().unwrap();
        println!("\nundoing");
        std::thread::sleep(TIMEOUT);
    }

    /// That process, started by a shell that first does `before`.
    struct Operation {
        process: Child,
        stdout: BufReader<ChildStdout>,
    }

    impl Operation {
        fn start(before: &str) -> Self {
            // Also where the tests themselves run under nohup(1).
            let mut process = Command::new("env")
                .args(["--default-signal=HUP,INT,TERM", "sh", "-c"])
                .arg(format!("{before} exec \"$0\" --exact --nocapture interrupt::tests::an_operation"))
                .arg(std::env::current_exe().unwrap())
                .env(ROLE, "operation")
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let stdout = BufReader::new(process.stdout.take().unwrap());
            let mut operation = Self { process, stdout };
            operation.until("listening");
            operation
        }

        fn until(&mut self, expected: &str) {
            let mut line = String::new();
            while line.trim_end() != expected {
                line.clear();
                assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "ended before it printed {expected:?}");
            }
        }

        fn send(&self, signal: Signal) {
            kill_process(Pid::from_child(&self.process), signal).unwrap();
        }

        /// The signal that ended it.
        fn ended_by(mut self) -> Option<i32> {
            let start = Instant::now();
            while start.elapsed() < TIMEOUT {
                if let Some(status) = self.process.try_wait().unwrap() {
                    return status.signal();
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            panic!("did not end");
        }

        fn runs_on(&mut self) -> bool {
            std::thread::sleep(Duration::from_millis(200));
            self.process.try_wait().unwrap().is_none()
        }
    }

    #[test]
    fn each_of_the_signals_ends_the_copying_and_not_the_process() {
        for signal in [Signal::HUP, Signal::INT, Signal::TERM] {
            let mut operation = Operation::start("");
            operation.send(signal);
            operation.until("interrupted; is_interrupted: true");
            operation.until("undoing");
            operation.send(Signal::KILL);
            assert_eq!(operation.ended_by(), Some(Signal::KILL.as_raw()));
        }
    }

    #[test]
    fn a_second_ctrl_c_ends_the_process_and_other_signals_do_not() {
        let mut operation = Operation::start("");
        operation.send(Signal::HUP);
        operation.until("undoing");
        operation.send(Signal::HUP);
        operation.send(Signal::TERM);
        assert!(operation.runs_on());
        operation.send(Signal::INT);
        assert_eq!(operation.ended_by(), Some(SIGINT));
    }

    #[test]
    fn what_nohup_ignores_stays_ignored() {
        let mut operation = Operation::start("trap '' HUP;");
        operation.send(Signal::HUP);
        assert!(operation.runs_on());
        operation.send(Signal::TERM);
        operation.until("undoing");
        operation.send(Signal::KILL);
        operation.ended_by();
    }

    #[test]
    fn a_request_counts_until_signals_are_deferred() {
        let requests = Requests::new();
        assert_eq!(requests.check(), Ok(()));
        requests.ended.store(true, Ordering::SeqCst);
        assert_eq!(requests.check(), Err(Interrupted));
        requests.deferred.store(true, Ordering::SeqCst);
        assert_eq!(requests.check(), Ok(()));
    }

    #[test]
    fn an_interruption_is_found_behind_other_errors() {
        let io = || io::Error::from(Interrupted);
        assert_ne!(io().kind(), io::ErrorKind::Interrupted);
        let errors: [Box<dyn Error>; 3] = [Interrupted.into(), io().into(), io::Error::other(io()).into()];
        for error in errors {
            assert!(is_interrupted(error.as_ref()), "{error}");
        }
        assert!(
            !is_interrupted(&io::Error::from(io::ErrorKind::Interrupted)) && !is_interrupted(&io::Error::other("boom"))
        );
    }

    #[test]
    fn reads_the_ignored_signals_as_the_kernel_writes_them() {
        assert_eq!(ignored("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\tffff\n"), 0x1001);
        assert_eq!(ignored("SigIgn:\tnothing\n"), 0);
        assert_eq!(ignored(""), 0);
    }
}
