use landfall_manifests::sbom::encode;
use serde::{Deserialize, Serialize};

/// A name, a version or a licence, in bytes: what is longer is none.
pub(super) const TEXT_BYTES: usize = 512;

/// Of which kind a package is, by the types of package URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PackageKind {
    Deb,
    Apk,
    Npm,
    Pypi,
    Golang,
    Cargo,
}

/// A package, as its kind's own files tell of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Package {
    pub(crate) kind: PackageKind,
    pub(crate) name: Box<str>,
    /// None where its builder knew none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arch: Option<Box<str>>,
    /// The source package that it was built from, where that is called otherwise: `NAME` or `NAME@VERSION`. Advisories name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) licence: Option<Box<str>>,
    /// Who made the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) supplier: Option<Box<str>>,
}

/// The distribution, as os-release(5) tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Distro {
    pub(crate) id: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<Box<str>>,
}

impl Package {
    /// A package, if that can be its name and its version.
    pub(super) fn new(kind: PackageKind, name: &str, version: &str) -> Option<Self> {
        let name = text(name)?;
        let (arch, source, licence, supplier) = (None, None, None, None);
        Some(Self { kind, name, version: text(version), arch, source, licence, supplier })
    }

    /// How much text it has, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [&self.version, &self.arch, &self.source, &self.licence, &self.supplier];
        self.name.len() + texts.into_iter().flatten().map(|text| text.len()).sum::<usize>()
    }

    /// Its package URL, in an image of this distribution.
    pub(crate) fn purl(&self, distro: Option<&Distro>) -> String {
        let name = encode(&self.name);
        let distribution = |usual: &str| distro.map_or_else(|| usual.to_owned(), |distro| encode(&distro.id));
        let path = match self.kind {
            PackageKind::Deb => format!("deb/{}/{name}", distribution("debian")),
            PackageKind::Apk => format!("apk/{}/{name}", distribution("alpine")),
            PackageKind::Npm => format!("npm/{}", each(&self.name)),
            PackageKind::Pypi => format!("pypi/{}", encode(&normalized(&self.name))),
            PackageKind::Golang => format!("golang/{}", each(&self.name)),
            PackageKind::Cargo => format!("cargo/{name}"),
        };
        let version = self.version.as_deref().map(|version| format!("@{}", encode(version))).unwrap_or_default();
        let is_of_distro = matches!(self.kind, PackageKind::Deb | PackageKind::Apk);
        let distro = distro.filter(|_| is_of_distro).map(|distro| match &distro.version {
            Some(version) => format!("{}-{version}", distro.id),
            None => distro.id.to_string(),
        });
        let qualifiers =
            [("arch", self.arch.as_deref()), ("distro", distro.as_deref()), ("upstream", self.source.as_deref())];
        let qualifiers = qualifiers.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", encode(value?))));
        let qualifiers = qualifiers.collect::<Vec<_>>().join("&");
        let mark = if qualifiers.is_empty() { "" } else { "?" };
        format!("pkg:{path}{version}{mark}{qualifiers}")
    }
}

/// Each component of a name in parts.
fn each(name: &str) -> String {
    name.split('/').map(encode).collect::<Vec<_>>().join("/")
}

/// As the index of Python packages compares names (PEP 503, which purl-spec follows, but for dots).
fn normalized(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Text of a length that a name or a version has, without what no line holds.
pub(super) fn text(text: &str) -> Option<Box<str>> {
    let text = text.trim();
    let is_one = !text.is_empty() && text.len() <= TEXT_BYTES && !text.chars().any(char::is_control);
    is_one.then(|| text.into())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn has_the_package_url_that_others_give_it() {
        let debian = Distro { id: "debian".into(), version: Some("12".into()), title: None };
        let package = |kind, name: &str, version: &str| Package::new(kind, name, version).unwrap();
        let libssl = Package {
            arch: Some("amd64".into()),
            source: Some("openssl@3.0.11-1".into()),
            ..package(PackageKind::Deb, "libssl3", "3.0.11-1+b1")
        };
        for (package, distro, expected) in [
            (
                &libssl,
                Some(&debian),
                "pkg:deb/debian/libssl3@3.0.11-1%2Bb1?arch=amd64&distro=debian-12&upstream=openssl%403.0.11-1",
            ),
            (&libssl, None, "pkg:deb/debian/libssl3@3.0.11-1%2Bb1?arch=amd64&upstream=openssl%403.0.11-1"),
            (&package(PackageKind::Npm, "@a/b", "1.0.0"), Some(&debian), "pkg:npm/%40a/b@1.0.0"),
            (&package(PackageKind::Pypi, "Foo_Bar", "1"), None, "pkg:pypi/foo-bar@1"),
            (&package(PackageKind::Golang, "github.com/a/b", "v1.0.0"), None, "pkg:golang/github.com/a/b@v1.0.0"),
            (&package(PackageKind::Golang, "a/b", ""), None, "pkg:golang/a/b"),
        ] {
            assert_eq!(package.purl(distro), expected);
        }
        assert_eq!(Package::new(PackageKind::Npm, "a\nb", "1"), None);
        assert_eq!(Package::new(PackageKind::Npm, &"a".repeat(TEXT_BYTES + 1), "1"), None);
    }
}
