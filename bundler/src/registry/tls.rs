//! Whom TLS trusts: Mozilla's authorities, those of this machine, and those that its administrator or the caller names; and as whom a registry
//! that wants to know is asked.

use super::RegistryError;
use crate::regular;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;
use zeroize::Zeroizing;

/// Where distributions keep their authorities in one file: Debian, Fedora, openSUSE, Alpine.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// A certificate or a key, in bytes; a distribution's authorities have some 300 KiB.
const FILE_BYTES: u64 = 4 << 20;
/// Where Podman and Docker have the certificates of single registries (containers-certs.d(5); Docker, "Verify repository client with certificates").
const CERTS_D: [&str; 2] = ["/etc/containers/certs.d", "/etc/docker/certs.d"];
/// The same in a user's home.
const OWN_CERTS_D: &str = ".config/containers/certs.d";

/// Whom to trust at a registry at `host`, which has its port, and who to be there.
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
    let own = Identity::of(host)?;
    roots.extend(own.authorities);
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
        .client_cert(own.client)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

/// What there is for one registry.
#[derive(Default)]
struct Identity {
    authorities: Vec<Certificate<'static>>,
    client: Option<ClientCert>,
}

impl Identity {
    /// From the first folder that there is: authorities in `*.crt`, a client's certificate in `NAME.cert` and its key in `NAME.key`.
    fn of(host: &str) -> Result<Self, RegistryError> {
        // A host is written into a path only where it is a plain name.
        if host.contains('/') {
            return Ok(Self::default());
        }
        let own = std::env::var_os("HOME").map(|home| Path::new(&home).join(OWN_CERTS_D));
        let folders = own.into_iter().chain(CERTS_D.map(PathBuf::from)).map(|folder| folder.join(host));
        folders.filter(|folder| folder.is_dir()).map(|folder| Self::read(&folder)).next().unwrap_or(Ok(Self::default()))
    }

    fn read(folder: &Path) -> Result<Self, RegistryError> {
        let mut identity = Self::default();
        let entries = fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        // Of several clients, the first by name: what readdir(3) gives is in no order.
        paths.sort();
        for path in paths {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => identity.authorities.extend(read(&path)?.unwrap_or_default()),
                Some("cert") if identity.client.is_none() => {
                    let chain = read(&path)?.unwrap_or_default();
                    identity.client = Some(ClientCert::new_with_certs(&chain, key(&path.with_extension("key"))?));
                }
                _ => {}
            }
        }
        Ok(identity)
    }
}

/// The key that belongs to a client's certificate.
fn key(path: &Path) -> Result<PrivateKey<'static>, RegistryError> {
    let text = regular::read(path, FILE_BYTES).map_err(|error| failed(path, &error))?;
    PrivateKey::from_pem(&Zeroizing::new(text)).map_err(|error| failed(path, &error))
}

/// The certificates of a file, if it is there.
fn read(path: &Path) -> Result<Option<Vec<Certificate<'static>>>, RegistryError> {
    let text = match regular::read(path, FILE_BYTES) {
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
