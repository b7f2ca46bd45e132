//! Whether an advisory concerns a package.

use super::components::{Components, Package};
use super::osv::{Advisory, Affected, Event, Range};
use super::severity::Severity;
use super::versions::compare;
use serde::Serialize;
use std::cmp::Ordering;

/// A package that is known to be vulnerable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) ecosystem: &'static str,
    pub(crate) id: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) summary: String,
    /// The version from which on it is not vulnerable, if there is one.
    pub(crate) fixed: Option<String>,
    /// Where the package is: `image hello`, or `files`.
    pub(crate) places: Vec<String>,
}

/// What an advisory finds among packages.
pub(super) fn findings(advisory: &Advisory, components: &Components) -> Vec<Finding> {
    if advisory.withdrawn.is_some() {
        return Vec::new();
    }
    let mut found: Vec<Finding> = Vec::new();
    for affected in &advisory.affected {
        let Some(named) = &affected.package else { continue };
        for package in components.named(&named.ecosystem, &named.name) {
            let Some(Affects { fixed }) = affects(package, affected) else { continue };
            let finding = Finding {
                severity: advisory.severity(affected),
                package: package.name.clone(),
                version: package.version.clone(),
                ecosystem: package.ecosystem,
                id: advisory.id.clone(),
                aliases: advisory.aliases.clone(),
                summary: advisory.summary.clone(),
                fixed,
                places: package.places.clone(),
            };
            // An advisory may name a package more than once, for several branches of it.
            let is_known = |one: &Finding| (&one.package, &one.version) == (&finding.package, &finding.version);
            if !found.iter().any(is_known) {
                found.push(finding);
            }
        }
    }
    found
}

/// That an advisory is about a version of a package.
struct Affects {
    /// The version from which on it is not.
    fixed: Option<String>,
}

/// Whether an advisory is about this version of a package (OSV schema, "Evaluation").
fn affects(package: &Package, affected: &Affected) -> Option<Affects> {
    let is_listed = affected.versions.iter().any(|version| {
        *version == package.compared || compare(package.kind, version, &package.compared) == Some(Ordering::Equal)
    });
    let ranges = || affected.ranges.iter().filter(|range| range.kind != "GIT");
    if !is_listed && !ranges().any(|range| is_within(package, range)) {
        return None;
    }
    let later = |version: &&String| compare(package.kind, version, &package.compared) == Some(Ordering::Greater);
    let fixed = ranges().flat_map(|range| &range.events).filter_map(|event| event.fixed.as_ref()).filter(later);
    let fixed = fixed.min_by(|a, b| compare(package.kind, a, b).unwrap_or(Ordering::Equal)).cloned();
    Some(Affects { fixed })
}

