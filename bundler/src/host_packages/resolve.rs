//! Which packages it takes besides those that are asked for: a pure function of what the mirror offers.

use super::candidate::Candidate;
use super::relation::Relation;
use crate::debian_version;
use landfall_manifests::{PackageName, limits};
use std::collections::{BTreeMap, BTreeSet};

/// How deep packages may need each other: Debian's own go to some thirty.
const DEPTH: usize = 200;

/// What a mirror offers.
pub(super) struct Offer<'a> {
    packages: &'a [Candidate],
    /// By name, the latest version first.
    by_name: BTreeMap<&'a str, Vec<usize>>,
    /// Those that provide a name, in the order of their own names.
    providers: BTreeMap<&'a str, Vec<usize>>,
}

/// Packages cannot be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("no package is called {0}")]
    NoSuchPackage(PackageName),
    #[error("{}: nothing that is offered fulfils {missing}", chain.join(" needs "))]
    Unfulfilled { chain: Vec<String>, missing: String },
    #[error("{one} and {other} do not go together, and {asked} needs both")]
    Conflict { one: PackageName, other: PackageName, asked: String },
    #[error("it takes more than {} packages", limits::PACKAGES)]
    TooMany,
}

impl<'a> Offer<'a> {
    pub(super) fn new(packages: &'a [Candidate]) -> Self {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut providers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, package) in packages.iter().enumerate() {
            by_name.entry(package.name.as_str()).or_default().push(index);
            for provided in package.provides.split(',').filter_map(Relation::parse) {
                providers.entry(provided.name).or_default().push(index);
            }
        }
        // Stable: of equal versions, that of the suite that is named first comes first.
        for versions in by_name.values_mut() {
            versions.sort_by(|one, other| {
                debian_version::compare(packages[*other].version.as_str(), packages[*one].version.as_str())
            });
        }
        for providers in providers.values_mut() {
            providers.sort_by(|one, other| packages[*one].name.cmp(&packages[*other].name));
        }
        Self { packages, by_name, providers }
    }

    /// The packages of these names and all that they need, but for what every system of the distribution has: what is essential or
    /// of the priority `required`, and what that needs.
    pub(super) fn choose(&self, names: &[PackageName]) -> Result<Vec<usize>, ResolveError> {
        // 1. What is there in any case. What cannot be fulfilled in it is not for us to judge.
        let mut base = Choice::new(self, BTreeSet::new());
        for versions in self.by_name.values() {
            let is_base = versions.first().filter(|index| self.packages[**index].is_base);
            if let Some(index) = is_base {
                let _ = base.take(*index, &mut Vec::new());
            }
        }
        // 2. What is asked for, and what it needs. A name that is asked for is taken even if it is in the base.
        let mut choice = Choice::new(self, base.chosen.into_iter().collect());
        for name in names {
            let versions = self.by_name.get(name.as_str()).and_then(|versions| versions.first());
            let index = versions.ok_or_else(|| ResolveError::NoSuchPackage(name.clone()))?;
            if !choice.chosen.contains(index) {
                choice.take(*index, &mut Vec::new())?;
            }
        }
        // 3. All of it has to go together.
        let chosen = choice.chosen;
        for one in &chosen {
            for other in &chosen {
                if self.packages[*one].refuses(&self.packages[*other]) {
                    let name = |index: usize| self.packages[index].name.clone();
                    let asked = names.iter().map(PackageName::as_str).collect::<Vec<_>>().join(", ");
                    return Err(ResolveError::Conflict { one: name(*one), other: name(*other), asked });
                }
            }
        }
        Ok(chosen)
    }

    /// What could fulfil a relation, the best first.
    fn that_fulfil<'b>(&'b self, relation: &'b Relation<'_>) -> impl Iterator<Item = usize> + 'b {
        let of = |map: &'b BTreeMap<&str, Vec<usize>>| map.get(relation.name).into_iter().flatten().copied();
        of(&self.by_name).chain(of(&self.providers)).filter(|index| self.packages[*index].fulfils(relation))
    }
}

struct Choice<'a> {
    offer: &'a Offer<'a>,
    base: BTreeSet<usize>,
    chosen: Vec<usize>,
    /// What was tried, and cannot be had.
    refused: BTreeMap<usize, ResolveError>,
}

impl<'a> Choice<'a> {
    fn new(offer: &'a Offer<'a>, base: BTreeSet<usize>) -> Self {
        Self { offer, base, chosen: Vec::new(), refused: BTreeMap::new() }
    }

    /// Takes a package with all that it needs, or nothing.
    fn take(&mut self, index: usize, chain: &mut Vec<usize>) -> Result<(), ResolveError> {
        if let Some(error) = self.refused.get(&index) {
            return Err(error.clone());
        }
        if self.chosen.len() >= limits::PACKAGES || chain.len() >= DEPTH {
            return Err(ResolveError::TooMany);
        }
        let before = self.chosen.len();
        // Before what it needs: packages may need each other.
        self.chosen.push(index);
        chain.push(index);
        let offer = self.offer;
        let taken = offer.packages[index].needs().try_for_each(|group| self.fulfil(&group, chain));
        chain.pop();
        if let Err(error) = &taken {
            self.chosen.truncate(before);
            self.refused.insert(index, error.clone());
        }
        taken
    }

