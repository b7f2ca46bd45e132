//! Writes the decisions of a merge into the operator's text, line by line: all other bytes stay.
//!
//! Comments follow the release like values do: the old release's comment becomes the new one's.

use super::decision::{Decision, Versions};
use super::parsed_toml::{Kind, ParsedToml, Path, Row};
use std::collections::BTreeMap;
use std::ops::Range;

/// A range of the operator's text and its replacement. Edits do not overlap.
type Edit = (Range<usize>, String);

/// The operator's text with the decisions in it.
pub(super) fn write(versions: &Versions<'_>, decisions: &[(Path, Decision)]) -> String {
    let splice = Splice { versions, decisions: decisions.iter().map(|(path, decision)| (path, *decision)).collect() };
    let mut edits = splice.insert();
    edits.extend(splice.remove());
    edits.extend(splice.follow());
    apply(versions.mine.text, edits)
}

/// Applies the edits in the order of their ranges; insertions at the same place keep the release's order.
fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    // An insertion comes before the replacement of what follows it; the sort is stable.
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let (mut result, mut end) = (String::new(), 0);
    for (range, new) in &edits {
        result.push_str(&text[end..range.start]);
        result.push_str(new);
        end = range.end;
    }
    result.push_str(&text[end..]);
    result
}

struct Splice<'a> {
    versions: &'a Versions<'a>,
    decisions: BTreeMap<&'a Path, Decision>,
}

impl Splice<'_> {
    fn decided(&self, path: &Path, decision: Decision) -> bool {
        self.decisions.get(path) == Some(&decision)
    }

    fn is_removed(&self, row: &Row) -> bool {
        let Versions { base, mine, theirs } = self.versions;
        match row.kind {
            Kind::Key => self.decided(&row.path, Decision::Drop),
            Kind::Header => {
                let dropped = |kind| base.find(kind, &row.path).is_some() && theirs.find(kind, &row.path).is_none();
                // A section with a key of the operator's own stays, also without the release's keys.
                let keys = mine.rows.iter().filter(|key| key.kind == Kind::Key && key.section == row.path);
                dropped(Kind::Header) && keys.into_iter().all(|key| self.decided(&key.path, Decision::Drop))
            }
        }
    }

    /// A row goes with the release's comments above it; the operator's own stay.
    fn remove(&self) -> Vec<Edit> {
        let Versions { base, mine, .. } = self.versions;
        let rows = mine.rows.iter().filter(|row| self.is_removed(row));
        let removed = rows.map(|row| {
            let release = base.find(row.kind, &row.path).map_or("", |row| &base.text[row.lead.clone()]);
            let lead = &mine.text[row.lead.clone()];
            let is_own = |line: &&str| {
                line.trim_start().starts_with('#') && !release.lines().any(|other| other == line.trim_end())
            };
            // Where it is the release's unchanged, its blank lines go as well.
            let kept =
                if lead == release { String::new() } else { lead.split_inclusive('\n').filter(is_own).collect() };
            (row.lead.start..row.line.end, kept)
        });
        removed.collect()
    }

    fn follow(&self) -> Vec<Edit> {
        let Versions { base, mine, theirs } = self.versions;
        let mut edits = Vec::new();
        for row in mine.rows.iter().filter(|row| !self.is_removed(row)) {
            let Some(new) = theirs.find(row.kind, &row.path) else { continue };
            if row.kind == Kind::Key && self.decided(&row.path, Decision::Follow) {
                edits.push((row.core.clone(), theirs.text[new.core.clone()].to_owned()));
            }
            let Some(old) = base.find(row.kind, &row.path) else { continue };
            edits.extend(self.comment([old, row, new].map(|row| row.lead.clone())));
            edits.extend(self.comment([old, row, new].map(ParsedToml::tail)));
        }
        edits.extend(self.comment([base.rest(), mine.rest(), theirs.rest()]));
        edits
    }

    /// Given the parts of the old release's, the operator's and the new release's text.
    fn comment(&self, [old, own, new]: [Range<usize>; 3]) -> Option<Edit> {
        let Versions { base, mine, theirs } = self.versions;
        let (old, new) = (&base.text[old], &theirs.text[new]);
        // A comment that the operator has changed is theirs.
        (mine.text[own.clone()] == *old && old != new).then(|| (own, new.to_owned()))
    }

    fn insert(&self) -> Vec<Edit> {
        let rows = self.versions.theirs.rows.iter();
        let inserted = rows.filter_map(|row| match row.kind {
            Kind::Header if self.is_new_section(row) => Some(self.section(row)),
            Kind::Key if self.decided(&row.path, Decision::Add) => self.key(row),
            _ => None,
        });
        inserted.collect()
    }

    /// A section that the operator left out stays out: what is in it has the release's defaults anyway.
    fn is_new_section(&self, header: &Row) -> bool {
        let Versions { base, mine, .. } = self.versions;
        let known = |parsed: &ParsedToml<'_>| parsed.find(Kind::Header, &header.path).is_some();
        !known(base) && !known(mine) && !mine.has_below(&header.path)
    }

    /// Behind the section that stands before it in the release's file.
    fn section(&self, header: &Row) -> Edit {
        let Versions { mine, theirs, .. } = self.versions;
        let before = theirs.rows.iter().filter(|row| row.kind == Kind::Header && row.line.start < header.line.start);
        let behind = before.rev().find(|row| mine.find(Kind::Header, &row.path).is_some());
        let place = mine.end_of(behind.map_or(&[], |row| &row.path));
        (place..place, theirs.text[header.lead.start..theirs.end_of(&header.path)].to_owned())
    }

    /// Behind the key that stands before it in the release's file, or first in its section.
    fn key(&self, key: &Row) -> Option<Edit> {
        let Versions { mine, theirs, .. } = self.versions;
        let header = mine.find(Kind::Header, &key.section);
        if header.is_none() && !key.section.is_empty() {
            return None;
        }
        let before = theirs.rows.iter().filter(|row| row.section == key.section && row.line.start < key.line.start);
        let mut own = before.rev().filter_map(|row| mine.find(Kind::Key, &row.path));
        let behind = own.find(|row| row.section == key.section).or(header);
        let place = behind.map_or(0, |row| row.line.end);
        Some((place..place, theirs.text[key.lead.start..key.line.end].to_owned()))
    }
}
