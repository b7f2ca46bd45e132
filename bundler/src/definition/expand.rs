//! From text to the definition's tables: parse, replace variables in place so that every value keeps its position, deserialize.

use super::tables::DefinitionTable;
use super::text::DefinitionText;
use super::{DefinitionError, Variables};
use serde::Deserialize as _;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// The keys whose values are integers. A variable stands in quotes there as well, since TOML has no other place for it.
pub(super) const NUMBERS: [&str; 6] =
    ["serial", "compression_level", "port", "schema", "reversible_to", "start_period"];
/// The tables whose keys are a user's own.
const FREE_TABLES: [&str; 2] = ["env", "labels"];

/// The strings that variables changed, as they were written, by their position.
#[derive(Debug, Default)]
pub(super) struct OriginalStrings(BTreeMap<usize, String>);

impl OriginalStrings {
    /// What stood at `span` before variables were replaced.
    pub(super) fn before_expansion<'a>(&'a self, span: &Range<usize>, now: &'a str) -> &'a str {
        self.0.get(&span.start).map_or(now, String::as_str)
    }
}

/// The text with each quoted number that has variables in it, such as `serial = "${SERIAL}"`, written as the integer that it stands
/// for. Whatever does not become an integer is left for the parser to refuse, and so is text that is no TOML. Lines stay where
/// they are.
pub(super) fn with_numbers<'a>(text: &'a str, variables: &Variables) -> Cow<'a, str> {
    let mut found = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        numbers(table.get_ref(), text, variables, &mut found);
    }
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut replaced = text.to_owned();
    // From the end on, so that the places before it stay what they are.
    found.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    for (span, number) in found {
        replaced.replace_range(span, &number.to_string());
    }
    Cow::Owned(replaced)
}

fn numbers(table: &DeTable<'_>, text: &str, variables: &Variables, found: &mut Vec<(Range<usize>, u64)>) {
    for (key, value) in table {
        match value.get_ref() {
            DeValue::String(string) if NUMBERS.contains(&&**key.get_ref()) => {
                // A string of several lines would move those below it.
                let is_one_line = text.get(value.span()).is_some_and(|written| !written.contains('\n'));
                let expanded = variables.expand(string).ok().filter(|expanded| is_one_line && *expanded != **string);
                let number = expanded.filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
                found.extend(number.and_then(|number| Some((value.span(), number.parse().ok()?))));
            }
            DeValue::Table(inner) if !FREE_TABLES.contains(&&**key.get_ref()) => numbers(inner, text, variables, found),
            DeValue::Array(array) => {
                for item in array {
                    if let DeValue::Table(inner) = item.get_ref() {
                        numbers(inner, text, variables, found);
                    }
                }
            }
            _ => {}
        }
    }
}

pub(super) fn parse(
    text: &DefinitionText<'_>,
    variables: &Variables,
) -> Result<(DefinitionTable, OriginalStrings), DefinitionError> {
    // Variables are replaced after parsing: a value with quotes or line ends cannot change the structure.
    let mut table = DeTable::parse(text.text).map_err(|error| text.toml(&error))?;
    let (originals, wrong) = expand(table.get_mut(), text, variables);
    if let Some((_, error)) = wrong.into_iter().next() {
        return Err(error);
    }
    let table = DefinitionTable::deserialize(toml::Deserializer::from(table)).map_err(|error| text.toml(&error))?;
    Ok((table, originals))
}

/// A string that cannot be expanded, by its place, and why.
pub(super) type WrongString = (Range<usize>, DefinitionError);

/// Replaces the variables in all strings; those that cannot be expanded stay as they are written.
pub(super) fn expand(
    table: &mut DeTable<'_>,
    text: &DefinitionText<'_>,
    variables: &Variables,
) -> (OriginalStrings, Vec<WrongString>) {
    let (mut originals, mut wrong) = (OriginalStrings::default(), Vec::new());
    each_string(table, &mut |string, span| {
        if let Err(error) = expand_string(string, &span, text, variables, &mut originals) {
            wrong.push((span, error));
        }
    });
    (originals, wrong)
}

/// A string of a definition, and its place.
type Visit<'a, 'text> = dyn FnMut(&mut Cow<'text, str>, Range<usize>) + 'a;

fn each_string<'text>(table: &mut DeTable<'text>, visit: &mut Visit<'_, 'text>) {
    for (_, value) in table.iter_mut() {
        let span = value.span();
        in_value(value.get_mut(), span, visit);
    }
}

fn in_value<'text>(value: &mut DeValue<'text>, span: Range<usize>, visit: &mut Visit<'_, 'text>) {
    match value {
        DeValue::String(string) => visit(string, span),
        DeValue::Table(table) => each_string(table, visit),
        DeValue::Array(array) => {
            for item in array.iter_mut() {
                let span = item.span();
                in_value(item.get_mut(), span, visit);
            }
        }
        _ => {}
    }
}

fn expand_string(
    string: &mut Cow<'_, str>,
    span: &Range<usize>,
    text: &DefinitionText<'_>,
    variables: &Variables,
    originals: &mut OriginalStrings,
) -> Result<(), DefinitionError> {
    let expanded = variables.expand(string).map_err(|error| {
        // The span is the whole string's, which may have many lines: the message names the variable's own.
        let within = text.text.get(span.clone()).and_then(|raw| raw.find(&error.spelling()));
        text.wrong(span.start + within.unwrap_or_default(), error.to_string())
    })?;
    if expanded != **string {
        let before = std::mem::replace(string, Cow::Owned(expanded));
        // No two strings begin at one byte: the start alone tells them apart.
        originals.0.insert(span.start, before.into_owned());
    }
    Ok(())
}
