//! Registries, and what a build knows of them from earlier ones.

use super::*;
use crate::cache::CacheError;
use crate::cosign::{CosignError, CosignKeyError};
use crate::lock_file::LockFileError;
use crate::registry::{CredentialsError, DownloadError, RegistryError};
use std::time::Duration;

pub(super) fn signatures() -> Vec<Error> {
    let (reference, path) = ("localhost:5000/app:1".to_owned(), at("cosign.pub"));
    let wrong =
        CosignError::Wrong { reference: reference.clone(), digest: blob(), fingerprint: "0123456789abcdef".to_owned() };
    let form = CosignKeyError::Form { path: path.clone(), reason: "it has no PUBLIC KEY in PEM" };
    vec![
        image(CosignError::Missing { reference }.into()),
        image(wrong.into()),
        image(CosignKeyError::Read { path, source: io() }.into()),
        image(form.into()),
    ]
}

pub(super) fn lock_and_cache() -> Vec<Error> {
    let path = || at("landfall.lock");
    let app = || "app".parse().unwrap();
    vec![
        LockFileError::Read { path: path(), source: io() }.into(),
        LockFileError::Syntax { path: path(), reason: "its version is 2, and this program knows 1".to_owned() }.into(),
        LockFileError::Unpinned { line: line(), image: app(), reference: Box::new("debian:12".parse().unwrap()) }
            .into(),
        LockFileError::NoSuchImage(app()).into(),
        LockFileError::Fixed(app()).into(),
        LockFileError::Write(landfall_host::durable::PathError::new("rename", &path(), io())).into(),
        CacheError::Folder { path: at("/cache"), source: io() }.into(),
        CacheError::Others { path: at("/cache") }.into(),
        CacheError::NotACache { path: at("/home") }.into(),
        StoreError::Stale { digest: blob(), path: at("/cache/blobs/e3b0") }.into(),
    ]
}

pub(super) fn all() -> Vec<Error> {
    let host = || "registry.lan:5000".to_owned();
    let (text, hour) = (|text: &str| text.to_owned(), Duration::from_hours(1));
    let errors = vec![
        RegistryError::Unreachable { host: host(), reason: text("Connection refused") },
        RegistryError::Lost { host: host(), reason: text("the rest did not come") },
        RegistryError::Certificate { host: host(), reason: text("unknown issuer") },
        RegistryError::Plain { host: host() },
        RegistryError::Login { host: host(), what: text("team/app"), message: text("authentication required") },
        RegistryError::NotFound { host: host(), what: text("team/app/manifests/1"), message: String::new() },
        RegistryError::Busy { host: host(), status: 429, wait: Some(hour), message: text("slow down") },
        RegistryError::Answer { host: host(), reason: text("it redirects without end") },
        RegistryError::Length { host: host(), what: blob(), expected: 1, found: 2 },
        CredentialsError::File { path: at("auth.json"), reason: text("it is wrong at line 1, column 2") }.into(),
        CredentialsError::Helper { program: text("docker-credential-x"), host: host(), reason: text("locked") }.into(),
        RegistryError::CaFile { path: at("ca.pem"), reason: text("there is no such file") },
    ];
    errors.into_iter().map(|error| image(error.into())).collect()
}

/// Files that have addresses.
pub(super) fn downloads() -> Vec<Error> {
    let (host, what) = (|| "files.lan".to_owned(), || "/a".to_owned());
    let reason = "no route".to_owned();
    let failed = |source: DownloadError| -> Error {
        FileError::Download {
            line: line(),
            url: Box::new("https://files.lan/a".parse().unwrap()),
            source: Box::new(source),
        }
        .into()
    };
    vec![
        failed(DownloadError::TooLarge(Size(1 << 40))),
        failed(DownloadError::Write(io())),
        failed(RegistryError::Unreachable { host: host(), reason }.into()),
        failed(RegistryError::NotFound { host: host(), what: what(), message: String::new() }.into()),
        failed(RegistryError::Login { host: host(), what: what(), message: String::new() }.into()),
    ]
}
