//! The texts of settings over each other, and which of them each value is from.

use super::typed::{LayeredValues, values};
use super::{DEFAULTS, Settings, SettingsError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

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
    values: LayeredValues,
}

impl Layers {
    /// Parses both texts. Keys that the release does not have are left to [`unknown`](Self::unknown).
    ///
    /// # Errors
    /// One is not TOML, or a value is not valid.
    pub fn parse(release: &str, operator: &str) -> Result<Self, SettingsError> {
        let of_release = |text| values(text).map_err(|error| SettingsError::Release(Box::new(error)));
        // Parsed as well, so that every default has one source: the file that operators read.
        let (release, default) = (of_release(release)?, of_release(DEFAULTS)?);
        let values = LayeredValues { operator: values(operator)?, release, default };
        let parsed = Self { settings: values.settings()?, values };
        parsed.check_types()?;
        Ok(parsed)
    }

    /// A key that only the release knows has the type of the release's value.
    fn check_types(&self) -> Result<(), SettingsError> {
        let LayeredValues { operator, release, default } = &self.values;
        for (key, value) in operator {
            if let Some(release) = release.get(key).filter(|_| !default.contains_key(key))
                && release.type_str() != value.type_str()
            {
                let wanted = format!("of TOML's type {}, as the release's value is", release.type_str());
                return Err(SettingsError::value(key, value, wanted));
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
        let LayeredValues { operator, release, default } = &self.values;
        let known = |key: &&String| !release.contains_key(*key) && !default.contains_key(*key);
        operator.keys().filter(known).cloned().collect()
    }

    /// Every key that has an effect, sorted, with its value.
    pub fn effective(&self) -> Vec<Effective> {
        let unknown: BTreeSet<String> = self.unknown().into_iter().collect();
        let LayeredValues { operator, release, default } = &self.values;
        let layers = [(default, Origin::Default), (release, Origin::Release), (operator, Origin::Operator)];
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
