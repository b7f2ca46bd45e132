//! `package.json` of packages below `node_modules` (docs.npmjs.com, "package.json").

use super::package::{Package, PackageKind, text};
use serde::Deserialize;

#[derive(Deserialize)]
struct PackageJson {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    license: Option<Licence>,
    #[serde(default)]
    licenses: Option<Licences>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Licence {
    Text(String),
    Object { r#type: String },
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Licences {
    Several(Vec<Licence>),
    Other(serde::de::IgnoredAny),
}

impl Licence {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Object { r#type } => Some(r#type),
            Self::Other(_) => None,
        }
    }
}

pub(super) fn package(json: &[u8]) -> Option<Package> {
    // Some begin with a byte order mark, which npm passes over.
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let PackageJson { name, version, license, licenses } = serde_json::from_slice(json).ok()?;
    let licence = license.as_ref().and_then(Licence::text).map(str::to_owned);
    let licence = licence.or_else(|| match licenses {
        Some(Licences::Several(all)) => Some(all.iter().filter_map(Licence::text).collect::<Vec<_>>().join(" OR ")),
        _ => None,
    });
    let package = Package::new(PackageKind::Npm, &name, &version)?;
    package.version.is_some().then(|| Package { licence: licence.as_deref().and_then(text), ..package })
}

/// Whether a path is that of a package: `node_modules/NAME/package.json` or `node_modules/@SCOPE/NAME/package.json`, or the same in the folder that
/// Debian has instead (Debian's policy for Node.js).
pub(super) fn is_package(path: &str) -> bool {
    let Some(folder) = path.strip_suffix("/package.json") else { return false };
    let Some((above, name)) = folder.rsplit_once('/') else { return false };
    let above = match above.rsplit_once('/') {
        Some((above, scope)) if scope.starts_with('@') => above,
        _ => above,
    };
    let is_of_packages = above == "node_modules" || above.ends_with("/node_modules") || above == "usr/share/nodejs";
    is_of_packages && !name.starts_with('@')
}
