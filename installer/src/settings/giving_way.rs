//! A merge in which the operator's settings give way, for the way back: a host that must run again cannot wait for a person.

use super::{Conflicts, Merged, Override, SettingsError, merge, three_way};

/// Merges as if the operator had not touched the keys in `conflicts`. Where even that is not possible, the release's own
/// defaults stand.
pub(crate) fn giving_way(base: &str, mine: &str, theirs: &str, conflicts: &Conflicts) -> Merged {
    let untouched = || -> Result<Merged, SettingsError> {
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
            Err(SettingsError::Conflicts(conflicts)) => giving_way(NEW, mine, OLD, &conflicts),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn what_the_release_does_not_know_goes_and_the_rest_stays() {
        let mine = NEW.replace("knob = 1", "knob = 2 # mine").replace("3000", "8080");
        assert!(three_way(NEW, &mine, OLD).is_err());
        let text = back(&mine).text;
        assert!(text.contains("8080") && !text.contains("knob"), "{text}");
        assert_eq!(three_way(OLD, &text, OLD).unwrap().text, text);
    }

    #[test]
    fn a_value_of_another_kind_gives_way_to_the_default() {
        let (new, old) = ("[api]\nport = 3000\n", "[api]\nport = \"auto\"\n");
        let conflicts = match three_way(new, "[api]\nport = 8080\n", old) {
            Err(SettingsError::Conflicts(conflicts)) => conflicts,
            other => panic!("{other:?}"),
        };
        assert_eq!(giving_way(new, "[api]\nport = 8080\n", old, &conflicts).text, old);
    }
}
