//! Keeps the table in place, against all others that change the host's ruleset.

use super::{Guard, TABLE, one_line, removal, render};
use std::io::{self, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The table that asks whether nft and the kernel know the flag. It is only ever checked, never made.
const PROBE: &str = "table inet landfall_probe { flags owner; }\n";

/// How long the kernel may take to have the table. A few milliseconds; at boot it also loads modules from a slow disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the kernel is asked whether it has the table by now.
const PAUSE: Duration = Duration::from_millis(5);

/// Why the table is not in place.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The program is missing, or cannot be talked to.
    #[error("cannot run nft; install the package nftables")]
    Nft(#[source] io::Error),
    /// nft or the kernel does not take the commands.
    #[error("nft refused the commands: {said}; it needs root and a kernel with nf_tables and nft_fib_inet")]
    Refused {
        /// The first line of what nft said.
        said: String,
    },
    /// The process that is to own the table does not stay.
    #[error("the nft that held the table ended: {status}")]
    Ended {
        /// How it ended.
        status: ExitStatus,
    },
    /// The kernel kept what it had.
    #[error("the table {TABLE} was not replaced within {} s; another process may own it", PATIENCE.as_secs())]
    NotReplaced,
}

/// Holds the table until it is told to remove it.
///
/// Where the kernel guards the table, an interactive nft owns it: its end, for whatever reason, is the table's end, and this
/// process's end is nft's, whose input ends then.
#[derive(Debug)]
pub struct Holder {
    guard: Guard,
    port: Option<u16>,
    owner: Option<Child>,
    /// The table with all handles, as it was when it was loaded: any change shows.
    listing: String,
}

impl Holder {
    /// Puts the table in place. Where nobody can own one, what refused it is handed to `without_owner`.
    pub fn new(port: Option<u16>, without_owner: impl FnOnce(&HoldError)) -> Result<Self, HoldError> {
        let mut holder = Self { guard: Guard::Owner, port, owner: None, listing: String::new() };
        match run(&["--check", "-f", "-"], PROBE).and_then(|()| holder.load()) {
            Err(error @ (HoldError::Refused { .. } | HoldError::Ended { .. })) => {
                without_owner(&error);
                holder.guard = Guard::Watch;
                holder.load()?;
            }
            loaded => loaded?,
        }
        Ok(holder)
    }

    /// What keeps others from removing the table.
    pub fn guard(&self) -> Guard {
        self.guard
    }

    /// How long to wait before [`mend`](Self::mend) has another look. What the kernel guards only goes with its owner, whose end
    /// is signalled.
    pub fn pause(&mut self) -> Duration {
        let guarded = self.guard == Guard::Owner && !self.lost_owner();
        Duration::from_secs(if guarded { 30 } else { 1 })
    }

    /// Replaces the table in one transaction: there is none without it.
    pub fn replace(&mut self, port: Option<u16>) -> Result<(), HoldError> {
        self.port = port;
        self.load()
    }

    /// Whether the table's owner has ended, which is how the kernel's guard ends.
    pub fn lost_owner(&mut self) -> bool {
        self.guard == Guard::Owner && !self.owner.as_mut().is_some_and(|nft| matches!(nft.try_wait(), Ok(None)))
    }

    /// Puts the table in place again if it is not as it was. Returns whether it had to.
    pub fn mend(&mut self) -> Result<bool, HoldError> {
        if !self.lost_owner() && list()?.as_ref() == Some(&self.listing) {
            return Ok(false);
        }
        self.load().map(|()| true)
    }

    /// Removes the table.
    pub fn remove(mut self) -> Result<(), HoldError> {
        self.end_owner();
        run(&["-f", "-"], &removal())
    }

    fn load(&mut self) -> Result<(), HoldError> {
        let table = render(self.port, self.guard);
        let before = list()?;
        let given = match self.guard {
            Guard::Owner => self.tell_owner(&table),
            Guard::Watch => run(&["-f", "-"], &format!("{}{table}", removal())),
        };
        match given.and_then(|()| self.wait_for_other_than(before.as_deref())) {
            Ok(listing) => {
                self.listing = listing;
                Ok(())
            }
            Err(error) => {
                // It may own nothing, and then could not replace anything: the next try begins with a new one.
                self.end_owner();
                Err(error)
            }
        }
    }

    /// Hands the table to the nft that owns it, or to a new one.
    fn tell_owner(&mut self, table: &str) -> Result<(), HoldError> {
        let remove = if self.lost_owner() {
            self.owner = Some(interactive()?);
            removal()
        } else {
            // Not `removal`: the kernel refuses an `add` without the flag to the owner, too.
            format!("delete table {TABLE}\n")
        };
        if let Some(input) = self.owner.as_mut().and_then(|nft| nft.stdin.as_mut()) {
            // Where it has ended already, whoever waits for the table finds out how.
            let _ = input.write_all(one_line(&format!("{remove}{table}")).as_bytes());
        }
        Ok(())
    }

    /// Waits until the kernel has a table with other handles than those of `before`, which any new one has.
    fn wait_for_other_than(&mut self, before: Option<&str>) -> Result<String, HoldError> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(listing) = list()?.filter(|listing| Some(listing.as_str()) != before) {
                return Ok(listing);
            }
            if let Some(nft) = &mut self.owner
                && let Some(status) = nft.try_wait().map_err(HoldError::Nft)?
            {
                return Err(HoldError::Ended { status });
            }
            sleep(PAUSE);
        }
        Err(HoldError::NotReplaced)
    }

    fn end_owner(&mut self) {
        if let Some(mut nft) = self.owner.take() {
            // Fails only for one that has ended.
            let _ = nft.kill();
            let _ = nft.wait();
        }
    }
}

/// An nft that owns what it makes for as long as its input stays open. What it has to say goes to the log.
fn interactive() -> Result<Child, HoldError> {
    // It would write what it is told into a history file at home.
    let mut nft = Command::new("nft");
    nft.arg("-i").env("HOME", "/dev/null").stdin(Stdio::piped()).stdout(Stdio::null());
    nft.spawn().map_err(HoldError::Nft)
}

/// Hands commands to an nft that carries out all of them or none, and ends.
fn run(arguments: &[&str], commands: &str) -> Result<(), HoldError> {
    let nft =
        Command::new("nft").args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut nft = nft.map_err(HoldError::Nft)?;
    // Dropped after writing: the end of its input is what nft waits for.
    let written = nft.stdin.take().map_or(Ok(()), |mut input| input.write_all(commands.as_bytes()));
    let output = nft.wait_with_output().map_err(HoldError::Nft)?;
    if output.status.success() {
        return written.map_err(HoldError::Nft);
    }
    // One that refuses may end before it has read everything: what it said explains more than the broken pipe.
    let said = String::from_utf8_lossy(&output.stderr);
    Err(HoldError::Refused { said: said.lines().next().unwrap_or_default().to_owned() })
}

/// The table with all handles, if there is one.
fn list() -> Result<Option<String>, HoldError> {
    let nft = Command::new("nft").args(["--handle", "list", "table"]).args(TABLE.split(' ')).output();
    let output = nft.map_err(HoldError::Nft)?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}
