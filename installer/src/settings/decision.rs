//! What becomes of each setting when a new release brings other defaults.

use super::SettingsError;
use super::parsed_toml::{Kind, ParsedToml, Path, name};
use serde::Serialize;
use std::collections::BTreeSet;
use toml_edit::Value;

/// Why a setting is not decided by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ConflictReason {
    /// The operator changed the value, and so did the release.
    BothChanged,
    /// The operator changed the value, and the release now wants another type of value.
    TypeChanged,
    /// The operator changed what the release no longer knows.
    Dropped,
    /// The operator had the key before the release did.
    BothAdded,
}

/// The decision on one key.
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
    Conflict(ConflictReason),
}

pub(super) fn decide(base: Option<&Value>, mine: Option<&Value>, theirs: Option<&Value>) -> Decision {
    use Decision::{Add, Drop, Follow, Stay};
    match (base, mine, theirs) {
        (None, _, None) => Stay,
        (None, None, Some(_)) => Add,
        (Some(base), None, Some(theirs)) if same(base, theirs) => Stay,
        // Left out by the operator, it has the release's default, which changes.
        (Some(_), None, Some(_)) => Follow,
        (Some(_), None, None) => Drop,
        (Some(base), Some(mine), None) if same(base, mine) => Drop,
        (Some(_), Some(_), None) => Decision::Conflict(ConflictReason::Dropped),
        (_, Some(mine), Some(theirs)) if same(mine, theirs) => Stay,
        (None, Some(_), Some(_)) => Decision::Conflict(ConflictReason::BothAdded),
        // Only the operator changed it.
        (Some(base), Some(_), Some(theirs)) if same(base, theirs) => Stay,
        // Only the release changed it.
        (Some(base), Some(mine), Some(_)) if same(base, mine) => Follow,
        (Some(base), Some(_), Some(theirs)) if kind(base) != kind(theirs) => {
            Decision::Conflict(ConflictReason::TypeChanged)
        }
        (Some(_), Some(_), Some(_)) => Decision::Conflict(ConflictReason::BothChanged),
    }
}

/// Whether two values mean the same, however they are written.
pub(super) fn same(one: &Value, other: &Value) -> bool {
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

/// The three versions of `config.toml` that are merged.
pub(super) struct Versions<'a> {
    pub(super) base: ParsedToml<'a>,
    pub(super) mine: ParsedToml<'a>,
    pub(super) theirs: ParsedToml<'a>,
}

impl Versions<'_> {
    /// Refuses an inline table where another version has a section: it can be read, but not edited key by key.
    pub(super) fn check_shape(&self) -> Result<(), SettingsError> {
        let is_uneditable = |path: &&Path| {
            let inline = self.mine.value(path).is_some_and(Value::is_inline_table);
            inline && (self.base.has_below(path) || self.theirs.has_below(path))
        };
        let Some(path) = self.mine.values().keys().find(is_uneditable) else { return Ok(()) };
        Err(SettingsError::Shape { what: "config.toml", key: name(path) })
    }

    /// The decision on each key: those of the new release in its order, then those that only the old one had, then the operator's own.
    pub(super) fn decisions(&self) -> Vec<(Path, Decision)> {
        let mut seen = BTreeSet::new();
        let rows = [&self.theirs, &self.base, &self.mine].into_iter().flat_map(|parsed| &parsed.rows);
        let keys = rows.filter(|row| row.kind == Kind::Key && seen.insert(&row.path));
        let decided = keys.map(|row| {
            let decision = decide(self.base.value(&row.path), self.mine.value(&row.path), self.theirs.value(&row.path));
            (row.path.clone(), decision)
        });
        decided.collect()
    }
}
