use super::{Bom, Component};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What changes from the packages of one document to those of another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PackageChanges {
    /// Packages that only the new one has, each with its versions.
    pub added: Vec<String>,
    /// Packages that only the old one has.
    pub removed: Vec<String>,
    /// Packages of which the two have other versions.
    pub updated: Vec<UpdatedPackage>,
    /// How many are the same in both.
    pub same: usize,
}

/// A package that has other versions than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpdatedPackage {
    /// Its kind and name, such as `deb curl`.
    pub name: String,
    /// Its versions before.
    pub from: Vec<String>,
    /// Its versions now.
    pub to: Vec<String>,
}

/// The versions of packages, by kind and name.
type Packages<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>;

impl PackageChanges {
    /// Compares two documents.
    pub fn between(old: &Bom, new: &Bom) -> Self {
        let (old, new) = (packages(old), packages(new));
        let named = |((kind, name), versions): (&(&str, &str), &BTreeSet<&str>)| {
            let versions: Vec<&str> = versions.iter().copied().collect();
            format!("{kind} {name} {}", versions.join(", ")).trim_end().to_owned()
        };
        let only = |these: &Packages<'_>, others: &Packages<'_>| {
            these.iter().filter(|(key, _)| !others.contains_key(*key)).map(named).collect()
        };
        let both = || new.iter().filter_map(|(key, to)| Some((key, old.get(key)?, to)));
        let owned = |versions: &BTreeSet<&str>| versions.iter().map(ToString::to_string).collect();
        let updated = both().filter(|(_, from, to)| from != to).map(|((kind, name), from, to)| UpdatedPackage {
            name: format!("{kind} {name}"),
            from: owned(from),
            to: owned(to),
        });
        Self {
            added: only(&new, &old),
            removed: only(&old, &new),
            updated: updated.collect(),
            same: both().filter(|(_, from, to)| from == to).count(),
        }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.updated.is_empty()
    }
}

fn packages(bom: &Bom) -> Packages<'_> {
    let mut found = Packages::new();
    for component in &bom.components {
        if let Some(kind) = kind(component) {
            let version = component.version.as_deref().unwrap_or_default();
            found.entry((kind, &component.name)).or_default().insert(version);
        }
    }
    found
}

/// The kind of a package; none of what is no package, such as a whole image.
fn kind(component: &Component) -> Option<&str> {
    component.purl.as_deref()?.strip_prefix("pkg:")?.split('/').next().filter(|kind| *kind != "oci")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn bom(packages: &[(&str, &str)]) -> Bom {
        let components = packages.iter().map(|(name, version)| Component {
            kind: "library".to_owned(),
            name: (*name).to_owned(),
            version: Some((*version).to_owned()),
            purl: Some(format!("pkg:npm/{name}@{version}")),
            ..Component::default()
        });
        let mut bom = Bom::read(&br#"{"bomFormat": "CycloneDX", "specVersion": "1.6"}"#[..]).unwrap();
        bom.components = components.collect();
        bom
    }

    #[test]
    fn packages_are_compared_by_name_and_by_all_their_versions() {
        let changes = PackageChanges::between(
            &bom(&[("a", "1"), ("b", "1"), ("c", "1"), ("c", "2")]),
            &bom(&[("a", "1"), ("c", "2"), ("c", "3"), ("d", "1")]),
        );
        let updated = UpdatedPackage {
            name: "npm c".to_owned(),
            from: vec!["1".to_owned(), "2".to_owned()],
            to: vec!["2".to_owned(), "3".to_owned()],
        };
        let expected = PackageChanges {
            added: vec!["npm d 1".to_owned()],
            removed: vec!["npm b 1".to_owned()],
            updated: vec![updated],
            same: 1,
        };
        assert_eq!(changes, expected);
        assert!(PackageChanges::between(&bom(&[("a", "1")]), &bom(&[("a", "1")])).is_empty());
    }
}
