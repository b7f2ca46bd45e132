//! Packages by the names that advisories have for them.

use crate::packages::PackageKind;
use landfall_manifests::sbom::{Bom, Purl};
use std::collections::BTreeMap;

/// A package of a bill of materials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) kind: PackageKind,
    /// As its bill of materials has it.
    pub(super) name: String,
    pub(super) version: String,
    /// The version that advisories compare: of Debian's packages, the source's.
    pub(super) compared: String,
    /// The distribution's version, such as `12` or `v3.19`.
    pub(super) release: Option<String>,
    pub(super) ecosystem: &'static str,
    /// Where it is: `image hello`, or `files`.
    pub(super) places: Vec<String>,
}

/// Packages, by ecosystem and the name that is looked up.
#[derive(Debug, Default)]
pub(crate) struct Components {
    by_name: BTreeMap<(&'static str, String), Vec<Package>>,
    /// Packages of kinds that no advisory is about, or without a version.
    pub(crate) unknown: usize,
}

impl Components {
    /// Adds the packages of a document.
    pub(crate) fn add(&mut self, place: &str, bom: &Bom) {
        for component in bom.components.iter().filter_map(|component| component.purl.as_deref()) {
            let Some(purl) = Purl::parse(component).filter(|purl| purl.kind != "oci") else { continue };
            let Some((package, key)) = package(purl) else {
                self.unknown += 1;
                continue;
            };
            let known = self.by_name.entry((package.ecosystem, key)).or_default();
            let is_same = |one: &&mut Package| {
                (&one.name, &one.version, &one.release) == (&package.name, &package.version, &package.release)
            };
            match known.iter_mut().find(is_same) {
                Some(same) if same.places.iter().any(|one| one == place) => {}
                Some(same) => same.places.push(place.to_owned()),
                None => known.push(Package { places: vec![place.to_owned()], ..package }),
            }
        }
    }

    /// How many packages there are.
    pub(crate) fn len(&self) -> usize {
        self.by_name.values().map(Vec::len).sum()
    }

    /// The packages that an advisory means by a name in an ecosystem, such as `Debian:12`.
    pub(super) fn named<'a>(&'a self, ecosystem: &'a str, name: &str) -> impl Iterator<Item = &'a Package> {
        let (base, release) = ecosystem.split_once(':').unwrap_or((ecosystem, ""));
        let base =
            ["Debian", "Ubuntu", "Alpine", "npm", "PyPI", "Go", "crates.io"].into_iter().find(|one| *one == base);
        let name = if base == Some("PyPI") { normalized(name) } else { name.to_owned() };
        let found = base.and_then(|base| self.by_name.get(&(base, name)));
        found.into_iter().flatten().filter(move |package| {
            // `Ubuntu:22.04:LTS`: the version is the first part.
            let first = release.split(':').next().unwrap_or_default();
            release.is_empty() || package.release.as_deref() == Some(first)
        })
    }
}

/// A package, and the name by which it is looked up.
fn package(purl: Purl) -> Option<(Package, String)> {
    let distro =
        purl.qualifier("distro").and_then(|distro| distro.rsplit_once('-')).map(|(_, version)| version.to_owned());
    let source = purl.qualifier("upstream").map(str::to_owned);
    let version = purl.version.clone()?;
    let full = match &purl.namespace {
        Some(namespace) => format!("{namespace}/{}", purl.name),
        None => purl.name.clone(),
    };
    let (source, source_version) = match source.as_deref().map(|source| source.split_once('@').unwrap_or((source, "")))
    {
        Some((name, "")) => (name.to_owned(), version.clone()),
        Some((name, version)) => (name.to_owned(), version.to_owned()),
        None => (purl.name.clone(), version.clone()),
    };
    let package = |kind, ecosystem, name: String, compared: String, release| Package {
        kind,
        name,
        version: version.clone(),
        compared,
        release,
        ecosystem,
        places: Vec::new(),
    };
    Some(match (purl.kind.as_str(), purl.namespace.as_deref()) {
        ("deb", Some("debian")) => (package(PackageKind::Deb, "Debian", purl.name, source_version, distro), source),
        ("deb", Some("ubuntu")) => (package(PackageKind::Deb, "Ubuntu", purl.name, source_version, distro), source),
        ("apk", Some("alpine")) => {
            // Advisories are for a branch: v3.19 for 3.19.1.
            let branch = distro.map(|version| version.splitn(3, '.').take(2).collect::<Vec<_>>().join("."));
            let branch = branch.map(|branch| format!("v{branch}"));
            (package(PackageKind::Apk, "Alpine", purl.name, version.clone(), branch), source)
        }
        ("npm", _) => (package(PackageKind::Npm, "npm", full.clone(), version.clone(), None), full),
        ("pypi", _) => (package(PackageKind::Pypi, "PyPI", full.clone(), version.clone(), None), normalized(&full)),
        ("golang", _) => (package(PackageKind::Golang, "Go", full.clone(), version.clone(), None), full),
        ("cargo", _) => (package(PackageKind::Cargo, "crates.io", full.clone(), version.clone(), None), full),
        _ => return None,
    })
}

/// PEP 503, "Normalized Names".
fn normalized(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}
