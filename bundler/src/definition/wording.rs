//! What deserializing says of a wrong value, in the words of a definition: the key, what is written there, and what is wanted.
//!
//! A deserializer leaves nothing but a text in the forms of `serde::de::Error`, and the place of what it could not read.

use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// As much of a value as a message repeats, in bytes.
const SHOWN: usize = 60;

/// What `message` says about the bytes at `span` of the definition's `text`.
pub(super) fn own_words(message: &str, text: &str, span: &Range<usize>) -> String {
    let message = message.trim_end();
    let table = DeTable::parse(text).ok();
    let place = table.as_ref().and_then(|table| place_of(table.get_ref(), span));
    let (key, is_item) = place.map_or(("the definition", false), |place| (place.key, place.is_item));
    let is_wrong = |wanted: &str| {
        let written = text.get(span.clone()).filter(|written| written.len() <= SHOWN && !written.contains('\n'));
        match (written, is_item) {
            (Some(written), true) => format!("{key} holds {written}: each has to be {wanted}"),
            (Some(written), false) => format!("{key} is {written}: it has to be {wanted}"),
            (None, true) => format!("each of {key} has to be {wanted}"),
            (None, false) => format!("{key} has to be {wanted}"),
        }
    };
    let after = |start: &str, end: &str| message.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    if let Some((field, known)) = after("unknown field `", "").and_then(|rest| rest.split_once("`, expected ")) {
        // The parser's own name for what a date is made of.
        if field.starts_with("$__toml_private") {
            return is_wrong("a table");
        }
        let known = known.trim_start_matches("one of ").replace('`', "");
        return format!("there is no key {field} here; those that there are: {known}");
    }
    if let Some(field) = after("missing field `", "`") {
        // Whatever table the text begins with is at the place of the whole text, too.
        let key = if field == "release" { "the definition" } else { key };
        return format!("{key} lacks {field}");
    }
    if let Some(kind) = after("wanted ", "") {
        return is_wrong(of_kind(kind));
    }
    match message.rsplit_once(", expected ") {
        Some((start, names)) if start.starts_with("unknown variant ") => is_wrong(&names.replace('`', "\"")),
        Some((start, kind)) if is_of_types(start) => is_wrong(of_kind(kind)),
        _ => message.to_owned(),
    }
}

/// Whether this begins what is said of a value of another type, and not of text that is no TOML.
fn is_of_types(start: &str) -> bool {
    ["invalid type: ", "invalid value: ", "invalid length "].iter().any(|form| start.starts_with(form))
}

/// What a definition calls a type that a deserializer expects.
fn of_kind(kind: &str) -> &str {
    match kind {
        "a string" | "string or table" => "text in quotes",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" => "a whole number",
        "a boolean" => "true or false",
        "a sequence" => "a list in [ ]",
        "a map" => "a table in { }",
        // Of a value with several forms, before the forms are looked at.
        "any value" => "text in quotes, or a table in { }",
        kind if kind.starts_with("struct ") => "a table",
        other => other,
    }
}

/// A place in a definition.
struct Place<'a> {
    /// The innermost key around it.
    key: &'a str,
    /// Whether it is one of the values in the key's list.
    is_item: bool,
}

fn place_of<'a>(table: &'a DeTable<'_>, span: &Range<usize>) -> Option<Place<'a>> {
    fn inside<'a>(value: &'a DeValue<'_>, span: &Range<usize>) -> Option<Place<'a>> {
        match value {
            DeValue::Table(table) => place_of(table, span),
            DeValue::Array(items) => items.iter().find_map(|item| inside(item.get_ref(), span)),
            _ => None,
        }
    }
    table.iter().find_map(|(key, value)| {
        let found = value.span();
        let around = || Place { key: key.get_ref(), is_item: value.get_ref().is_array() && found != *span };
        // Each table of a list that is written [[key]] has its own place, and the list that of the first.
        let is_one_of_it =
            value.get_ref().as_array().is_some_and(|items| items.iter().any(|item| item.span() == *span));
        let is_around = is_one_of_it || found.start <= span.start && span.end <= found.end;
        inside(value.get_ref(), span).or_else(|| is_around.then(around))
    })
}
