//! Values from a command line or a file of answers, and how they get into the operator's text.

use super::{Layers, SettingsError};
use landfall_console::line_of;
use std::collections::BTreeSet;
use std::fmt;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

/// How a first installation's `config.toml` begins.
const HEADER: &str = "\
# What differs on this host from the settings of its release. `landfall-installer config show` prints every setting that
# counts, `landfall-installer config set SECTION.KEY=VALUE` changes one, and /opt/landfall/current/config.toml explains them.
";

/// The name of a setting: `section.key`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    section: String,
    key: String,
}

impl Key {
    /// Parses `section.key`.
    ///
    /// # Errors
    /// [`SettingsError::Key`] if it has another form.
    pub(crate) fn parse(text: &str) -> Result<Self, SettingsError> {
        let parts = text.trim().split_once('.').filter(|(section, key)| !section.is_empty() && !key.is_empty());
        let parts = parts.filter(|(_, key)| !key.contains('.'));
        let (section, key) = parts.ok_or_else(|| SettingsError::Key(text.to_owned()))?;
        Ok(Self { section: section.to_owned(), key: key.to_owned() })
    }

    /// The section.
    pub(crate) fn section(&self) -> &str {
        &self.section
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.section, self.key)
    }
}

/// A value for a key.
#[derive(Debug, Clone)]
pub(crate) struct Override {
    key: Key,
    value: Value,
}

impl Override {
    /// Parses `section.key=value`. A value that is not TOML is text, so that `tenants.memory=2GiB` needs no quotes.
    ///
    /// # Errors
    /// [`SettingsError::Form`] if it has another form.
    pub(crate) fn parse(text: &str) -> Result<Self, SettingsError> {
        let form = || SettingsError::Form(text.to_owned());
        let (key, value) = text.split_once('=').ok_or_else(form)?;
        let value = value.trim();
        let value = value.parse::<Value>().unwrap_or_else(|_| Value::from(value));
        Ok(Self { key: Key::parse(key).map_err(|_| form())?, value })
    }

    /// The setting that gets the value.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn new(section: &str, key: &str, value: impl Into<Value>) -> Self {
        Self { key: Key { section: section.to_owned(), key: key.to_owned() }, value: value.into() }
    }

    /// The settings in a TOML file of answers.
    ///
    /// # Errors
    /// The text is not TOML, or has something that is no section of values.
    pub(crate) fn parse_answers(text: &str) -> Result<Vec<Self>, SettingsError> {
        let document = parse("the file of answers", text)?;
        let mut overrides = Vec::new();
        for (section, item) in document.iter() {
            let table = item.as_table_like().ok_or_else(|| SettingsError::Unknown(section.to_owned()))?;
            for (key, item) in table.iter() {
                let name = || SettingsError::Unknown(format!("{section}.{key}"));
                overrides.push(Self::new(section, key, item.as_value().ok_or_else(name)?.clone()));
            }
        }
        Ok(overrides)
    }
}

/// The `config.toml` of a first installation.
///
/// # Errors
/// A key is none of the release's, or it does not take the value.
pub(crate) fn first(release: &str, overrides: &[Override]) -> Result<String, SettingsError> {
    set(release, HEADER, overrides)
}

/// The operator's text with these values in it. Comments and order stay.
///
/// # Errors
/// As for [`first`]; also if the text cannot be edited.
pub(crate) fn set(release: &str, operator: &str, overrides: &[Override]) -> Result<String, SettingsError> {
    let document = parse("config.toml", operator)?;
    // A text of comments alone is the document's end to the parser: what is set would come before it.
    let (head, mut document) = if document.is_empty() { (operator, DocumentMut::new()) } else { ("", document) };
    for Override { key, value } in overrides {
        let table = section(&mut document, &key.section)?;
        let mut value = value.clone();
        match table.get_mut(&key.key).map(Item::as_value_mut) {
            Some(Some(there)) => {
                *value.decor_mut() = there.decor().clone();
                *there = value;
            }
            Some(None) => return Err(SettingsError::Shape(key.to_string())),
            None => _ = table.insert(&key.key, value.into()),
        }
    }
    let text = joined(head, &document);
    let unknown = Layers::parse(release, &text)?.unknown();
    let set: BTreeSet<String> = overrides.iter().map(|one| one.key.to_string()).collect();
    match unknown.into_iter().find(|key| set.contains(key)) {
        Some(key) => Err(SettingsError::Unknown(key)),
        None => Ok(text),
    }
}

