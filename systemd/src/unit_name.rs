//! Names of units.

use std::borrow::Cow;
use std::fmt;

use crate::Error;

/// The longest unit name that systemd accepts, in bytes (systemd.unit(5): "must not exceed 255 characters").
const MAX_BYTES: usize = 255;

/// The kinds of units that Landfall or an engine has.
const SUFFIXES: [&str; 4] = [".service", ".socket", ".target", ".timer"];

/// A unit's name with its suffix, for instance `landfall.service`.
///
/// Holds only what systemd.unit(5) allows in a name, and never begins with a dash: it cannot be mistaken for an option
/// on a command line, nor for a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitName(Cow<'static, str>);

impl UnitName {
    /// The runtime.
    pub const LANDFALL: Self = Self(Cow::Borrowed("landfall.service"));
    /// Settles an interrupted operation before the runtime starts.
    pub const RECOVER: Self = Self(Cow::Borrowed("landfall-recover.service"));
    /// The firewall between tenants and the host.
    pub const FIREWALL: Self = Self(Cow::Borrowed("landfall-firewall.service"));

    /// What an installed host enables, in the order in which it starts.
    pub const ENABLED: [Self; 3] = [Self::RECOVER, Self::FIREWALL, Self::LANDFALL];

    /// Checks `name` against the rules of systemd.unit(5).
    ///
    /// # Errors
    /// [`Error::UnitName`] if it is too long, has a character that unit names do not have, or another suffix than
    /// `.service`, `.socket`, `.target` and `.timer`.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let stem = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix));
        let fits = name.len() <= MAX_BYTES
            && stem.is_some_and(|stem| !stem.is_empty())
            && !name.starts_with(['-', '.'])
            // The characters of systemd.unit(5), and the `@` of instances.
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte));
        if fits { Ok(Self(Cow::Owned(name))) } else { Err(Error::UnitName { name }) }
    }

    /// The name as systemd knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_systemd_calls_a_unit() {
        for name in ["landfall.service", "podman.socket", "getty@tty1.service", "dev-sda\\x2d1.timer", "a:b_c.target"] {
            assert!(UnitName::new(name).is_ok_and(|unit| unit.as_str() == name), "{name}");
        }
    }

    #[test]
    fn refuses_options_paths_and_foreign_characters() {
        let long = format!("{}.service", "x".repeat(MAX_BYTES));
        for name in [
            "",
            ".service",
            "landfall",
            "landfall.mount",
            "--root=x.service",
            "../x.service",
            "a/b.service",
            "a b.service",
            "a\nb.service",
            "ä.service",
            &long,
        ] {
            assert!(UnitName::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_names_it_offers_keep_its_own_rules() {
        for unit in UnitName::ENABLED {
            assert!(UnitName::new(unit.as_str()).is_ok(), "{unit}");
        }
    }
}
