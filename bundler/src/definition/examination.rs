//! All that is wrong with a definition, and not the first of it alone.
//!
//! A deserializer stops at the first value that it cannot take. That value is taken out, and the rest is read again, until all
//! of it can be read.

use super::expand::{self, OriginalStrings};
use super::tables::DefinitionTable;
use super::text::DefinitionText;
use super::validate::{self, Problems};
use super::{Definition, DefinitionError, Variables};
use serde::Deserialize as _;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// A definition as far as it can be used, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Examination {
    /// Without what is wrong; none of a text that is no TOML. It is one to build only if nothing is wrong.
    pub(crate) definition: Option<Definition>,
    /// In the order of the definition's lines.
    pub(crate) problems: Vec<DefinitionError>,
}

/// What stands in for what a release lacks, so that the rest can be judged.
const RELEASE: &str = "product = \"x\"\nversion = \"0.0.0\"\nserial = 1\n";

/// How many values are taken out: all is read again after each, and nobody corrects more at once.
const MOST_TAKEN_OUT: usize = 100;

impl Examination {
    /// Judges the text of the definition at `file`, as [`Definition::parse`] does.
    pub(crate) fn of(text: &str, file: &Path, variables: &Variables) -> Self {
        let digest = landfall_manifests::Digest::of(text.as_bytes());
        let text = &expand::with_numbers(text, variables);
        let text = DefinitionText { text, file, digest };
        let mut problems = Problems::default();
        let (table, errors) = DeTable::parse_recoverable(text.text);
        if !errors.is_empty() {
            for error in &errors {
                problems.add(text.toml(error));
            }
            return Self { definition: None, problems: problems.into_sorted() };
        }
        let read = readable(&text, table, variables, &mut problems);
        let definition = read.map(|(table, originals)| validate::definition(&text, table, &originals, &mut problems));
        Self { definition, problems: problems.into_sorted() }
    }
}

/// The tables that can be read when what is wrong is taken out.
fn readable(
    text: &DefinitionText<'_>,
    mut table: Spanned<DeTable<'_>>,
    variables: &Variables,
    problems: &mut Problems,
) -> Option<(DefinitionTable, OriginalStrings)> {
    let mut taken = TakenOut::default();
    let (originals, wrong) = expand::expand(table.get_mut(), text, variables);
    for (span, error) in wrong {
        problems.add(error);
        take_out(&mut table, &span, &mut taken);
    }
    for _ in 0..MOST_TAKEN_OUT {
        let error = match DefinitionTable::deserialize(toml::Deserializer::from(table.clone())) {
            Ok(read) => {
                let read = if taken.items.is_empty() { Some(read) } else { without_items(table, &taken.items) };
                return Some((read?, originals));
            }
            Err(error) => error,
        };
        let span = error.span().unwrap_or_default();
        let missing =
            error.message().trim_end().strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        // What lacks only what was taken out of it has been told already.
        let is_told = missing.is_some_and(|field| taken.values.iter().any(|taken| taken.was(field, &span)));
        if !is_told {
            problems.add(text.toml(&error));
        }
        let is_put_in = missing.is_some_and(|field| put_in(table.get_mut(), field, &span));
        if !is_put_in && !take_out(&mut table, &span, &mut taken) {
            return None;
        }
    }
    None
}

/// Puts in what stands for the release, or for the `field` that the one at `span` lacks; whether there is such a thing.
fn put_in(table: &mut DeTable<'_>, field: &str, span: &Range<usize>) -> bool {
    let Ok(stand_in) = DeTable::parse(RELEASE) else { return false };
    let stand_in = stand_in.into_inner();
    if field == "release" {
        table.insert(Spanned::new(0..0, "release".into()), Spanned::new(0..0, DeValue::Table(stand_in)));
        return true;
    }
    let release = table.iter_mut().find(|(key, value)| key.get_ref() == "release" && value.span() == *span);
    let value = stand_in.into_iter().find(|(key, _)| key.get_ref() == field);
    match (release.map(|(_, value)| value.get_mut()), value) {
        (Some(DeValue::Table(release)), Some((key, value))) => {
            release.insert(key, value);
            true
        }
        _ => false,
    }
}

/// The tables without those images and files that something was taken out of: what they lack now means nothing.
fn without_items(mut table: Spanned<DeTable<'_>>, items: &[Range<usize>]) -> Option<DefinitionTable> {
    for (_, value) in table.get_mut().iter_mut() {
        if let DeValue::Array(all) = value.get_mut() {
            let whole = std::mem::replace(all, DeArray::new()).into_iter();
            *all = whole.filter(|item| !items.contains(&item.span())).collect();
        }
    }
    DefinitionTable::deserialize(toml::Deserializer::from(table)).ok()
}

/// What was taken out.
#[derive(Default)]
struct TakenOut {
    values: Vec<Taken>,
    /// The places of the values of lists that something was taken out of.
    items: Vec<Range<usize>>,
}