fn is_within(package: &Package, range: &Range) -> bool {
    // `0` stands before all versions.
    let order = |version: &str| {
        if version == "0" { Some(Ordering::Less) } else { compare(package.kind, version, &package.compared) }
    };
    let version = |event: &Event| event.introduced.clone().or(event.fixed.clone()).or(event.last_affected.clone());
    let mut events: Vec<(String, &Event)> =
        range.events.iter().filter_map(|event| Some((version(event)?, event))).collect();
    events.sort_by(|(a, _), (b, _)| match (a.as_str(), b.as_str()) {
        ("0", "0") => Ordering::Equal,
        ("0", _) => Ordering::Less,
        (_, "0") => Ordering::Greater,
        (a, b) => compare(package.kind, a, b).unwrap_or(Ordering::Equal),
    });
    let mut is_vulnerable = false;
    for (version, event) in events {
        match order(&version) {
            // A version that cannot be compared decides nothing.
            None | Some(Ordering::Greater) => {}
            Some(Ordering::Equal) if event.last_affected.is_some() => {}
            Some(Ordering::Less | Ordering::Equal) => is_vulnerable = event.introduced.is_some(),
        }
    }
    is_vulnerable
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::osv::read;
    use super::*;
    use landfall_manifests::sbom::{Bom, Component};
    use serde_json::{Value, json};

    fn components(purls: &[&str]) -> Components {
        let mut bom = Bom::read(&br#"{"bomFormat": "CycloneDX", "specVersion": "1.6"}"#[..]).unwrap();
        let component = |purl: &&str| Component { purl: Some((*purl).to_owned()), ..Component::default() };
        bom.components = purls.iter().map(component).collect();
        let mut components = Components::default();
        components.add("image a", &bom);
        components
    }

    /// The version that an advisory calls fixed, or `never`, if it is about a package.
    fn found(purl: &str, ecosystem: &str, name: &str, affected: &Value) -> Option<String> {
        let mut affected = affected.clone();
        affected["package"] = json!({"ecosystem": ecosystem, "name": name});
        let advisory = json!({"id": "X-1", "affected": [affected]}).to_string();
        let found = findings(&read(advisory.as_bytes()).unwrap(), &components(&[purl]));
        found.into_iter().next().map(|finding| finding.fixed.unwrap_or_else(|| "never".to_owned()))
    }

    #[test]
    fn packages_are_found_by_the_names_and_versions_of_their_ecosystem() {
        let range = |events: Value| json!({"ranges": [{"type": "ECOSYSTEM", "events": events}]});
        let below = |version: &str| range(json!([{"introduced": "0"}, {"fixed": version}]));
        let fixed = |version: &str| Some(version.to_owned());
        let curl = "pkg:deb/debian/libcurl4@7.88.1-10+deb12u4?arch=amd64&distro=debian-12&upstream=curl";
        for (purl, ecosystem, name, affected, expected) in [
            (curl, "Debian:12", "curl", below("7.88.1-10+deb12u5"), fixed("7.88.1-10+deb12u5")),
            (curl, "Debian:12", "curl", below("7.88.1-10+deb12u4"), None),
            (curl, "Debian:11", "curl", below("9"), None),
            (curl, "Debian:12", "libcurl4", below("9"), None),
            (curl, "Alpine:v3.19", "curl", below("9"), None),
            (
                "pkg:apk/alpine/libssl3@3.1.4-r5?distro=alpine-3.19.1&upstream=openssl",
                "Alpine:v3.19",
                "openssl",
                below("3.1.4-r6"),
                fixed("3.1.4-r6"),
            ),
            ("pkg:npm/%40a/b@1.2.3", "npm", "@a/b", below("1.10.0"), fixed("1.10.0")),
            ("pkg:pypi/foo-bar@1.0", "PyPI", "Foo.Bar", below("1.0.post1"), fixed("1.0.post1")),
            ("pkg:golang/github.com/A/b@v1.0.0", "Go", "github.com/A/b", below("1.0.1"), fixed("1.0.1")),
            ("pkg:golang/stdlib@1.22.1", "Go", "stdlib", below("1.22.2"), fixed("1.22.2")),
            (
                "pkg:cargo/a@1.0.0",
                "crates.io",
                "a",
                range(json!([{"introduced": "0"}, {"last_affected": "1.0.0"}])),
                fixed("never"),
            ),
            (
                "pkg:cargo/a@1.0.1",
                "crates.io",
                "a",
                range(json!([{"introduced": "0"}, {"last_affected": "1.0.0"}])),
                None,
            ),
            (
                "pkg:npm/b@2.5.0",
                "npm",
                "b",
                range(json!([{"fixed": "1.1.0"}, {"introduced": "0"}, {"introduced": "2.0.0"}, {"fixed": "2.6.0"}])),
                fixed("2.6.0"),
            ),
            (
                "pkg:npm/b@1.5.0",
                "npm",
                "b",
                range(json!([{"fixed": "1.1.0"}, {"introduced": "0"}, {"introduced": "2.0.0"}, {"fixed": "2.6.0"}])),
                None,
            ),
            ("pkg:npm/b@1.5.0", "npm", "b", json!({"versions": ["1.5.0"]}), fixed("never")),
            (
                "pkg:npm/b@1.5.0",
                "npm",
                "b",
                json!({"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}),
                None,
            ),
            ("pkg:npm/b@weird", "npm", "b", below("2.0.0"), None),
        ] {
            let was = found(purl, ecosystem, name, &affected);
            // All versions are affected until one is fixed, also those that cannot be compared.
            let expected = if purl.ends_with("weird") { fixed("never") } else { expected };
            assert_eq!(was, expected, "{purl} {ecosystem} {name} {affected}");
        }
    }

    #[test]
    fn an_advisory_that_was_taken_back_finds_nothing() {
        let text = r#"{"id": "X", "withdrawn": "2024-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "npm", "name": "b"}, "versions": ["1.0.0"]}]}"#;
        let components = components(&["pkg:npm/b@1.0.0"]);
        assert!(findings(&read(text.as_bytes()).unwrap(), &components).is_empty());
        let again = text.replace("withdrawn", "published");
        assert_eq!(findings(&read(again.as_bytes()).unwrap(), &components)[0].places, ["image a"]);
    }
}
