//! A package as its control file or its mirror's index describes it.

use super::relation::{self, Relation};
use super::stanza::Stanza;
use landfall_manifests::{Digest, NameError, PackageName, PackageVersion};

/// The fields that are read of a package (deb-control(5)), and those that an index adds.
pub(super) const FIELDS: &[&str] = &[
    "Package",
    "Version",
    "Architecture",
    "Essential",
    "Priority",
    "Pre-Depends",
    "Depends",
    "Provides",
    "Conflicts",
    "Breaks",
    "Installed-Size",
    "Filename",
    "Size",
    "SHA256",
];

/// A package that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(super) name: PackageName,
    pub(super) version: PackageVersion,
    pub(super) architecture: PackageName,
    /// Whether every system of the distribution has it.
    pub(super) is_base: bool,
    pre_depends: Box<str>,
    depends: Box<str>,
    pub(super) provides: Box<str>,
    conflicts: Box<str>,
    /// How much it takes once it is installed, in bytes.
    pub(super) installed: u64,
}

/// Where a mirror has a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Below the mirror's address.
    pub(super) path: Box<str>,
    pub(super) size: u64,
    pub(super) digest: Digest,
}

impl Candidate {
    pub(super) fn of(stanza: &mut Stanza) -> Result<Self, NameError> {
        let kibibytes: u64 = stanza.get("Installed-Size").parse().unwrap_or_default();
        let conflicts = [stanza.take("Conflicts"), stanza.take("Breaks")];
        Ok(Self {
            name: stanza.get("Package").parse()?,
            version: stanza.get("Version").parse()?,
            architecture: stanza.get("Architecture").parse()?,
            is_base: stanza.get("Essential") == "yes" || stanza.get("Priority") == "required",
            pre_depends: stanza.take("Pre-Depends"),
            depends: stanza.take("Depends"),
            provides: stanza.take("Provides"),
            conflicts: conflicts
                .iter()
                .filter(|field| !field.is_empty())
                .map(|field| &**field)
                .collect::<Vec<_>>()
                .join(", ")
                .into(),
            installed: kibibytes.saturating_mul(1 << 10),
        })
    }

    /// What has to be there, each by one of its alternatives: what it takes to unpack it first.
    pub(super) fn needs(&self) -> impl Iterator<Item = Vec<Relation<'_>>> {
        relation::groups(&self.pre_depends).chain(relation::groups(&self.depends))
    }

    /// Whether it is the package that a relation means, or provides it.
    pub(super) fn fulfils(&self, relation: &Relation<'_>) -> bool {
        (relation.name == self.name.as_str() && relation.accepts(self.version.as_str()))
            || relation.accepts_provided(&self.provides)
    }

    /// What it says that it does not go with, if the other one is that.
    pub(super) fn refuses(&self, other: &Self) -> bool {
        // A package may conflict with what it provides itself: with any other that does, too.
        self.name != other.name && relation::groups(&self.conflicts).flatten().any(|relation| other.fulfils(&relation))
    }
}

impl Listed {
    /// Where an index says that a package is; none where it does not say it, or names a place that is not below the mirror.
    pub(super) fn of(stanza: &mut Stanza) -> Option<Self> {
        let size = stanza.get("Size").parse().ok()?;
        let digest = format!("sha256:{}", stanza.get("SHA256")).parse().ok()?;
        let path = stanza.take("Filename");
        let is_below = !path.starts_with('/') && path.split('/').all(|part| !["", ".", ".."].contains(&part));
        is_below.then_some(Self { path, size, digest })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(super) mod tests {
    use super::super::stanza::Stanzas;
    use super::*;

    /// Packages from the text of an index.
    pub(in crate::host_packages) fn candidates(text: &str) -> Vec<Candidate> {
        let mut reader = Stanzas::new(text.as_bytes(), FIELDS);
        let mut found = Vec::new();
        while let Some(mut stanza) = reader.next().unwrap() {
            found.push(Candidate::of(&mut stanza).unwrap());
        }
        found
    }

    #[test]
    fn a_package_goes_with_itself_and_not_with_what_it_names() {
        let text = "Package: a\nVersion: 1\nArchitecture: all\nProvides: mail\nConflicts: mail\nBreaks: b (<< 2)\n\n\
                    Package: b\nVersion: 1\nArchitecture: all\n\nPackage: b\nVersion: 2\nArchitecture: all\n\n\
                    Package: c\nVersion: 1\nArchitecture: all\nProvides: mail\n";
        let [a, b1, b2, c] = &candidates(text)[..] else { panic!() };
        assert!(!a.refuses(a) && a.refuses(b1) && !a.refuses(b2) && a.refuses(c) && !c.refuses(a));
    }

    #[test]
    fn a_mirror_names_no_place_outside_of_it() {
        let digest = "0".repeat(64);
        for (path, expected) in
            [("pool/a.deb", true), ("/etc/passwd", false), ("pool/../../a", false), ("", false), ("a//b", false)]
        {
            let text = format!("Filename: {path}\nSize: 1\nSHA256: {digest}\n");
            let mut stanza = Stanzas::new(text.as_bytes(), FIELDS).next().unwrap().unwrap();
            assert_eq!(Listed::of(&mut stanza).is_some(), expected, "{path}");
        }
    }
}
