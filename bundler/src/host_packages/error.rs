use super::resolve::ResolveError;
use crate::blob_store::StoreError;
use crate::definition::DefinitionLine;
use crate::registry::DownloadError;
use landfall_host::subprocess::SubprocessError;
use landfall_manifests::{Digest, HostSystem, PackageName};
use std::io;
use std::path::PathBuf;

/// The packages of a table of the definition cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{line}: packages for {system}")]
pub(crate) struct PackageError {
    pub(super) line: DefinitionLine,
    pub(super) system: HostSystem,
    /// Boxed, since errors are rare and it is large.
    pub(crate) source: Box<PackageFault>,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(crate) fn failed(line: DefinitionLine, system: &str, source: PackageFault) -> PackageError {
    PackageError { line, system: system.parse().unwrap(), source: Box::new(source) }
}

/// What can be wrong with packages.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackageFault {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} has no file whose name ends with .deb", .0.display())]
    None(PathBuf),
    #[error("{} is no Debian package: {reason}", path.display())]
    NotADeb { path: PathBuf, reason: String },
    #[error("{place} is for {found}, and the release is for {requested}")]
    Architecture { place: String, found: PackageName, requested: &'static str },
    #[error("{0} is there twice, with different contents")]
    Twice(PackageName),
    #[error("{} changed while it was read", .0.display())]
    Changed(PathBuf),
    #[error("{address} cannot be downloaded")]
    Download { address: String, source: Box<DownloadError> },
    #[error("{address} is not signed by a key of {}: {reason}", keyring.display())]
    Signature { address: String, keyring: PathBuf, reason: String },
    #[error("gpgv, which verifies the mirror's signature, does not run")]
    Gpgv(#[source] SubprocessError),
    #[error("{address} is of another suite: it calls itself {found}")]
    Suite { address: String, found: String },
    #[error("{address} does not parse")]
    Index { address: String, source: io::Error },
    #[error("{address} lists no index of {component} for {architecture}")]
    NoIndex { address: String, component: String, architecture: &'static str },
    #[error("{address} is not what it should be: it has the digest {found} and {size} bytes")]
    Digest { address: String, found: Digest, size: u64 },
    #[error("{address} is not what it should be: it has more than {size} bytes")]
    Longer { address: String, size: u64 },
    #[error("{address} does not say where {name} is")]
    Unlisted { address: String, name: PackageName },
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error("a temporary folder cannot be used")]
    Temporary(#[source] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}
