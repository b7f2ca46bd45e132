//! The labels of what belongs to tenants in the engine, the names of their bridges, and the number of the canary.
//!
//! The runtime sets them and finds tenants' objects by them; the installer removes what bears them. Several installations may share an
//! engine, as a host and a rehearsal below another root do: each removes and adopts what is [`Owned`] by it, and nothing else.

use crate::installation_id::InstallationId;
use std::collections::BTreeMap;

/// The labels of an object, as names and values.
pub type Labels = BTreeMap<String, String>;

/// On every object of a tenant. The value is the tenant's number.
pub const TENANT: &str = "io.landfall.tenant";

/// On every object of a tenant. The value is the id of the installation that made it.
pub const INSTALLATION: &str = "io.landfall.installation";

/// On every object of a tenant. The value says which tenant of that number it belongs to: numbers repeat after a database
/// was restored, this value does not.
pub const INSTANCE: &str = "io.landfall.instance";

/// On a volume that was made again because the one before was gone. The value is the time, RFC 3339.
pub const RECREATED: &str = "io.landfall.recreated";

/// The prefix of the names of tenants' bridges on the host. The tenant's number follows.
pub const BRIDGE_PREFIX: &str = "lft";

/// The number of the canary, the tenant that a self-check makes and removes. Other tenants are numbered from 1.
pub const CANARY: i64 = 0;

/// Selects the objects that have all of some labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(Vec<Condition>);

/// A label that an object has to have, with any value or with this one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    name: &'static str,
    value: Option<String>,
}

/// Selects objects of one installation. What is removed is selected by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned(Selector);

impl Selector {
    /// The objects of all tenants, whosever they are: to look at them.
    pub fn of_any_installation() -> Self {
        Self(vec![Condition { name: TENANT, value: None }])
    }

    /// Whether an object is selected whose labels have these values.
    pub fn matches<'a>(&self, value_of: impl Fn(&str) -> Option<&'a String>) -> bool {
        let holds = |condition: &Condition| {
            value_of(condition.name).is_some_and(|found| condition.value.as_ref().is_none_or(|value| value == found))
        };
        self.0.iter().all(holds)
    }

    /// The conditions in the form of the API's `label` filter: `name`, or `name=value`.
    pub(crate) fn filters(&self) -> Vec<String> {
        let filter = |condition: &Condition| match &condition.value {
            Some(value) => format!("{}={value}", condition.name),
            None => condition.name.to_owned(),
        };
        self.0.iter().map(filter).collect()
    }
}

impl Owned {
    /// The objects of all tenants of the installation.
    pub fn all(installation: &InstallationId) -> Self {
        Self::with(installation, Condition { name: TENANT, value: None })
    }

    /// The objects of its tenants with this number.
    pub fn of_tenant(installation: &InstallationId, number: i64) -> Self {
        Self::with(installation, Condition { name: TENANT, value: Some(number.to_string()) })
    }

    /// The objects of one tenant, by the value of [`INSTANCE`].
    pub fn of_instance(installation: &InstallationId, instance: &str) -> Self {
        Self::with(installation, Condition { name: INSTANCE, value: Some(instance.to_owned()) })
    }

    /// What selects them.
    pub fn selector(&self) -> &Selector {
        &self.0
    }

    fn with(installation: &InstallationId, condition: Condition) -> Self {
        Self(Selector(vec![Condition { name: INSTALLATION, value: Some(installation.to_string()) }, condition]))
    }
}

/// Whether an object with these labels is one of the installation's tenants'.
pub fn is_owned(installation: &InstallationId, labels: &Labels) -> bool {
    Owned::all(installation).selector().matches(|name| labels.get(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_installation_made_is_never_selected_as_ones_own() {
        let [ours, theirs] = [1, 2].map(|byte| InstallationId::from_random([byte; 16]));
        let labels = |installation: &InstallationId| -> Labels {
            [(TENANT, "7".to_owned()), (INSTALLATION, installation.to_string()), (INSTANCE, "ab".to_owned())]
                .map(|(name, value)| (name.to_owned(), value))
                .into()
        };
        let unlabelled: Labels = [(TENANT.to_owned(), "7".to_owned())].into();
        let selects = |selector: &Selector, labels: &Labels| selector.matches(|name| labels.get(name));
        for (owned, expected) in [
            (Owned::all(&ours), true),
            (Owned::of_tenant(&ours, 7), true),
            (Owned::of_tenant(&ours, 8), false),
            (Owned::of_instance(&ours, "ab"), true),
            (Owned::of_instance(&ours, "cd"), false),
        ] {
            assert_eq!(selects(owned.selector(), &labels(&ours)), expected, "{owned:?}");
            for other in [&labels(&theirs), &unlabelled] {
                assert!(!selects(owned.selector(), other), "{owned:?} {other:?}");
                assert!(selects(&Selector::of_any_installation(), other));
            }
        }
        assert!(is_owned(&ours, &labels(&ours)) && !is_owned(&ours, &labels(&theirs)));
    }

    #[test]
    fn filters_have_the_form_of_the_api() {
        let id = InstallationId::from_random([0; 16]);
        let filters = Owned::of_tenant(&id, 7).selector().filters();
        assert_eq!(filters, [format!("{INSTALLATION}={id}"), format!("{TENANT}=7")]);
        assert_eq!(Selector::of_any_installation().filters(), [TENANT]);
    }
}
