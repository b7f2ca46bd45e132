//! Whom TLS trusts: Mozilla's authorities, those of this machine, and those that its administrator or the caller names.

use super::RegistryError;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// Where distributions keep their authorities in one file: Debian, Fedora, openSUSE, Alpine.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Where Docker has the authorities of single registries (Docker, "Verify repository client with certificates").
const CERTS_D: &str = "/etc/docker/certs.d";

/// The authorities for a registry at `host`, which has its port.
pub(super) fn config(host: &str, ca_file: Option<&Path>) -> Result<TlsConfig, RegistryError> {
    let mut roots: Vec<Certificate<'static>> =
        TLS_SERVER_ROOT_CERTS.iter().map(|root| Certificate::from_der(root)).collect();
    let bundles = match std::env::var_os("SSL_CERT_FILE") {
        Some(named) => vec![PathBuf::from(named)],
        None => BUNDLES.map(PathBuf::from).to_vec(),
    };
    // One of them: each is whole.
    if let Some(bundle) = bundles.iter().find_map(|path| read(path).transpose()) {
        roots.extend(bundle?);
    }
    // A host is written into a path only where it is a plain name.
    if !host.contains('/') {
        roots.extend(read(&Path::new(CERTS_D).join(host).join("ca.crt"))?.unwrap_or_default());
    }
    if let Some(path) = ca_file {
        let missing = || failed(path, &"there is no such file");
        let named = read(path)?.ok_or_else(missing)?;
        if named.is_empty() {
            return Err(failed(path, &"there is no certificate in PEM in it"));
        }
        roots.extend(named);
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

/// The certificates of a file, if it is there.
fn read(path: &Path) -> Result<Option<Vec<Certificate<'static>>>, RegistryError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, &error)),
    };
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| failed(path, &error))? {
            certificates.push(certificate);
        }
    }
    Ok(Some(certificates))
}

fn failed(path: &Path, reason: &dyn fmt::Display) -> RegistryError {
    RegistryError::CaFile { path: path.to_owned(), reason: reason.to_string() }
}
