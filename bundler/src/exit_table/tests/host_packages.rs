//! Packages of hosts.

use super::*;
use crate::host_packages::{PackageFault, ResolveError, failed};
use crate::registry::{DownloadError, RegistryError};
use landfall_host::subprocess::SubprocessError;

pub(super) fn all() -> Vec<Error> {
    let (address, path) = (|| "http://mirror.lan/debian/dists/x/InRelease".to_owned(), || at("packages/a.deb"));
    let (name, text) = (|| "docker.io".parse().unwrap(), str::to_owned);
    let gone = RegistryError::NotFound { host: text("mirror.lan"), what: text("/debian"), message: String::new() };
    let chain = vec![text("docker.io 20.10"), text("containerd 1.6")];
    let faults: Vec<PackageFault> = vec![
        PackageFault::Read { path: path(), source: io() },
        PackageFault::None(at("packages")),
        PackageFault::NotADeb { path: path(), reason: text("it is cut off") },
        PackageFault::Architecture { place: text("a.deb"), found: "arm64".parse().unwrap(), requested: "amd64" },
        PackageFault::Twice(name()),
        PackageFault::Changed(path()),
        PackageFault::Download { address: address(), source: Box::new(DownloadError::Server(gone)) },
        PackageFault::Signature { address: address(), keyring: at("keys.gpg"), reason: text("it has no signature") },
        PackageFault::Gpgv(SubprocessError::Start { program: at("gpgv"), source: io() }),
        PackageFault::Suite { address: address(), found: text("trixie") },
        PackageFault::Index { address: address(), source: io() },
        PackageFault::NoIndex { address: address(), component: text("man"), architecture: "amd64" },
        PackageFault::Digest { address: address(), found: blob(), size: 0 },
        PackageFault::Longer { address: address(), size: 7 },
        PackageFault::Unlisted { address: address(), name: name() },
        ResolveError::NoSuchPackage(name()).into(),
        ResolveError::Unfulfilled { chain, missing: text("runc (>= 2)") }.into(),
        ResolveError::Conflict { one: name(), other: "docker-ce".parse().unwrap(), asked: text("docker.io") }.into(),
        ResolveError::TooMany.into(),
        PackageFault::Temporary(io()),
        StoreError::Write { folder: at("."), source: io() }.into(),
    ];
    faults.into_iter().map(|fault| failed(line(), "debian 12", fault).into()).collect()
}