/// A value that was taken out.
struct Taken {
    /// The place of the table that it was in.
    table: Range<usize>,
    key: String,
}

impl Taken {
    /// Whether it was `key` of the table at `span`.
    fn was(&self, key: &str, span: &Range<usize>) -> bool {
        self.key == key && self.table == *span
    }
}

/// Takes out the innermost value around `span`; whether there is one.
fn take_out(table: &mut Spanned<DeTable<'_>>, span: &Range<usize>, taken: &mut TakenOut) -> bool {
    let place = table.span();
    out_of_table(table.get_mut(), &place, span, taken)
}

fn out_of_table(table: &mut DeTable<'_>, place: &Range<usize>, span: &Range<usize>, taken: &mut TakenOut) -> bool {
    if table.iter_mut().any(|(_, value)| out_of_value(value, span, taken)) {
        return true;
    }
    let is_found =
        |(key, value): &(&Spanned<_>, &Spanned<_>)| is_around(&key.span(), span) || is_around(&value.span(), span);
    // What was put in has no place in the text: taken out again, it would be put in for ever.
    let mut written = table.iter().filter(|(_, value)| value.span() != (0..0));
    let Some(key) = written.find(is_found).map(|(key, _)| key.clone()) else { return false };
    table.remove(&key);
    taken.values.push(Taken { table: place.clone(), key: key.into_inner().into_owned() });
    true
}

fn out_of_value(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>, taken: &mut TakenOut) -> bool {
    let place = value.span();
    match value.get_mut() {
        DeValue::Table(table) => out_of_table(table, &place, span, taken),
        DeValue::Array(items) => {
            if let Some(item) = items.iter_mut().find_map(|item| out_of_value(item, span, taken).then(|| item.span())) {
                taken.items.push(item);
                return true;
            }
            let before = items.len();
            let all = std::mem::replace(items, DeArray::new());
            *items = all.into_iter().filter(|item| !is_around(&item.span(), span)).collect();
            items.len() < before
        }
        _ => false,
    }
}

fn is_around(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(super) mod tests {
    use super::*;

    /// Parses a definition. Whoever looks for all problems finds the one that a build would stop at, and none where it would not.
    pub(in crate::definition) fn parse(
        text: &str,
        file: &Path,
        variables: &Variables,
    ) -> Result<Definition, DefinitionError> {
        let parsed = Definition::parse(text, file, variables);
        let Examination { definition, problems } = Examination::of(text, file, variables);
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        match &parsed {
            Ok(parsed) => assert!(told.is_empty() && definition.as_ref() == Some(parsed), "{told:?}"),
            Err(error) => assert!(told.contains(&error.to_string()), "{error} is not among {told:?}"),
        }
        parsed
    }

    fn examine(text: &str) -> (Option<Definition>, Vec<String>) {
        let variables = Variables::new([], [("SET".to_owned(), "3".to_owned())]);
        let Examination { definition, problems } = Examination::of(text, Path::new("acme.toml"), &variables);
        (definition, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_each_of_it_once() {
        let text = r#"
colour = "red"
[release]
product = "Acme Inc"
version = "${VERSION}"
serial = "${SET}"
created = "yesterday"
keys = ["RWx"]
[runtime]
binary = ""
[[image]]
name = "one"
source = "docker-hub:one"
[[image]]
name = "two"
source = 2
tenant = { language = "rust", port = "many", health = "health" }
[[image]]
name = "three"
[[image]]
name = "four"
source = "rootfs:four"
[[image]]
name = "four"
source = "rootfs:five"
[[file]]
source = "${FOLDER}"
path = "/etc/passwd"
[[file]]
source = "docs"
path = "bin/docs"
"#;
        let (definition, problems) = examine(text);
        insta::assert_snapshot!(problems.join("\n"));
        let definition = definition.unwrap();
        let names: Vec<&str> = definition.images.iter().map(|image| image.name.as_str()).collect();
        assert_eq!(names, ["four"], "what is whole is there to be looked for");
    }

    #[test]
    fn what_is_no_toml_is_not_judged_further() {
        let (definition, problems) = examine("[release\nproduct = \"Acme Inc\"\n");
        assert!(definition.is_none());
        assert!(problems.iter().all(|problem| problem.starts_with("acme.toml:1: ")), "{problems:?}");
    }

    #[test]
    fn a_text_without_a_release_lacks_one() {
        for text in ["", "[[file]]\nsource = \"docs\"\npath = \"docs\"\n"] {
            let (definition, problems) = examine(text);
            assert_eq!(problems, ["acme.toml:1: the definition lacks release"], "{text}");
            assert_eq!(definition.unwrap().files.len(), text.matches("[[file]]").count());
        }
        let (definition, problems) = examine("release = 1");
        assert_eq!(problems, ["acme.toml:1: release is 1: it has to be a table"]);
        assert!(definition.is_some());
    }
}
