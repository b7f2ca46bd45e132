//! What a next release changes about the settings that count.

use super::Layers;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What becomes of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct SettingsChanges {
    /// Settings whose value becomes another one.
    pub(crate) changes: Vec<Change>,
    /// Keys of the operator's that the release does not have: they have no effect.
    pub(crate) unknown: Vec<String>,
}

/// A setting with the value that counts before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// `section.key`
    pub(crate) key: String,
    /// As TOML; absent where the release from before does not have the key.
    pub(crate) from: Option<String>,
    /// As TOML; absent where the next release does not have the key.
    pub(crate) to: Option<String>,
}

impl SettingsChanges {
    /// Compares the settings under a release with those under the next one. Without the former, nothing is known to change.
    pub(crate) fn between(old: Option<&Layers>, new: &Layers) -> Self {
        let values = |layers: &Layers| -> BTreeMap<String, String> {
            layers.effective().into_iter().map(|effective| (effective.key, effective.value)).collect()
        };
        let (after, unknown) = (values(new), new.unknown());
        let before = old.map_or_else(|| after.clone(), values);
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let change =
            |key: &String| Change { key: key.clone(), from: before.get(key).cloned(), to: after.get(key).cloned() };
        let changes = keys.into_iter().map(change).filter(|change| change.from != change.to);
        // A key that is unknown is named once.
        Self { changes: changes.filter(|change| !unknown.contains(&change.key)).collect(), unknown }
    }
}

impl fmt::Display for SettingsChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Change { key, from, to } in &self.changes {
            match (from, to) {
                (Some(from), Some(to)) => writeln!(f, "  setting  {key}: {from} becomes {to}, the new default")?,
                (None, Some(to)) => writeln!(f, "  setting  {key}: new, {to}")?,
                (Some(from), None) => writeln!(f, "  setting  {key}: gone, was {from}")?,
                (None, None) => {}
            }
        }
        let unknown = "is in config.toml, is no setting of this release, and has no effect";
        self.unknown.iter().try_for_each(|key| writeln!(f, "  setting  {key}: {unknown}"))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn defaults_that_change_are_named_unless_the_operator_set_them() {
        let operator = "[tenants]\nmemory = \"1GiB\"\n[old]\nkey = 1\n[typo]\nkey = 1\n";
        let old = Layers::parse("[tenants]\npids = 100\n[old]\nkey = 1\n[gone]\nkey = 1\n", operator).unwrap();
        let new = "[tenants]\npids = 200\nmemory = \"2GiB\"\n[fresh]\nknob = true\n";
        let new = Layers::parse(new, operator).unwrap();
        assert_eq!(
            SettingsChanges::between(Some(&old), &new).to_string(),
            "  setting  fresh.knob: new, true\n  \
             setting  gone.key: gone, was 1\n  \
             setting  tenants.pids: 100 becomes 200, the new default\n  \
             setting  old.key: is in config.toml, is no setting of this release, and has no effect\n  \
             setting  typo.key: is in config.toml, is no setting of this release, and has no effect\n"
        );
        assert_eq!(SettingsChanges::between(None, &new).changes, []);
    }
}
