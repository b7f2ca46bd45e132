//! The operator's settings under a new release: what the operator decided stays, the rest follows the release.
//!
//! A three-way merge of the old release's defaults (`base`), the operator's file (`mine`) and the new release's defaults
//! (`theirs`), key by key. It is decided by [`super::decision`] and written by [`super::splice`]. What only a person can decide is a
//! conflict; all conflicts are collected, and then nothing is merged.
//!
//! A key that the operator left out has the release's default, before and after an update.

use super::decision::{ConflictReason, Decision, Versions, same};
use super::line_endings::LineEndings;
use super::parsed_toml::{Kind, ParsedToml, Path, name};
use super::{SettingsError, splice};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use toml_edit::Value;

/// The result of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    /// The text of `config.toml`: the operator's, with the changes in it.
    pub(crate) text: String,
    /// The settings whose value changes for the runtime, in the order of the new release's file.
    pub(crate) changes: Vec<Change>,
}

/// A setting whose value changes by the update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    /// `section.key`
    pub(crate) key: String,
    /// The value until now, as TOML.
    pub(crate) from: Option<String>,
    /// The value from now on, as TOML.
    pub(crate) to: Option<String>,
    pub(crate) why: Why,
}

/// Why a setting changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Why {
    /// The operator had the old release's default, and the new one has another.
    Default,
    /// The new release knows a setting that the old one did not.
    Added,
    /// The new release no longer knows the setting, which had its default.
    Dropped,
}

/// A setting that a person has to decide about. Values are as TOML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conflict {
    /// `section.key`
    pub(crate) key: String,
    /// The old release's default.
    pub(crate) base: Option<String>,
    /// What the operator has.
    pub(crate) mine: Option<String>,
    /// The new release's default.
    pub(crate) theirs: Option<String>,
    pub(crate) why: ConflictReason,
}

/// All settings that a person has to decide about: at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Conflicts(pub(crate) Vec<Conflict>);

/// Merges the three versions. Merging the result again changes nothing; going to a release and back without edits gives back the text.
pub(crate) fn three_way(base: &str, mine: &str, theirs: &str) -> Result<Merged, SettingsError> {
    let ((base, _), (mine, line_endings), (theirs, _)) =
        (LineEndings::normalize(base), LineEndings::normalize(mine), LineEndings::normalize(theirs));
    let versions = Versions {
        base: ParsedToml::parse("the old release's config.toml", &base)?,
        mine: ParsedToml::parse("config.toml", &mine)?,
        theirs: ParsedToml::parse("the new release's config.toml", &theirs)?,
    };
    // 1. What cannot be edited key by key is refused before anything is decided.
    versions.check_shape()?;
    let decisions = versions.decisions();
    // 2. All conflicts at once: a person decides them in one go.
    let conflicts: Vec<Conflict> =
        decisions.iter().filter_map(|(path, decision)| versions.conflict(path, *decision)).collect();
    if !conflicts.is_empty() {
        return Err(Conflicts(conflicts).into());
    }
    // 3. The text is read again and compared with the decisions: the splice works on lines, not on TOML.
    let text = splice::write(&versions, &decisions);
    versions.check(&text, &decisions)?;
    let changes = decisions.iter().filter_map(|(path, decision)| versions.change(path, *decision)).collect();
    Ok(Merged { text: line_endings.restore(text), changes })
}

impl Versions<'_> {
    fn conflict(&self, path: &Path, decision: Decision) -> Option<Conflict> {
        let Decision::Conflict(why) = decision else { return None };
        let [base, mine, theirs] = [&self.base, &self.mine, &self.theirs].map(|parsed| shown(parsed, path));
        Some(Conflict { key: name(path), base, mine, theirs, why })
    }

    fn change(&self, path: &Path, decision: Decision) -> Option<Change> {
        let why = match decision {
            Decision::Follow => Why::Default,
            Decision::Add => Why::Added,
            Decision::Drop => Why::Dropped,
            Decision::Stay | Decision::Conflict(_) => return None,
        };
        let from = shown(&self.mine, path).or_else(|| shown(&self.base, path));
        Some(Change { key: name(path), from, to: shown(&self.theirs, path), why })
    }

    /// Compares the written text with the decisions, so that a form of TOML that the splice does not handle is refused rather than
    /// damaged.
    fn check(&self, text: &str, decisions: &[(Path, Decision)]) -> Result<(), SettingsError> {
        let result = ParsedToml::parse("config.toml with the changes of the new release", text)?;
        let mut expected: BTreeMap<&Path, &Value> = self.mine.values().iter().collect();
        for (path, decision) in decisions {
            match (decision, self.theirs.value(path)) {
                (Decision::Follow, Some(value)) if expected.contains_key(path) => drop(expected.insert(path, value)),
                // Where the operator left out a whole section, its new keys stay out as well.
                (Decision::Add, Some(value)) if result.value(path).is_some() => drop(expected.insert(path, value)),
                (Decision::Drop, _) => drop(expected.remove(path)),
                _ => {}
            }
        }
        let keys = expected.keys().copied().chain(result.values().keys());
        let wrong = keys.into_iter().find(|path| {
            let pair = expected.get(path).zip(result.value(path));
            !pair.is_some_and(|(expected, found)| same(expected, found))
        });
        wrong.map_or(Ok(()), |path| Err(SettingsError::Shape { what: "config.toml", key: name(path) }))
    }
}

fn shown(parsed: &ParsedToml<'_>, path: &Path) -> Option<String> {
    parsed.find(Kind::Key, path).map(|row| parsed.text[row.core.clone()].to_owned())
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, from, to, why } = self;
        let (from, to) = (from.as_deref().unwrap_or("nothing"), to.as_deref().unwrap_or("nothing"));
        match why {
            Why::Default => write!(f, "{key}: {from} becomes {to}, the new default"),
            Why::Added => write!(f, "{key}: new, {to}"),
            Why::Dropped => write!(f, "{key}: gone, was {from}"),
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let (base, mine, theirs) = (show(&self.base), show(&self.mine), show(&self.theirs));
        write!(f, "{}: config.toml has {mine}; the old release {base}, the new one {theirs}", self.key)?;
        match self.why {
            ConflictReason::BothChanged | ConflictReason::BothAdded => Ok(()),
            ConflictReason::TypeChanged => write!(f, ", another type of value"),
            ConflictReason::Dropped => write!(f, ", which no longer knows this setting"),
        }
    }
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "config.toml and the new release contradict each other:")?;
        self.0.iter().try_for_each(|conflict| write!(f, "\n- {conflict}"))
    }
}

#[cfg(test)]
mod tests;
