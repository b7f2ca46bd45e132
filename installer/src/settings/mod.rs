//! `config.toml`: the release's defaults, the operator's changes, and their merge at an update.
//!
//! Only the runtime reads every setting. The installer reads those that it needs itself: two ports, an address and `[update]`.
//! Which settings exist is told by the release's own file.
//!
//! | module | holds |
//! | --- | --- |
//! | `file` | `config.toml` on the host |
//! | `update` | the section `[update]` |
//! | `three_way` | the merge of the operator's file with a new release's defaults |
//! | `decision` | what becomes of each key; pure |
//! | `splice` | writing the decisions into the text |
//! | `forced_merge` | the merge of an automatic revert, which has no conflicts |
//! | `parsed_toml`, `line_endings` | the text that they work on |

mod decision;
pub(crate) mod file;
mod forced_merge;
mod line_endings;
mod parsed_toml;
mod splice;
mod three_way;
mod update;

pub(crate) use decision::ConflictReason;
pub(crate) use file::SettingsFileError;
pub(crate) use forced_merge::forced_merge;
pub(crate) use landfall_host::settings::{MAX_BYTES, UpdateSettings};
#[cfg(test)]
pub(crate) use three_way::Why;
pub(crate) use three_way::{Change, Conflict, Conflicts, Merged, three_way};
pub(crate) use update::update;

use std::net::Ipv4Addr;
use toml_edit::{DocumentMut, Item, Table, Value};

/// Settings that make no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{what} does not parse")]
    Parse { what: &'static str, source: toml_edit::TomlError },
    #[error("there is no setting {0}")]
    Unknown(String),
    #[error("{key} is {found}, and has to be {expected}")]
    Type { key: String, expected: String, found: String },
    #[error("{0:?} is not of the form section.key=value")]
    Form(String),
    #[error(
        "{what} writes {key} in a way that cannot be merged: write each section as [section], with a line for each key"
    )]
    Shape { what: &'static str, key: String },
    #[error("{0}")]
    Conflicts(#[from] Conflicts),
}

/// A value for `section.key`.
#[derive(Debug, Clone)]
pub(crate) struct Override {
    section: String,
    key: String,
    value: Value,
}

impl Override {
    /// Parses `section.key=value`. A value that is not TOML is text, so that `tenants.memory=2GiB` needs no quotes.
    pub(crate) fn parse(text: &str) -> Result<Self, SettingsError> {
        let form = || SettingsError::Form(text.to_owned());
        let (path, value) = text.split_once('=').ok_or_else(form)?;
        let (section, key) = path.trim().split_once('.').ok_or_else(form)?;
        if section.is_empty() || key.is_empty() || key.contains('.') {
            return Err(form());
        }
        let value = value.trim();
        let value = value.parse::<Value>().unwrap_or_else(|_| Value::from(value));
        Ok(Self { section: section.to_owned(), key: key.to_owned(), value })
    }

    pub(crate) fn new(section: &str, key: &str, value: impl Into<Value>) -> Self {
        Self { section: section.to_owned(), key: key.to_owned(), value: value.into() }
    }

    /// The settings in a TOML file of answers.
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

/// What the installer itself needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports {
    /// The address of the API and of the tenants' ports.
    pub(crate) address: Ipv4Addr,
    /// The API's port.
    pub(crate) api: u16,
    /// The first tenant's port.
    pub(crate) first_tenant: u16,
}

/// The text of `config.toml`: `defaults` with `overrides` put in, comments and order kept.
pub(crate) fn merge(defaults: &str, overrides: &[Override]) -> Result<String, SettingsError> {
    let mut document = parse("the release's config.toml", defaults)?;
    for Override { section, key, value } in overrides {
        let name = format!("{section}.{key}");
        let table = document.get_mut(section).and_then(Item::as_table_mut);
        let there = table.and_then(|table| existing(table, key)).ok_or_else(|| SettingsError::Unknown(name.clone()))?;
        *there = fitting(&name, there, value)?;
    }
    Ok(document.to_string())
}

fn existing<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Value> {
    table.get_mut(key).and_then(Item::as_value_mut)
}

/// `value` as the kind of value that is `there`, with the comments of that line.
fn fitting(name: &str, there: &Value, value: &Value) -> Result<Value, SettingsError> {
    let mut new = match (there, value) {
        (Value::Float(_), Value::Integer(whole)) => {
            let error = || wrong_type(name, there, value);
            // A 64-bit float holds every 32-bit integer exactly.
            let whole = i32::try_from(*whole.value()).map_err(|_| error())?;
            Value::from(f64::from(whole))
        }
        (there, value) if there.type_name() == value.type_name() => value.clone(),
        _ => return Err(wrong_type(name, there, value)),
    };
    *new.decor_mut() = there.decor().clone();
    Ok(new)
}

fn wrong_type(name: &str, there: &Value, value: &Value) -> SettingsError {
    let found = format!("{} ({})", value.to_string().trim(), value.type_name());
    SettingsError::Type { key: name.to_owned(), expected: there.type_name().to_owned(), found }
}

/// Reads the ports out of the settings that will be used, `text` over the release's `defaults`.
pub(crate) fn ports(text: &str, defaults: &str) -> Result<Ports, SettingsError> {
    let (text, defaults) = (parse("config.toml", text)?, parse("the release's config.toml", defaults)?);
    let address = value(&text, &defaults, "api", "address")?;
    let parsed = address.as_str().and_then(|address| address.parse().ok());
    let address = parsed.ok_or_else(|| SettingsError::Type {
        key: "api.address".to_owned(),
        expected: "an IPv4 address".to_owned(),
        found: address.to_string(),
    })?;
    let api = port(&text, &defaults, "api", "port")?;
    Ok(Ports { address, api, first_tenant: port(&text, &defaults, "tenants", "first_port")? })
}

fn port(text: &DocumentMut, defaults: &DocumentMut, section: &str, key: &str) -> Result<u16, SettingsError> {
    let value = value(text, defaults, section, key)?;
    // With port 0 the kernel would choose one (ip(7)), and nobody would find the service.
    let port = value.as_integer().and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
    port.ok_or_else(|| SettingsError::Type {
        key: format!("{section}.{key}"),
        expected: "a port, 1 to 65535".to_owned(),
        found: value.to_string().trim().to_owned(),
    })
}

fn value<'a>(
    text: &'a DocumentMut,
    defaults: &'a DocumentMut,
    section: &str,
    key: &str,
) -> Result<&'a Value, SettingsError> {
    let found = find(text, section, key).or_else(|| find(defaults, section, key));
    found.ok_or_else(|| SettingsError::Unknown(format!("{section}.{key}")))
}

