//! The operator's settings under a new release: what the operator decided stays, the rest follows the release.
//!
//! A three-way merge of the old release's defaults (`base`), the operator's file (`mine`) and the new release's defaults
//! (`theirs`), key by key. It is decided here, and written by [`super::splice`]. What cannot be decided without a person is a
//! conflict; all of them are collected, and nothing is merged then.
//!
//! A key that the operator left out has the release's default, also after an update: leaving out is no decision against it.

use super::sheet::{Kind, Path, Sheet, name};
use super::spelling::Spelling;
use super::{SettingsError, splice};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use toml_edit::Value;

/// The settings for the new release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    /// The text of `config.toml`: the operator's, with the changes in it.
    pub(crate) text: String,
    /// What becomes different for the runtime, in the order of the new release's file.
    pub(crate) changes: Vec<Change>,
}

/// A setting that becomes another one by the update.
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
    pub(crate) why: Clash,
}

/// Why a setting is not decided by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Clash {
    /// The operator changed the value, and so did the release.
    BothChanged,
    /// The operator changed the value, and the release now wants another type of value.
    TypeChanged,
    /// The operator changed what the release no longer knows.
    Dropped,
    /// The operator had the key before the release did.
    BothAdded,
}

/// All settings that a person has to decide about: at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Conflicts(pub(crate) Vec<Conflict>);

/// Merges. Merging the result again changes nothing; going to a release and back without edits gives back the text.
pub(crate) fn three_way(base: &str, mine: &str, theirs: &str) -> Result<Merged, SettingsError> {
    let ((base, _), (mine, spelling), (theirs, _)) =
        (Spelling::plain(base), Spelling::plain(mine), Spelling::plain(theirs));
    let sheets = Sheets {
        base: Sheet::parse("the old release's config.toml", &base)?,
        mine: Sheet::parse("config.toml", &mine)?,
        theirs: Sheet::parse("the new release's config.toml", &theirs)?,
    };
    sheets.check_shape()?;
    let decisions = sheets.decisions();
    let conflicts: Vec<Conflict> =
        decisions.iter().filter_map(|(path, decision)| sheets.conflict(path, *decision)).collect();
    if !conflicts.is_empty() {
        return Err(Conflicts(conflicts).into());
    }
    let text = splice::write(&sheets, &decisions);
    sheets.check(&text, &decisions)?;
    let changes = decisions.iter().filter_map(|(path, decision)| sheets.change(path, *decision)).collect();
    Ok(Merged { text: spelling.spell(text), changes })
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It stays as the operator has it, or has left it out.
    Stay,
    /// It gets the new default.
    Follow,
    /// It comes in.
    Add,
    /// It goes.
    Drop,
    Clash(Clash),
}

fn decide(base: Option<&Value>, mine: Option<&Value>, theirs: Option<&Value>) -> Decision {
    use Decision::{Add, Drop, Follow, Stay};
    match (base, mine, theirs) {
        (None, _, None) => Stay,
        (None, None, Some(_)) => Add,
        (Some(base), None, Some(theirs)) if same(base, theirs) => Stay,
        (Some(_), None, Some(_)) => Follow,
        (Some(_), None, None) => Drop,
        (Some(base), Some(mine), None) if same(base, mine) => Drop,
        (Some(_), Some(_), None) => Decision::Clash(Clash::Dropped),
        (_, Some(mine), Some(theirs)) if same(mine, theirs) => Stay,
        (None, Some(_), Some(_)) => Decision::Clash(Clash::BothAdded),
        (Some(base), Some(_), Some(theirs)) if same(base, theirs) => Stay,
        (Some(base), Some(mine), Some(_)) if same(base, mine) => Follow,
        (Some(base), Some(_), Some(theirs)) if kind(base) != kind(theirs) => Decision::Clash(Clash::TypeChanged),
        (Some(_), Some(_), Some(_)) => Decision::Clash(Clash::BothChanged),
    }
}

/// Whether two values mean the same, however they are written.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.value() == other.value(),
        (Value::Boolean(one), Value::Boolean(other)) => one.value() == other.value(),
        (Value::Integer(one), Value::Integer(other)) => one.value() == other.value(),
        (Value::Datetime(one), Value::Datetime(other)) => one.value() == other.value(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::InlineTable(one), Value::InlineTable(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        // A whole number is a fine value where a fraction may stand.
        _ => number(one).zip(number(other)).is_some_and(|(one, other)| one.total_cmp(&other).is_eq()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a setting that is compared with a fraction is small")]
fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

/// The type, as far as a runtime that reads the value tells types apart.
fn kind(value: &Value) -> &'static str {
    if number(value).is_some() { "number" } else { value.type_name() }
}

/// The three files.
pub(super) struct Sheets<'a> {
    pub(super) base: Sheet<'a>,
    pub(super) mine: Sheet<'a>,
    pub(super) theirs: Sheet<'a>,
}

impl Sheets<'_> {
    /// A section that is written as one value can be read but not edited key by key.
    fn check_shape(&self) -> Result<(), SettingsError> {
        let in_the_way = |path: &&Path| {
            let inline = self.mine.value(path).is_some_and(Value::is_inline_table);
            inline && (self.base.has_below(path) || self.theirs.has_below(path))
        };
        let Some(path) = self.mine.values().keys().find(in_the_way) else { return Ok(()) };
        Err(SettingsError::Shape { what: "config.toml", key: name(path) })
    }

    /// What becomes of each key: those of the new release in its order, then those that only the old one had, then the operator's own.
    fn decisions(&self) -> Vec<(Path, Decision)> {
        let mut seen = BTreeSet::new();
        let rows = [&self.theirs, &self.base, &self.mine].into_iter().flat_map(|sheet| &sheet.rows);
        let keys = rows.filter(|row| row.kind == Kind::Key && seen.insert(&row.path));
        let decided = keys.map(|row| {
            let decision = decide(self.base.value(&row.path), self.mine.value(&row.path), self.theirs.value(&row.path));
            (row.path.clone(), decision)
        });
        decided.collect()
    }

    fn conflict(&self, path: &Path, decision: Decision) -> Option<Conflict> {
        let Decision::Clash(why) = decision else { return None };
        let [base, mine, theirs] = [&self.base, &self.mine, &self.theirs].map(|sheet| shown(sheet, path));
        Some(Conflict { key: name(path), base, mine, theirs, why })
    }

    fn change(&self, path: &Path, decision: Decision) -> Option<Change> {
        let why = match decision {
            Decision::Follow => Why::Default,
            Decision::Add => Why::Added,
            Decision::Drop => Why::Dropped,
            Decision::Stay | Decision::Clash(_) => return None,
        };
        let from = shown(&self.mine, path).or_else(|| shown(&self.base, path));
        Some(Change { key: name(path), from, to: shown(&self.theirs, path), why })
    }

    /// Holds what was written against what was decided, so that a way of writing settings that nobody thought of is refused
    /// rather than damaged.
    fn check(&self, text: &str, decisions: &[(Path, Decision)]) -> Result<(), SettingsError> {
        let result = Sheet::parse("config.toml with the changes of the new release", text)?;
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

fn shown(sheet: &Sheet<'_>, path: &Path) -> Option<String> {
    sheet.find(Kind::Key, path).map(|row| sheet.text[row.core.clone()].to_owned())
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
            Clash::BothChanged | Clash::BothAdded => Ok(()),
            Clash::TypeChanged => write!(f, ", another type of value"),
            Clash::Dropped => write!(f, ", which no longer knows this setting"),
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
