//! Keeps the tables in place, against all others that change the host's ruleset.

use super::nft::{HoldError, PATIENCE, interactive, list, run};
use super::{Guard, STANDBY, TABLE, one_line, removal, render, render_standby};
use std::io::Write as _;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The table that asks whether nft and the kernel know the flag. It is only ever checked, never made.
const PROBE: &str = "table inet landfall_probe { flags owner; }\n";

/// How often the kernel is asked whether it has the table by now.
const PAUSE: Duration = Duration::from_millis(5);

/// Holds the tables until it is told to let go of the one that it guards; the standby stays.
///
/// Where the kernel guards the table, an interactive nft owns it: its end, for whatever reason, is the table's end, and this
/// process's end is nft's, whose input ends then.
#[derive(Debug)]
pub struct Holder {
    guard: Guard,
    port: Option<u16>,
    owner: Option<Child>,
    /// The tables as they were when they were loaded.
    listing: String,
    standby: String,
}

impl Holder {
    /// Puts the tables in place. Where nobody can own one, what refused it is handed to `without_owner`.
    pub fn new(port: Option<u16>, without_owner: impl FnOnce(&HoldError)) -> Result<Self, HoldError> {
        let mut holder =
            Self { guard: Guard::Owner, port, owner: None, listing: String::new(), standby: String::new() };
        holder.load_standby()?;
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
    /// is signalled; the standby, which goes with a flush, matters again when that owner goes.
    pub fn pause(&mut self) -> Duration {
        let guarded = self.guard == Guard::Owner && !self.lost_owner();
        Duration::from_secs(if guarded { 10 } else { 1 })
    }

    /// Replaces the tables, each in one transaction: there is no moment without it.
    pub fn replace(&mut self, port: Option<u16>) -> Result<(), HoldError> {
        self.port = port;
        self.load_standby()?;
        self.load()
    }

    /// Whether the table's owner has ended, which is how the kernel's guard ends.
    pub fn lost_owner(&mut self) -> bool {
        self.guard == Guard::Owner && !self.owner.as_mut().is_some_and(|nft| matches!(nft.try_wait(), Ok(None)))
    }

    /// Puts the tables in place again if they are not as they were. Returns whether it had to.
    pub fn mend(&mut self) -> Result<bool, HoldError> {
        let standing = self.mend_standby()?;
        if !self.lost_owner() && list(TABLE)?.as_ref() == Some(&self.listing) {
            return Ok(!standing);
        }
        self.load().map(|()| true)
    }

    /// Makes sure of the standby, and removes the table that goes with its holder.
    pub fn stand_down(mut self) -> Result<(), HoldError> {
        self.mend_standby()?;
        self.end_owner();
        run(&["-f", "-"], &removal(TABLE))
    }

    /// Returns whether the standby was as it should be.
    fn mend_standby(&mut self) -> Result<bool, HoldError> {
        if list(STANDBY)?.as_ref() == Some(&self.standby) {
            return Ok(true);
        }
        self.load_standby().map(|()| false)
    }

    fn load_standby(&mut self) -> Result<(), HoldError> {
        let table = render_standby(self.port);
        run(&["-f", "-"], &format!("{}{table}", removal(STANDBY)))?;
        self.standby = whole(list(STANDBY)?.unwrap_or_default(), &table);
        Ok(())
    }

    fn load(&mut self) -> Result<(), HoldError> {
        let table = render(self.port, self.guard);
        let before = list(TABLE)?;
        let given = match self.guard {
            Guard::Owner => self.tell_owner(&table),
            Guard::Watch => run(&["-f", "-"], &format!("{}{table}", removal(TABLE))),
        };
        match given.and_then(|()| self.wait_for_other_than(before.as_deref())) {
            Ok(listing) => {
                self.listing = whole(listing, &table);
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
            removal(TABLE)
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
            if let Some(listing) = list(TABLE)?.filter(|listing| Some(listing.as_str()) != before) {
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

/// The listing of a table that was loaded, unless somebody took rules out of it before it was listed: then an empty one, which no
/// table looks like, so that the next look puts it back.
fn whole(listing: String, table: &str) -> String {
    let drops = |text: &str| text.matches("drop").count();
    if drops(&listing) == drops(table) { listing } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_was_emptied_before_it_was_listed_is_not_taken_for_ours() {
        let table = render_standby(Some(3000));
        let listed = table.replace(" {\n", " { # handle 1\n");
        assert_eq!(whole(listed.clone(), &table), listed);
        let rule = "        oifname \"lft*\" drop\n";
        assert!(listed.contains(rule));
        assert_eq!(whole(listed.replace(rule, ""), &table), "");
        assert_eq!(whole(String::new(), &table), "");
    }
}