fn find<'a>(document: &'a DocumentMut, section: &str, key: &str) -> Option<&'a Value> {
    document.get(section)?.get(key)?.as_value()
}

fn parse(what: &'static str, text: &str) -> Result<DocumentMut, SettingsError> {
    text.parse().map_err(|source| SettingsError::Parse { what, source })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// What a release packs.
    pub(super) const PACKED: &str = include_str!("../../../runtime/config.toml");

    const DEFAULTS: &str = "# Settings.\n[api]\naddress = \"0.0.0.0\" # all\nport = 3000\n\n[tenants]\nfirst_port = 3001\n\
                            memory = \"4GiB\"\ncpus = 2.0\n";

    fn merged(texts: &[&str]) -> Result<String, SettingsError> {
        let overrides = texts.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>, _>>()?;
        merge(DEFAULTS, &overrides)
    }

    #[test]
    fn puts_values_in_and_keeps_everything_else_as_it_is() {
        assert_eq!(merged(&[]).unwrap(), DEFAULTS);
        let text =
            merged(&["api.port=8080", "tenants.memory=2GiB", "tenants.cpus=1", "api.address=127.0.0.1"]).unwrap();
        let expected = DEFAULTS.replace("3000", "8080").replace("4GiB", "2GiB").replace("2.0", "1.0");
        assert_eq!(text, expected.replace("0.0.0.0", "127.0.0.1"));
    }

    #[test]
    fn reads_answers_like_settings() {
        let answers = Override::parse_answers("[api]\nport = 80\n[tenants]\nmemory = \"1GiB\"\n").unwrap();
        let text = merge(DEFAULTS, &answers).unwrap();
        assert_eq!(text, DEFAULTS.replace("3000", "80").replace("4GiB", "1GiB"));
        for wrong in ["port = 3", "[api", "[api.port]\nx = 1"] {
            assert!(Override::parse_answers(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn refuses_what_is_no_setting_of_the_release() {
        for (text, message) in [
            ("api.prot=1", "no setting api.prot"),
            ("nothing.port=1", "no setting nothing.port"),
            ("api.port=http", "has to be integer"),
            ("api.address=1", "has to be string"),
            ("api.port", "not of the form"),
            ("port=1", "not of the form"),
            ("api.port.x=1", "not of the form"),
        ] {
            let error = merged(&[text]).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn finds_the_ports_in_the_settings_or_in_the_defaults() {
        let expected = Ports { address: Ipv4Addr::LOCALHOST, api: 80, first_tenant: 3001 };
        assert_eq!(ports("[api]\nport = 80\naddress = \"127.0.0.1\"\n", DEFAULTS).unwrap(), expected);
        for wrong in ["[api]\nport = 0", "[api]\nport = 65536", "[api]\naddress = \"x\""] {
            assert!(ports(wrong, DEFAULTS).is_err(), "{wrong}");
        }
    }
}
