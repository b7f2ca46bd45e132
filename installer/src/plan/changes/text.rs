//! The changes as people read them.

use super::{Changes, Collectable, Difference};
use landfall_console::{Count, Size};
use std::fmt;

/// How many files are named before the rest is only counted: a screen.
const NAMED: usize = 16;

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.images
            .removed
            .iter()
            .try_for_each(|name| writeln!(f, "  image    {name}: no longer part of the release"))?;
        differences(f, "file", &self.files)?;
        differences(f, "unit", &self.units)?;
        write!(f, "{}", self.settings)?;
        if let Some(change) = &self.database {
            writeln!(f, "  database schema {} becomes {}: {}", change.from, change.to, change.meaning)?;
        }
        if let Some(restart) = &self.restart {
            writeln!(
                f,
                "  restart  {}: callers wait, usually well under a second, and at most {} s if it does not become healthy; \
                 tenants keep running",
                restart.unit, restart.at_most_seconds
            )?;
        }
        write!(f, "{}", self.collects)
    }
}

fn differences(f: &mut fmt::Formatter<'_>, what: &str, difference: &Difference) -> fmt::Result {
    let Difference { added, changed, removed, .. } = difference;
    let lists = [(added, "new"), (changed, "changed"), (removed, "gone")];
    let mut lines: Vec<(&String, &str)> =
        lists.into_iter().flat_map(|(names, becomes)| names.iter().map(move |name| (name, becomes))).collect();
    lines.sort();
    let more = lines.len().saturating_sub(NAMED);
    lines.iter().take(NAMED).try_for_each(|(name, becomes)| writeln!(f, "  {what:<8} {name}: {becomes}"))?;
    if more > 0 { writeln!(f, "  {what:<8} and {more} more") } else { Ok(()) }
}

impl fmt::Display for Collectable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.releases.iter().try_for_each(|release| writeln!(f, "  remove   release {release}, afterwards"))?;
        self.images.iter().try_for_each(|tag| writeln!(f, "  remove   image {tag}, afterwards"))?;
        self.snapshots.iter().try_for_each(|name| writeln!(f, "  remove   snapshot {name}, afterwards"))?;
        match self.blobs.count {
            0 => Ok(()),
            count => writeln!(f, "  remove   {}, {:#}, afterwards", Count(count, "blob"), Size(self.blobs.bytes)),
        }
    }
}
