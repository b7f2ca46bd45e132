//! The status as people read it.

use super::{INSTALLATION_ID, Status, StoreStatus, TrustStatus};
use landfall_console::{Count, Size};
use landfall_systemd::UnitName;
use std::fmt::{Display, Formatter, Result};

impl Display for Status {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.releases(f)?;
        self.state(f)?;
        self.room(f)?;
        match (&self.engine.version, &self.engine.error) {
            (Some(version), _) => writeln!(f, "  engine    {version} at {}", self.engine.address)?,
            (None, Some(error)) => writeln!(f, "  engine    {error}")?,
            (None, None) => writeln!(f, "  engine    none")?,
        }
        self.units.iter().try_for_each(|(unit, state)| writeln!(f, "  {unit}: {}", state_text(unit, state)))?;
        self.problems.iter().try_for_each(|(part, problem)| match part.as_str() {
            INSTALLATION_ID => writeln!(f, "  warning   {problem}"),
            _ => writeln!(f, "  cannot be read: {part}: {problem}"),
        })
    }
}

impl Status {
    fn releases(&self, f: &mut Formatter<'_>) -> Result {
        // First of all: until it is settled, the rest is what it has left so far.
        if let Some(operation) = self.interrupted {
            writeln!(
                f,
                "the last {operation} is under way or was interrupted: `landfall-installer recover` settles it, as do the next boot \
                 and the next operation"
            )?;
        }
        match &self.current {
            None if self.problems.contains_key("installed") => writeln!(f, "what is installed cannot be read")?,
            None if self.interrupted.is_some() => {}
            None => writeln!(f, "nothing is installed")?,
            Some(current) => {
                writeln!(f, "{} {} (serial {})", current.product, current.version, current.serial)?;
                writeln!(f, "  installed {}", current.installed)?;
            }
        }
        for kept in &self.kept {
            let record = &kept.record;
            write!(f, "  kept      {} (serial {}), installed {}", record.version, record.serial, record.installed)?;
            match kept.cost {
                Some(cost) => writeln!(
                    f,
                    ": takes {} (folder {}, store {}, engine {})",
                    Size(cost.total()),
                    Size(cost.folder),
                    Size(cost.store),
                    Size(cost.engine)
                )?,
                None => writeln!(f)?,
            }
        }
        match &self.previous {
            Some(previous) => writeln!(f, "  previous  {previous}: `landfall-installer rollback` goes back to it"),
            None => Ok(()),
        }
    }

    fn state(&self, f: &mut Formatter<'_>) -> Result {
        if let Some(tries) = &self.tries {
            let (release, left) = (&tries.release, tries.left);
            writeln!(f, "  tries     {release} is on trial: it is reverted after {left} more failed starts")?;
        }
        if let Some(floor) = self.serial_floor {
            writeln!(f, "  floor     serial {floor}: bundles below it are refused")?;
        }
        if let Some(last) = self.receipts.last {
            writeln!(f, "  receipts  {last}: `landfall-installer receipts` lists and checks them")?;
        }
        if let Some(key) = &self.receipts.host_key {
            writeln!(f, "  host key  {key}")?;
        }
        if let Some(TrustStatus { version, threshold, keys }) = &self.trust {
            writeln!(f, "  trust     root {version}: {threshold} of {keys} keys must have signed")?;
        }
        self.refused.iter().try_for_each(|refused| writeln!(f, "  warning   {refused}"))
    }

    fn room(&self, f: &mut Formatter<'_>) -> Result {
        match &self.store {
            None => writeln!(f, "  store     cannot be read")?,
            Some(store) => writeln!(f, "  store     {store}")?,
        }
        if let Some(staged) = self.staged.as_ref().filter(|staged| staged.blobs > 0) {
            writeln!(f, "  staged    {staged}: an interrupted update need not read them again")?;
        }
        if let Some(bytes) = self.database.bytes {
            writeln!(f, "  database  {}", Size(bytes))?;
        }
        for (name, bytes) in &self.database.snapshots {
            writeln!(f, "  snapshot  {name}, {}", Size(*bytes))?;
        }
        for (name, bytes) in &self.database.aside {
            writeln!(f, "  aside     {name}, {}: remove it when nobody needs it any more", Size(*bytes))?;
        }
        for disk in &self.disk {
            let (used, free) = (Size(disk.used), Size(disk.free));
            writeln!(f, "  disk      {}: {used} used, {free} free", disk.folder.display())?;
        }
        Ok(())
    }
}

impl Display for StoreStatus {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}, {:#}", Count(self.blobs, "blob"), Size(self.bytes))
    }
}

/// A unit's state for people: one that runs once at boot is dead at all other times, which is no fault.
fn state_text<'a>(unit: &str, state: &'a str) -> &'a str {
    if unit == UnitName::RECOVER.as_str() && state == "dead" { "idle (runs at boot)" } else { state }
}
