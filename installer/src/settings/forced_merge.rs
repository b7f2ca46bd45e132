//! A merge without conflicts, for an automatic revert: the operator's conflicting settings yield to the release's defaults, since
//! nobody is there to decide.

use super::{Conflicts, Merged, Override, SettingsError, merge, three_way};

/// Merges as if the operator had not changed the keys in `conflicts`. Where that fails too, the result is the release's own
/// defaults.
pub(crate) fn forced_merge(base: &str, mine: &str, theirs: &str, conflicts: &Conflicts) -> Merged {
    let untouched = || -> Result<Merged, SettingsError> {
        // With the value that it had before the operator changed it, a key follows the release: no conflict is left.
        let defaults: Result<Vec<Override>, SettingsError> = conflicts.0.iter().map(as_before).collect();
        three_way(base, &merge(mine, &defaults?)?, theirs)
    };
    untouched().unwrap_or_else(|_| Merged { text: theirs.to_owned(), changes: Vec::new() })
}

fn as_before(conflict: &super::Conflict) -> Result<Override, SettingsError> {
    let base = conflict.base.as_ref().ok_or_else(|| SettingsError::Unknown(conflict.key.clone()))?;
    Override::parse(&format!("{}={base}", conflict.key))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const OLD: &str = "[api]\nport = 3000\n";
    const NEW: &str = "[api]\nport = 3000\n\n[fresh]\nknob = 1\n";

    fn back(mine: &str) -> Merged {
        match three_way(NEW, mine, OLD) {
            Ok(merged) => merged,
            Err(SettingsError::Conflicts(conflicts)) => forced_merge(NEW, mine, OLD, &conflicts),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn settings_unknown_to_the_release_are_dropped_and_the_others_kept() {
        let mine = NEW.replace("knob = 1", "knob = 2 # mine").replace("3000", "8080");
        assert!(three_way(NEW, &mine, OLD).is_err());
        let text = back(&mine).text;
        assert!(text.contains("8080") && !text.contains("knob"), "{text}");
        assert_eq!(three_way(OLD, &text, OLD).unwrap().text, text);
    }

    #[test]
    fn a_value_of_another_type_becomes_the_default() {
        let (new, old) = ("[api]\nport = 3000\n", "[api]\nport = \"auto\"\n");
        let conflicts = match three_way(new, "[api]\nport = 8080\n", old) {
            Err(SettingsError::Conflicts(conflicts)) => conflicts,
            other => panic!("{other:?}"),
        };
        assert_eq!(forced_merge(new, "[api]\nport = 8080\n", old, &conflicts).text, old);
    }
}
