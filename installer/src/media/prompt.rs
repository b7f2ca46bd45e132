//! Asks for the next medium on the terminal.

use crate::interrupt;
use landfall_console::Console;
use landfall_media::MediumPrompt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, BufRead as _, Write as _};

/// How often to look whether the operation was interrupted: a Ctrl-C need not be followed by Enter.
const INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// The person at the terminal of a console, if there is one.
#[derive(Debug)]
pub(super) struct TerminalPrompt(pub(super) Console);

impl MediumPrompt for TerminalPrompt {
    fn is_attended(&self) -> bool {
        self.0.interactive()
    }

    fn insert(&self, name: &str, looked_in: &str) -> io::Result<bool> {
        // A progress bar may be on the line.
        let _ = writeln!(io::stderr());
        self.0.warn(format_args!(
            "insert the medium with {name} (looked in {looked_in}) and press Enter, or Ctrl-D if there is none"
        ));
        let stdin = io::stdin();
        loop {
            interrupt::check()?;
            match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&INTERVAL)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(stdin.lock().read_line(&mut String::new())? > 0)
    }
}
