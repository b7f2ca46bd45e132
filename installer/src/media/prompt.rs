//! Asking for the next medium.

use super::error::shown;
use crate::interrupt;
use landfall_console::Console;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;

/// How often it is looked whether the operation was interrupted meanwhile: a Ctrl-C need not be followed by Enter.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Asks for the medium with the part called `name`. `false` if the person has none: the input ends.
pub(super) fn insert(console: Console, name: &str, folders: &[PathBuf]) -> io::Result<bool> {
    // A bar may stand on the line.
    let _ = writeln!(io::stderr());
    let folders: Vec<String> = folders.iter().map(|folder| shown(folder)).collect();
    console.warn(format_args!(
        "insert the medium with {name} (looked in {}) and press Enter, or Ctrl-D if there is none",
        folders.join(", ")
    ));
    let stdin = io::stdin();
    loop {
        interrupt::check()?;
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&LOOK)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(stdin.lock().read_line(&mut String::new())? > 0)
}
