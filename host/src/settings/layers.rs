//! The texts of settings over each other, and which of them each value is from.

use super::parsed::Parsed;
use super::{DEFAULTS, Settings, SettingsError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Where a value is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// `/etc/landfall/config.toml`.
    Operator,
    /// The release's `config.toml`.
    Release,
    /// This program: the release's file leaves the key out.
    Default,
}

/// A key with the value that counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effective {
    /// `section.key`
    pub key: String,
    /// As TOML.
    pub value: String,
    /// Where it is from.
    pub origin: Origin,
}

/// The operator's settings over those of a release.
#[derive(Debug, Clone)]
pub struct Layers {
    settings: Settings,
    operator: BTreeMap<String, Value>,
    release: BTreeMap<String, Value>,
    default: BTreeMap<String, Value>,
}

impl Layers {
    /// Parses both texts. Keys that the release does not have are left to [`unknown`](Self::unknown).
    ///
    /// # Errors
    /// One is not TOML, or a value is not valid.
    pub fn parse(release: &str, operator: &str) -> Result<Self, SettingsError> {
        let layers = [
            toml::from_str(operator).map_err(SettingsError::Operator)?,
            toml::from_str::<Parsed>(release).map_err(SettingsError::Release)?,
            // Parsed as well, so that every default has one source: the file that operators read.
            toml::from_str(DEFAULTS).map_err(SettingsError::Release)?,
        ];
        let settings = Parsed::settings(&layers)?;
        let parsed = Self {
            settings,
            operator: keys(operator).map_err(SettingsError::Operator)?,
            release: keys(release).map_err(SettingsError::Release)?,
            default: keys(DEFAULTS).map_err(SettingsError::Release)?,
        };
        parsed.check_types()?;
        Ok(parsed)
    }

    /// A key that only the release knows has the type of the release's value.
    fn check_types(&self) -> Result<(), SettingsError> {
        for (key, value) in &self.operator {
            if let Some(release) = self.release.get(key).filter(|_| !self.default.contains_key(key))
                && release.type_str() != value.type_str()
            {
                let found = format!("{value} ({})", value.type_str());
                return Err(SettingsError::Type { key: key.clone(), expected: release.type_str(), found });
            }
        }
        Ok(())
    }

    /// The typed values.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The operator's keys that the release does not have: they have no effect.
    pub fn unknown(&self) -> Vec<String> {
        let known = |key: &&String| !self.release.contains_key(*key) && !self.default.contains_key(*key);
        self.operator.keys().filter(known).cloned().collect()
    }

    /// Every key that has an effect, sorted, with its value.
    pub fn effective(&self) -> Vec<Effective> {
        let unknown: BTreeSet<String> = self.unknown().into_iter().collect();
        let layers =
            [(&self.default, Origin::Default), (&self.release, Origin::Release), (&self.operator, Origin::Operator)];
        let mut effective = BTreeMap::new();
        // The later goes over the earlier.
        for (layer, origin) in layers {
            for (key, value) in layer.iter().filter(|(key, _)| !unknown.contains(*key)) {
                effective.insert(key, Effective { key: key.clone(), value: value.to_string(), origin });
            }
        }
        effective.into_values().collect()
    }
}

/// The values of a text by `section.key`. What is no section is a key of its own.
fn keys(text: &str) -> Result<BTreeMap<String, Value>, toml::de::Error> {
    let mut keys = BTreeMap::new();
    for (section, item) in toml::from_str::<Table>(text)? {
        match item {
            Value::Table(table) => {
                keys.extend(table.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)));
            }
            value => _ = keys.insert(section, value),
        }
    }
    Ok(keys)
}