/// The operator's text without these keys, which then have the release's values.
///
/// # Errors
/// The operator does not set one of them.
pub(crate) fn unset(operator: &str, keys: &[Key]) -> Result<String, SettingsError> {
    let (mut document, mut head) = (parse("config.toml", operator)?, String::new());
    for key in keys {
        let table = document.get_mut(&key.section).and_then(Item::as_table_like_mut);
        let removed = table.and_then(|table| table.remove(&key.key).map(|_| table.is_empty()));
        match removed {
            None => return Err(SettingsError::NotSet(key.to_string())),
            Some(true) => {
                // The comments before a section are the section's to the parser; the file's own first lines are among them.
                let section = document.remove(&key.section).and_then(|section| section.into_table().ok());
                let comments = section.as_ref().and_then(|section| section.decor().prefix()?.as_str());
                head.push_str(comments.unwrap_or_default());
            }
            Some(false) => {}
        }
    }
    Ok(joined(&head, &document))
}

/// The lines that stand before all sections, and the sections.
fn joined(head: &str, document: &DocumentMut) -> String {
    match (head.trim_end(), document.to_string().trim_start()) {
        ("", _) => document.to_string(),
        (head, "") => format!("{head}\n"),
        (head, sections) => format!("{head}\n\n{sections}"),
    }
}

fn section<'a>(document: &'a mut DocumentMut, name: &str) -> Result<&'a mut dyn TableLike, SettingsError> {
    let item = document.entry(name).or_insert_with(|| Item::Table(Table::new()));
    item.as_table_like_mut().ok_or_else(|| SettingsError::Shape(name.to_owned()))
}

fn parse(what: &'static str, text: &str) -> Result<DocumentMut, SettingsError> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let line = line_of(text, error.span().unwrap_or_default().start);
        SettingsError::Parse { what, line, message: error.message().trim_end().to_owned() }
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const RELEASE: &str = "[api]\naddress = \"0.0.0.0\"\nport = 3000\n[fresh]\nknob = 1\n";

    fn with(operator: &str, texts: &[&str]) -> Result<String, SettingsError> {
        let overrides = texts.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>, _>>()?;
        set(RELEASE, operator, &overrides)
    }

    #[test]
    fn values_are_put_into_the_operators_text_and_everything_else_stays() {
        let text = "# mine\n[api]\nport = 80 # behind a proxy\n\n[update]\nkeep = 3\n";
        assert_eq!(with(text, &[]).unwrap(), text);
        let changed = with(text, &["api.port=8080", "tenants.memory=2GiB", "tenants.cpus=1", "fresh.knob=2"]).unwrap();
        let expected = text.replace("= 80 ", "= 8080 ");
        assert_eq!(changed, expected + "\n[tenants]\nmemory = \"2GiB\"\ncpus = 1\n\n[fresh]\nknob = 2\n");
        assert_eq!(with("api = { port = 1 }\n", &["api.port=2"]).unwrap(), "api = { port = 2 }\n");
        assert_eq!(with("api.port = 1\n", &["api.port=2"]).unwrap(), "api.port = 2\n");
    }

    #[test]
    fn what_is_taken_away_has_the_releases_value_again() {
        let text = "# mine\n[api]\nport = 80\n\n[update]\nkeep = 3\nhealthy_for = 1\n";
        let keys = |names: &[&str]| names.iter().map(|name| Key::parse(name).unwrap()).collect::<Vec<_>>();
        let left = unset(text, &keys(&["api.port", "update.keep"])).unwrap();
        assert!(!left.contains("api") && !left.contains("keep") && left.contains("healthy_for = 1"), "{left}");
        let error = unset(text, &keys(&["api.address"])).unwrap_err();
        assert!(error.to_string().contains("does not set api.address"), "{error}");
    }

    #[test]
    fn a_first_installation_writes_what_differs_and_where_the_rest_is_explained() {
        let answers = Override::parse_answers("[api]\nport = 80\n[tenants]\nmemory = \"1GiB\"\n").unwrap();
        let text = first(RELEASE, &answers).unwrap();
        let values = text.strip_prefix(HEADER).unwrap();
        assert_eq!(values.trim_start(), "[api]\nport = 80\n\n[tenants]\nmemory = \"1GiB\"\n");
        assert_eq!(first(RELEASE, &[]).unwrap(), HEADER);
        for wrong in ["port = 3", "[api", "[api.port]\nx = 1"] {
            assert!(Override::parse_answers(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn refuses_what_is_no_setting_of_the_release_or_no_value_of_it() {
        for (text, message) in [
            ("api.prot=1", "no setting api.prot"),
            ("nothing.port=1", "no setting nothing.port"),
            ("api.port=http", "cannot be used: api.port is \"http\": it has to be a whole number"),
            ("api.address=1", "cannot be used: api.address is 1: it has to be an IPv4 address"),
            ("tenants.memory=lots", "it has to be a size"),
            ("fresh.knob=text", "of TOML's type integer"),
            ("api.port", "not of the form"),
            ("port=1", "not of the form"),
            ("api.port.x=1", "not of the form"),
        ] {
            let error = landfall_console::message_with_causes(&with("", &[text]).unwrap_err());
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
