//! Which packages a host needs: a pure function of what the bundle has and what the host says of itself.

use super::dpkg::{Status, Statuses};
use super::record::AddedPackage;
use landfall_manifests::{Digest, HostSystem, Package, PackageName, PackageVersion};
use serde::Serialize;
use std::collections::BTreeSet;

/// Whether packages may be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Install,
    /// Nobody was asked, and nobody can be.
    Unasked,
    Refuse,
}

/// A package that will be installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlannedPackage {
    pub(crate) name: PackageName,
    pub(crate) version: PackageVersion,
    /// Of its file.
    pub(crate) digest: Digest,
    /// Of its file, in bytes.
    pub(crate) size: u64,
    /// What it takes once it is installed, in bytes.
    pub(crate) installed: u64,
    /// Whether the host has its configuration from before.
    #[serde(skip)]
    pub(crate) had_configuration: bool,
}

/// The packages that a host needs, in the order in which they are installed.
pub(crate) type Needed = Vec<PlannedPackage>;

/// Why no packages are offered to a host without an engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotOffered {
    #[error("the bundle brings no packages of an engine")]
    NoPackages,
    #[error("the bundle has packages for {has}, and this host is {is}")]
    OtherSystem { has: String, is: String },
    #[error("the bundle's packages for this host are installed already: start the engine that they brought")]
    AllThere,
    #[error(
        "the package {0} is neither installed nor removed whole: settle it first, such as with `dpkg --configure -a`"
    )]
    Broken(PackageName),
    #[error("the bundle has packages of an engine for this host, which --no-packages refuses")]
    Refused,
    #[error("the bundle has packages of an engine for this host: --packages installs them")]
    Unasked,
    #[error("packages are installed on the running system alone, and not below --root")]
    OtherRoot,
    #[error("the bundle has packages of an engine for this host, but dpkg does not tell what is installed: {0}")]
    NoDpkg(String),
}

/// Chooses those of a release's packages that are for this host and are not installed. What is installed stays as it is, in whatever
/// version: only dpkg knows whether that does for what comes.
pub(crate) fn choose(
    packages: &[Package],
    system: Option<&HostSystem>,
    statuses: impl FnOnce() -> Result<Statuses, String>,
    choice: Choice,
) -> Result<Needed, NotOffered> {
    let ours: Vec<&Package> = packages.iter().filter(|package| Some(&package.system) == system).collect();
    if packages.is_empty() {
        return Err(NotOffered::NoPackages);
    }
    if ours.is_empty() {
        let has: BTreeSet<&str> = packages.iter().map(|package| package.system.as_str()).collect();
        let has = has.into_iter().collect::<Vec<_>>().join(" and ");
        let is = system.map_or_else(|| "of no known system (os-release(5))".to_owned(), ToString::to_string);
        return Err(NotOffered::OtherSystem { has, is });
    }
    let statuses = statuses().map_err(NotOffered::NoDpkg)?;
    let mut needed = Vec::new();
    for package in ours {
        let had_configuration = match statuses.get(package.name.as_str()) {
            Some(Status::Installed) => continue,
            Some(Status::Configuration) => true,
            Some(Status::Partial) => return Err(NotOffered::Broken(package.name.clone())),
            None => false,
        };
        let Package { name, version, digest, size, installed, .. } = package.clone();
        needed.push(PlannedPackage { name, version, digest, size, installed, had_configuration });
    }
    if needed.is_empty() {
        return Err(NotOffered::AllThere);
    }
    match choice {
        Choice::Install => Ok(needed),
        Choice::Unasked => Err(NotOffered::Unasked),
        Choice::Refuse => Err(NotOffered::Refused),
    }
}

impl From<&PlannedPackage> for AddedPackage {
    fn from(planned: &PlannedPackage) -> Self {
        let PlannedPackage { name, version, digest, had_configuration, .. } = planned.clone();
        Self { name, version, digest, had_configuration }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use landfall_manifests::Encoding;

    fn package(system: &str, name: &str) -> Package {
        Package {
            system: system.parse().unwrap(),
            name: name.parse().unwrap(),
            version: "1".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            digest: Digest::of(name.as_bytes()),
            size: 1,
            installed: 2,
            blob: Digest::of(name.as_bytes()),
            encoding: Encoding::Zstd,
        }
    }

    #[test]
    fn takes_what_is_for_this_host_and_missing() {
        let packages = ["runc", "tini", "docker.io", "netbase"].map(|name| package("debian 12", name));
        let packages: Vec<Package> = packages.into_iter().chain([package("debian 13", "runc")]).collect();
        let system = |text: &str| Some(text.parse::<HostSystem>().unwrap());
        let statuses = |list: &[(&str, Status)]| -> Result<Statuses, String> {
            Ok(list.iter().map(|(name, status)| ((*name).to_owned(), *status)).collect())
        };
        let there = [("runc", Status::Installed), ("tini", Status::Configuration), ("bash", Status::Partial)];
        let twelve = system("debian 12");
        let needed = choose(&packages, twelve.as_ref(), || statuses(&there), Choice::Install).unwrap();
        let names: Vec<(&str, bool)> =
            needed.iter().map(|package| (package.name.as_str(), package.had_configuration)).collect();
        assert_eq!(names, [("tini", true), ("docker.io", false), ("netbase", false)]);

        let refused = |system: Option<HostSystem>, there: &[(&str, Status)], choice| {
            choose(&packages, system.as_ref(), || statuses(there), choice).unwrap_err().to_string()
        };
        let other = "the bundle has packages for debian 12 and debian 13, and this host is ";
        assert_eq!(refused(system("debian 11"), &[], Choice::Install), format!("{other}debian 11"));
        assert_eq!(refused(None, &[], Choice::Install), format!("{other}of no known system (os-release(5))"));
        let all = ["runc", "tini", "docker.io", "netbase"].map(|name| (name, Status::Installed));
        assert!(refused(twelve.clone(), &all, Choice::Install).contains("installed already"));
        assert!(refused(twelve.clone(), &[("tini", Status::Partial)], Choice::Install).contains("dpkg --configure -a"));
        assert!(refused(twelve.clone(), &[], Choice::Unasked).contains("--packages"));
        assert!(refused(twelve.clone(), &[], Choice::Refuse).contains("--no-packages"));
        let no_dpkg = choose(&packages, twelve.as_ref(), || Err("gone".to_owned()), Choice::Install);
        assert_eq!(no_dpkg, Err(NotOffered::NoDpkg("gone".to_owned())));
        assert_eq!(choose(&[], twelve.as_ref(), || statuses(&[]), Choice::Install), Err(NotOffered::NoPackages));
    }
}
