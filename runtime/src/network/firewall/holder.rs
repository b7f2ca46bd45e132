//! Keeps the tables in place while other programs change the host's ruleset.

use super::engine_chains::EngineChains;
use super::nft::{HoldError, LOAD_TIMEOUT, interactive, list, list_chains, run};
use super::{Guard, STANDBY, TABLE, one_line, removal, render, render_standby};
use std::io::Write as _;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A table with the flag `owner`, to check whether nft and the kernel know it. It is never created.
const PROBE: &str = "table inet landfall_probe { flags owner; }\n";

/// Pause between two looks whether the kernel has the table.
const POLL_PAUSE: Duration = Duration::from_millis(5);

/// Holds the tables until [`release`](Self::release), after which the standby table stays.
///
/// Where the kernel knows owners, an interactive nft owns the table: the table is removed when that process ends, for whatever reason.
/// nft ends when its input does, which is when this process ends.
#[derive(Debug)]
pub struct Holder {
    guard: Guard,
    port: Option<u16>,
    owner: Option<Child>,
    /// The kernel's listing of the table when it was loaded. Any change of the table changes its listing.
    table_listing: String,
    /// The same of the standby table.
    standby_listing: String,
    /// The engine's chains, as they were when nothing had been flushed.
    engine_chains: EngineChains,
}

impl Holder {
    /// Loads the tables. Where a table cannot be owned, passes the reason to `without_owner`, and watches the table instead.
    pub fn new(port: Option<u16>, without_owner: impl FnOnce(&HoldError)) -> Result<Self, HoldError> {
        let mut holder = Self {
            guard: Guard::Owner,
            port,
            owner: None,
            table_listing: String::new(),
            standby_listing: String::new(),
            engine_chains: EngineChains::default(),
        };
        // The standby first: it filters while it is tried whether the other table can have an owner.
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

    /// How long to wait before the next [`restore`](Self::restore). A table with an owner is only removed with it, which is signalled;
    /// the standby, which a flush removes, is needed when the owner ends.
    pub fn pause(&mut self) -> Duration {
        let guarded = self.guard == Guard::Owner && !self.lost_owner();
        Duration::from_secs(if guarded { 10 } else { 1 })
    }

    /// Replaces the tables, each in one transaction: no packet passes between the old rules and the new ones.
    pub fn replace(&mut self, port: Option<u16>) -> Result<(), HoldError> {
        // Kept also where loading fails: the next attempt loads the new rules.
        self.port = port;
        self.load_standby()?;
        self.load()
    }

    /// Whether the table's owner has ended, and the table with it.
    pub fn lost_owner(&mut self) -> bool {
        self.guard == Guard::Owner && !self.owner.as_mut().is_some_and(|nft| matches!(nft.try_wait(), Ok(None)))
    }

    /// Loads the tables again where they were changed or removed. Returns whether any was.
    pub fn restore(&mut self) -> Result<bool, HoldError> {
        let standby_unchanged = self.restore_standby()?;
        if !self.lost_owner() && list(TABLE)?.as_ref() == Some(&self.table_listing) {
            return Ok(!standby_unchanged);
        }
        self.load().map(|()| true)
    }

    /// Remembers the engine's chains, which a flush may remove.
    pub fn remember_engine_chains(&mut self) -> Result<(), HoldError> {
        self.engine_chains = EngineChains::parse(&list_chains()?);
        Ok(())
    }

    /// Adds the engine's chains that a flush has removed, without their rules, and returns how many there were.
    pub fn restore_engine_chains(&mut self) -> Result<usize, HoldError> {
        let (count, commands) = self.engine_chains.missing_in(&EngineChains::parse(&list_chains()?));
        if count > 0 {
            run(&["-f", "-"], &commands)?;
        }
        Ok(count)
    }

    /// Ends the hold: removes the table with an owner, once the standby table is in place.
    pub fn release(mut self) -> Result<(), HoldError> {
        // The order matters: between the two, packets must pass one of the tables.
        self.restore_standby()?;
        self.end_owner();
        // Only where nobody owned it: with its owner, the kernel has removed it.
        run(&["-f", "-"], &removal(TABLE))
    }

    /// Loads the standby table again where it was changed or removed. Returns whether it was unchanged.
    fn restore_standby(&mut self) -> Result<bool, HoldError> {
        if list(STANDBY)?.as_ref() == Some(&self.standby_listing) {
            return Ok(true);
        }
        self.load_standby().map(|()| false)
    }

    fn load_standby(&mut self) -> Result<(), HoldError> {
        let table = render_standby(self.port);
        run(&["-f", "-"], &format!("{}{table}", removal(STANDBY)))?;
        self.standby_listing = complete_listing(list(STANDBY)?.unwrap_or_default(), &table);
        Ok(())
    }

    fn load(&mut self) -> Result<(), HoldError> {
        let table = render(self.port, self.guard);
        let before = list(TABLE)?;
        let loaded = match self.guard {
            Guard::Owner => self.load_as_owner(&table),
            Guard::Watch => run(&["-f", "-"], &format!("{}{table}", removal(TABLE))),
        };
        match loaded.and_then(|()| self.wait_for_change(before.as_deref())) {
            Ok(listing) => {
                self.table_listing = complete_listing(listing, &table);
                Ok(())
            }
            Err(error) => {
                // The owner may own nothing, and could then replace nothing: the next attempt starts a new one.
                self.end_owner();
                Err(error)
            }
        }
    }

    /// Passes the table to the nft that owns it, or to a new one.
    fn load_as_owner(&mut self, table: &str) -> Result<(), HoldError> {
        let remove = if self.lost_owner() {
            self.owner = Some(interactive()?);
            removal(TABLE)
        } else {
            // Not `removal`: the kernel refuses an `add` without the flag even to the owner.
            format!("delete table {TABLE}\n")
        };
        if let Some(input) = self.owner.as_mut().and_then(|nft| nft.stdin.as_mut()) {
            // Where nft has ended already, `wait_for_change` reports how.
            let _ = input.write_all(one_line(&format!("{remove}{table}")).as_bytes());
        }
        Ok(())
    }

    /// Waits until the kernel lists another table than `before`: a new one has new handles.
    fn wait_for_change(&mut self, before: Option<&str>) -> Result<String, HoldError> {
        let start = Instant::now();
        while start.elapsed() < LOAD_TIMEOUT {
            if let Some(listing) = list(TABLE)?.filter(|listing| Some(listing.as_str()) != before) {
                return Ok(listing);
            }
            if let Some(nft) = &mut self.owner
                && let Some(status) = nft.try_wait().map_err(HoldError::Nft)?
            {
                return Err(HoldError::Ended { status });
            }
            sleep(POLL_PAUSE);
        }
        Err(HoldError::NotReplaced)
    }

    fn end_owner(&mut self) {
        if let Some(mut nft) = self.owner.take() {
            // Fails only where it has ended already.
            let _ = nft.kill();
            let _ = nft.wait();
        }
    }
}

/// The listing of a table that was just loaded; empty where rules were removed before it was listed. No table has an empty listing, so
/// that the next [`restore`](Holder::restore) loads it again.
fn complete_listing(listing: String, table: &str) -> String {
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
        assert_eq!(complete_listing(listed.clone(), &table), listed);
        let rule = "        oifname \"lft*\" drop\n";
        assert!(listed.contains(rule));
        assert_eq!(complete_listing(listed.replace(rule, ""), &table), "");
        assert_eq!(complete_listing(String::new(), &table), "");
    }
}
