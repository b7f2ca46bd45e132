//! `[update]`: how an update goes, and what stays on the host after it.

use super::{SettingsError, find, parse};
use landfall_host::settings::{HEALTHY_FOR, KEEP, PATIENCE, UpdateSettings};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Reads how an update goes out of the settings that will be used, `text` over the release's `defaults`.
pub(crate) fn update(text: &str, defaults: &str) -> Result<UpdateSettings, SettingsError> {
    let documents = [parse("config.toml", text)?, parse("the release's config.toml", defaults)?];
    let number = |key: &str, bounds: RangeInclusive<u32>, what: &str| -> Result<Option<u32>, SettingsError> {
        let Some(value) = documents.iter().find_map(|document| find(document, "update", key)) else { return Ok(None) };
        let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
        let expected = || format!("a number of {what}, {} to {}", bounds.start(), bounds.end());
        let found = || value.to_string().trim().to_owned();
        number.filter(|number| bounds.contains(number)).map(Some).ok_or_else(|| SettingsError::Type {
            key: format!("update.{key}"),
            expected: expected(),
            found: found(),
        })
    };
    let seconds = |key, bounds| number(key, bounds, "seconds").map(|seconds| seconds.map(u64::from));
    let (keep, default) = (number("keep", KEEP, "releases")?, UpdateSettings::default());
    Ok(UpdateSettings {
        keep: keep.and_then(|keep| usize::try_from(keep).ok()).unwrap_or(default.keep),
        healthy_for: seconds("healthy_for", HEALTHY_FOR)?.map_or(default.healthy_for, Duration::from_secs),
        patience: seconds("patience", PATIENCE)?.map_or(default.patience, Duration::from_secs),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::settings::tests::PACKED;

    #[test]
    fn the_built_in_values_are_those_that_a_release_packs() {
        assert_eq!(update("", "").unwrap(), UpdateSettings::default());
        assert_eq!(update(PACKED, "").unwrap(), UpdateSettings::default());
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
