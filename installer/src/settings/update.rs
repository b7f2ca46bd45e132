//! `[update]`: how an update goes, and what stays on the host after it.

use super::{SettingsError, find, parse};
use std::ops::RangeInclusive;
use std::time::Duration;

/// How an update goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UpdateSettings {
    /// How many releases stay on the host, the running one included: 2 to 10.
    pub(crate) keep: usize,
    /// For how long a new release has to be healthy without a break: 0 to 600 seconds.
    pub(crate) healthy_for: Duration,
    /// How long a new release has to become so: 1 to 3600 seconds.
    pub(crate) patience: Duration,
}

/// What holds where neither the operator nor a release says anything: releases before this section had these too.
const BUILT_IN: UpdateSettings =
    UpdateSettings { keep: 2, healthy_for: Duration::from_secs(5), patience: Duration::from_mins(1) };

/// Reads how an update goes out of the settings that will be used, `text` over the release's `defaults`.
pub(crate) fn update(text: &str, defaults: &str) -> Result<UpdateSettings, SettingsError> {
    let documents = [parse("config.toml", text)?, parse("the release's config.toml", defaults)?];
    let number = |key: &str,
                  bounds: RangeInclusive<i64>,
                  expected: &'static str|
     -> Result<Option<u64>, SettingsError> {
        let Some(value) = documents.iter().find_map(|document| find(document, "update", key)) else { return Ok(None) };
        let number = value.as_integer().filter(|number| bounds.contains(number));
        let number = number.and_then(|number| u64::try_from(number).ok());
        let found = || value.to_string().trim().to_owned();
        number.map(Some).ok_or_else(|| SettingsError::Type { key: format!("update.{key}"), expected, found: found() })
    };
    let keep = number("keep", 2..=10, "a number of releases, 2 to 10")?;
    let healthy_for = number("healthy_for", 0..=600, "a number of seconds, 0 to 600")?;
    let patience = number("patience", 1..=3600, "a number of seconds, 1 to 3600")?;
    Ok(UpdateSettings {
        keep: keep.and_then(|keep| usize::try_from(keep).ok()).unwrap_or(BUILT_IN.keep),
        healthy_for: healthy_for.map_or(BUILT_IN.healthy_for, Duration::from_secs),
        patience: patience.map_or(BUILT_IN.patience, Duration::from_secs),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::settings::tests::PACKED;

    #[test]
    fn the_built_in_values_are_those_that_a_release_packs() {
        assert_eq!(update("", "").unwrap(), BUILT_IN);
        assert_eq!(update(PACKED, "").unwrap(), BUILT_IN);
    }

    #[test]
    fn the_operators_value_goes_before_the_releases_and_that_before_the_built_in_one() {
        let defaults = "[update]\nkeep = 3\nhealthy_for = 0\n";
        for (text, expected) in [
            ("", (3, 0, 60)),
            ("[api]\nport = 1\n", (3, 0, 60)),
            ("[update]\nkeep = 10\n", (10, 0, 60)),
            ("update.healthy_for = 600\nupdate.patience = 3600", (3, 600, 3600)),
            ("update = { keep = 2, patience = 1 }", (2, 0, 1)),
        ] {
            let (keep, healthy, patience) = expected;
            let (healthy_for, patience) = (Duration::from_secs(healthy), Duration::from_secs(patience));
            assert_eq!(update(text, defaults).unwrap(), UpdateSettings { keep, healthy_for, patience }, "{text}");
        }
    }

    #[test]
    fn refuses_what_lies_outside_the_bounds() {
        for (text, message) in [
            ("keep = 1", "update.keep is 1, and has to be a number of releases, 2 to 10"),
            ("keep = 11", "2 to 10"),
            ("keep = -9223372036854775808", "2 to 10"),
            ("keep = \"2\"", "2 to 10"),
            ("healthy_for = -1", "0 to 600"),
            ("healthy_for = 601", "0 to 600"),
            ("healthy_for = 5.0", "0 to 600"),
            ("patience = 0", "1 to 3600"),
            ("patience = 3601", "1 to 3600"),
        ] {
            let error = update(&format!("[update]\n{text}\n"), "").unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
        assert!(update("[update", "").is_err());
    }
}