    /// Fulfils one of the alternatives: by what is there, else by the first that can be had.
    fn fulfil(&mut self, group: &[Relation<'_>], chain: &mut Vec<usize>) -> Result<(), ResolveError> {
        let packages = self.offer.packages;
        let is_there = |index: &usize| group.iter().any(|relation| packages[*index].fulfils(relation));
        if self.chosen.iter().any(is_there) || self.base.iter().any(is_there) {
            return Ok(());
        }
        let offer = self.offer;
        let mut first = None;
        for index in group.iter().flat_map(|relation| offer.that_fulfil(relation)) {
            // Two versions of one package cannot be there at once.
            let is_other_version = |chosen: &usize| *chosen != index && packages[*chosen].name == packages[index].name;
            if self.chosen.iter().any(is_other_version) {
                continue;
            }
            match self.take(index, chain) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or_else(|| {
            let name = |index: &usize| format!("{} {}", packages[*index].name, packages[*index].version);
            let missing = group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
            ResolveError::Unfulfilled { chain: chain.iter().map(name).collect(), missing }
        }))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::candidate::tests::candidates;
    use super::*;

    fn choose(index: &[(&str, &str, &str)], names: &[&str]) -> Result<Vec<String>, String> {
        let stanza = |(name, version, more): &(&str, &str, &str)| {
            format!("Package: {name}\nVersion: {version}\nArchitecture: amd64\n{more}\n")
        };
        let packages = candidates(&index.iter().map(stanza).collect::<Vec<_>>().join("\n"));
        let names: Vec<PackageName> = names.iter().map(|name| name.parse().unwrap()).collect();
        let chosen = Offer::new(&packages).choose(&names).map_err(|error| error.to_string())?;
        Ok(chosen.iter().map(|index| format!("{}={}", packages[*index].name, packages[*index].version)).collect())
    }

    #[test]
    fn takes_what_is_needed_and_leaves_what_every_system_has() {
        let index = [
            ("engine", "1", "Pre-Depends: init\nDepends: libc (>= 2), runc (>= 1.0~rc1), shell"),
            ("engine", "2", "Pre-Depends: init\nDepends: libc (>= 2), runc (>= 1.0~rc1), shell"),
            ("runc", "1.0", "Depends: libseccomp"),
            ("libseccomp", "3", ""),
            ("libc", "2", "Depends: libgcc"),
            ("libgcc", "1", "Depends: libc"),
            ("shell", "5", "Essential: yes\nDepends: libc"),
            ("init", "1", "Priority: required"),
        ];
        assert_eq!(choose(&index, &["engine"]).unwrap(), ["engine=2", "runc=1.0", "libseccomp=3"]);
        assert_eq!(choose(&index, &["runc", "engine"]).unwrap(), ["runc=1.0", "libseccomp=3", "engine=2"]);
        assert_eq!(choose(&index, &["shell"]).unwrap(), ["shell=5"], "asked for by name");
    }

    #[test]
    fn takes_the_first_alternative_that_can_be_had() {
        let index = [
            ("a", "1", "Depends: gone | broken | good | better"),
            ("broken", "1", "Depends: nowhere"),
            ("good", "1", ""),
            ("better", "1", ""),
            ("b", "1", "Depends: virtual (>= 2)"),
            ("p1", "1", "Provides: virtual"),
            ("p2", "1", "Provides: virtual (= 2)"),
            ("c", "1", "Depends: better | good, good | better"),
            ("x", "1", "Depends: y"),
            ("y", "1", "Depends: x"),
        ];
        assert_eq!(choose(&index, &["a"]).unwrap(), ["a=1", "good=1"]);
        assert_eq!(choose(&index, &["b"]).unwrap(), ["b=1", "p2=1"]);
        assert_eq!(choose(&index, &["c"]).unwrap(), ["c=1", "better=1"], "what is chosen already does");
        assert_eq!(choose(&index, &["x"]).unwrap(), ["x=1", "y=1"], "packages may need each other");
    }

    #[test]
    fn tells_the_chain_to_what_is_missing() {
        let index = [
            ("a", "1", "Depends: b"),
            ("b", "1", "Depends: c (>= 2) | d"),
            ("c", "1", ""),
            ("e", "1", "Depends: f, g"),
            ("f", "1", "Conflicts: g"),
            ("g", "1", ""),
        ];
        let error = choose(&index, &["a"]).unwrap_err();
        assert_eq!(error, "a 1 needs b 1: nothing that is offered fulfils c (>= 2) | d");
        assert_eq!(choose(&index, &["z"]).unwrap_err(), "no package is called z");
        assert_eq!(choose(&index, &["e"]).unwrap_err(), "f and g do not go together, and e needs both");
    }
}
