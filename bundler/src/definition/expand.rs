//! From text to the definition's tables: parse, replace variables in place so that every value keeps its position, deserialize.

use super::tables::DefinitionTable;
use super::text::DefinitionText;
use super::{DefinitionError, Variables};
use serde::Deserialize as _;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// The strings that variables changed, as they were written, by their position.
#[derive(Debug, Default)]
pub(super) struct OriginalStrings(BTreeMap<usize, String>);

impl OriginalStrings {
    /// What stood at `span` before variables were replaced.
    pub(super) fn before_expansion<'a>(&'a self, span: &Range<usize>, now: &'a str) -> &'a str {
        self.0.get(&span.start).map_or(now, String::as_str)
    }
}

pub(super) fn parse(
    text: &DefinitionText<'_>,
    variables: &Variables,
) -> Result<(DefinitionTable, OriginalStrings), DefinitionError> {
    // Variables are replaced after parsing: a value with quotes or line ends cannot change the structure.
    let mut table = DeTable::parse(text.text).map_err(|error| text.toml(&error))?;
    let mut originals = OriginalStrings::default();
    expand_table(table.get_mut(), text, variables, &mut originals)?;
    let table = DefinitionTable::deserialize(toml::Deserializer::from(table)).map_err(|error| text.toml(&error))?;
    Ok((table, originals))
}

fn expand_table(
    table: &mut DeTable<'_>,
    text: &DefinitionText<'_>,
    variables: &Variables,
    originals: &mut OriginalStrings,
) -> Result<(), DefinitionError> {
    for (_, value) in table.iter_mut() {
        let span = value.span();
        expand_value(value.get_mut(), &span, text, variables, originals)?;
    }
    Ok(())
}

fn expand_value(
    value: &mut DeValue<'_>,
    span: &Range<usize>,
    text: &DefinitionText<'_>,
    variables: &Variables,
    originals: &mut OriginalStrings,
) -> Result<(), DefinitionError> {
    match value {
        DeValue::String(string) => expand_string(string, span, text, variables, originals),
        DeValue::Table(table) => expand_table(table, text, variables, originals),
        DeValue::Array(array) => array.iter_mut().try_for_each(|item| {
            let span = item.span();
            expand_value(item.get_mut(), &span, text, variables, originals)
        }),
        _ => Ok(()),
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
