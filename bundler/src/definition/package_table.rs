use super::text::DefinitionText;
use super::{DefinitionError, DefinitionLine, SourcePath};
use landfall_manifests::{HostSystem, PackageName};
use serde::Deserialize;
use std::path::{Path, absolute};
use toml::Spanned;
use url::Url;

/// Packages that bring a container engine to a host which has none: `landfall-installer install` offers to install them there, without a
/// network. They are Debian's (`.deb`): given as files, or by name and got from a mirror with all that they need.
/// [packages.md](packages.md) says what is taken, and how hosts install it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PackageTable {
    /// The system that they are for: `ID` and `VERSION_ID` of its `/etc/os-release`, such as `debian 12`. A host that calls itself
    /// otherwise does not install them.
    ///
    /// * Refused: text of another form.
    #[serde(rename = "for")]
    #[cfg_attr(test, schemars(with = "HostSystem"))]
    pub(super) system: Spanned<HostSystem>,
    /// A package's file, or a folder: of that all files are taken whose names end with `.deb`.
    ///
    /// * Default: none; `names` is there instead.
    /// * Refused: together with `names`; what is no Debian package; packages for another architecture than the release's, but for `all`; a
    ///   folder without packages; two packages of one name for one system that differ.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    source: Option<Spanned<String>>,
    /// The names of packages, which are got from a mirror with all that they need (`Pre-Depends` and `Depends`, not `Recommends`).
    /// What every Debian has is left out: packages that are essential or of the priority `required`, and what those need.
    ///
    /// * Default: none; `source` is there instead.
    /// * Refused: together with `source`; an empty list; names that the mirror does not have; packages that need what it does not have,
    ///   or that do not go together.
    #[cfg_attr(test, schemars(with = "Option<Vec<PackageName>>"))]
    names: Option<Spanned<Vec<PackageName>>>,
    /// The address of the mirror, an apt repository: `http://`, `https://` or `file:///`. It needs no TLS, since what it says is held
    /// against its signature.
    ///
    /// * Default: none; needed with `names`.
    /// * Refused: without `names`; an address of another kind, or with a user's name.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    mirror: Option<Spanned<String>>,
    /// The suites of the mirror, such as `["bookworm", "bookworm-updates"]`. Of a package that several have, the latest version is taken.
    ///
    /// * Default: none; needed with `names`.
    /// * Refused: without `names`; an empty list; a suite that calls itself otherwise; names with characters other than letters, digits,
    ///   `.`, `_`, `-` and `/`.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    suites: Option<Spanned<Vec<String>>>,
    /// The components of the suites.
    ///
    /// * Default: `["main"]`.
    /// * Refused: as `suites`; a component that a suite does not have for the release's architecture.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    components: Option<Spanned<Vec<String>>>,
    /// The file with the OpenPGP keys of which one has to have signed the suites, in binary form: on Debian,
    /// `/usr/share/keyrings/debian-archive-keyring.gpg` of the package `debian-archive-keyring`. The program `gpgv` is needed.
    ///
    /// * Default: none; needed with `names`.
    /// * Refused: without `names`; a file that cannot be read; suites that none of its keys has signed, or of which a signature is false.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    keyring: Option<Spanned<String>>,
}

/// Packages for a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackageSection {
    pub(crate) system: HostSystem,
    pub(crate) origin: PackageOrigin,
    pub(crate) line: DefinitionLine,
}

/// Where packages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PackageOrigin {
    /// A file, or a folder of files.
    Files(SourcePath),
    /// A mirror, which has what they need, too.
    Names { names: Vec<PackageName>, mirror: Mirror },
}

/// An apt repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror {
    /// With a slash at its end.
    pub(crate) url: Url,
    pub(crate) suites: Vec<String>,
    pub(crate) components: Vec<String>,
    pub(crate) keyring: SourcePath,
}

impl PackageSection {
    /// The packages that a table names.
    pub(super) fn of(text: &DefinitionText<'_>, table: &PackageTable) -> Result<Self, DefinitionError> {
        let at = table.system.span().start;
        let origin = match (&table.source, &table.names) {
            (Some(source), None) => {
                if let Some(start) = table.of_mirror_only() {
                    return Err(text.wrong(start, "this key is only for packages that `names` gets from a mirror"));
                }
                PackageOrigin::Files(text.source_path(source)?)
            }
            (None, Some(names)) if names.get_ref().is_empty() => {
                return Err(text.wrong(names.span().start, "this list of packages is empty"));
            }
            (None, Some(names)) => PackageOrigin::Names { names: names.get_ref().clone(), mirror: table.mirror(text)? },
            (Some(_), Some(names)) => {
                return Err(text.wrong(names.span().start, "packages have either `source` or `names`"));
            }
            (None, None) => return Err(text.wrong(at, "packages need `source`, or `names` with a mirror")),
        };
        Ok(Self { system: table.system.get_ref().clone(), origin, line: text.line_at(at) })
    }
}

impl PackageTable {
    /// Where a key is that only a mirror has.
    fn of_mirror_only(&self) -> Option<usize> {
        let texts = [&self.mirror, &self.keyring].into_iter().flatten().map(|key| key.span().start);
        let lists = [&self.suites, &self.components].into_iter().flatten().map(|key| key.span().start);
        texts.chain(lists).min()
    }

    fn mirror(&self, text: &DefinitionText<'_>) -> Result<Mirror, DefinitionError> {
        let at = self.system.span().start;
        let (Some(address), Some(suites), Some(keyring)) = (&self.mirror, &self.suites, &self.keyring) else {
            return Err(text.wrong(at, "packages by `names` need `mirror`, `suites` and `keyring`"));
        };
        let components = match &self.components {
            Some(components) => names(text, components)?,
            None => vec!["main".to_owned()],
        };
        Ok(Mirror {
            url: address_of(text, address)?,
            suites: names(text, suites)?,
            components,
            keyring: text.source_path(keyring)?,
        })
    }
}

/// Names of suites or components, which become parts of addresses.
fn names(text: &DefinitionText<'_>, written: &Spanned<Vec<String>>) -> Result<Vec<String>, DefinitionError> {
    let is_fit = |name: &String| {
        let is_part = |part: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            !["", ".", ".."].contains(&part) && part.bytes().all(is_plain)
        };
        name.split('/').all(is_part)
    };
    let names = written.get_ref();
    if names.is_empty() {
        return Err(text.wrong(written.span().start, "this list is empty"));
    }
    match names.iter().find(|name| !is_fit(name)) {
        Some(name) => Err(text.wrong(written.span().start, format!("{name:?} is no name of a suite or component"))),
        None => Ok(names.clone()),
    }
}

fn address_of(text: &DefinitionText<'_>, written: &Spanned<String>) -> Result<Url, DefinitionError> {
    let (address, at) = (written.get_ref(), written.span().start);
    let url = address.strip_prefix("file://").map_or_else(
        || format!("{}/", address.trim_end_matches('/')).parse().ok(),
        |path| absolute(Path::new(path)).ok().and_then(|path| Url::from_directory_path(path).ok()),
    );
    let url: Option<Url> = url.filter(|url: &Url| ["http", "https", "file"].contains(&url.scheme()));
    let url = url.ok_or_else(|| {
        text.wrong(at, format!("{address:?} is no mirror: its address begins with http://, https:// or file:///"))
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(text.wrong(at, "a mirror's address has no user: logins are not written into definitions"));
    }
    Ok(url)
}
