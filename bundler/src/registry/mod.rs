//! Images in registries, by the OCI distribution specification 1.1: `docker://REFERENCE`.
//!
//! A build has one [`Registries`], which knows what registries have told so far: over which scheme they speak, which authorizations they
//! took, and the documents that were read, so that what is packed is what was found, whatever a tag stands for meanwhile.
//! A [`Repository`] is asked for a reference, documents and blobs. It asks mirrors first, and the registry itself last.
//!
//! - [`reference`](Reference) and `challenge` are texts from outside, `backoff` is when to try again, `settings` what the caller allows: pure.
//! - `transport` makes one exchange: TLS, except for hosts that may do without; redirects, which get no credentials of another host.
//! - `session` adds the login that a registry wants (`credentials`), and tries again.
//! - `blob` goes on behind the last byte after a connection was lost.
//!
//! Whether bytes are what they should be is decided by those who have their digests: this module refuses only what a registry says of
//! itself that cannot be true.

mod backoff;
mod blob;
pub(crate) mod challenge;
mod credentials;
mod download;
mod error;
mod reference;
mod repository;
mod resolver;
mod session;
mod settings;
mod tls;
mod transport;

pub(crate) use blob::BlobReader;
pub(crate) use credentials::CredentialsError;
pub(crate) use download::{DownloadError, MOST_BYTES};
pub(crate) use error::RegistryError;
pub(crate) use reference::{Reference, ReferenceError};
pub(crate) use repository::Repository;
pub(crate) use settings::RegistryArgs;

use crate::cache::Cache;
use landfall_console::Console;
use landfall_manifests::{Digest, oci::Descriptor};
use session::Sessions;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use transport::Transport;
use url::Url;

/// Documents that are kept, in bytes: those of hundreds of images, and little enough for the memory of a build.
const DOCUMENT_BYTES: usize = 8 << 20;

/// The registries that a build asks.
#[derive(Debug)]
pub(crate) struct Registries {
    args: RegistryArgs,
    sessions: Sessions,
    documents: Mutex<Documents>,
    /// Mirrors that are asked no more.
    left: Mutex<BTreeSet<String>>,
    cache: Arc<Cache>,
    console: Console,
}

/// What was read of images.
#[derive(Debug, Default)]
struct Documents {
    resolved: BTreeMap<String, Descriptor>,
    contents: BTreeMap<Digest, Vec<u8>>,
    bytes: usize,
}

impl Documents {
    fn get(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.contents.get(digest).cloned()
    }

    /// Keeps a document, if there is room: else it is asked for again.
    fn add(&mut self, digest: Digest, content: Vec<u8>) {
        if self.bytes + content.len() <= DOCUMENT_BYTES {
            self.bytes += content.len();
            self.contents.insert(digest, content);
        }
    }
}

impl Registries {
    /// None of them is asked yet.
    pub(crate) fn new(args: RegistryArgs, console: Console) -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let auth_files = credentials::files(variable, rustix::process::getuid().as_raw());
        let sessions = Sessions::new(Transport::new(args.clone()), auth_files, console);
        Self { args, sessions, documents: Mutex::default(), left: Mutex::default(), cache: Arc::default(), console }
    }

    /// The same for a mirror of packages, which may do without TLS: all that comes from it is held against signatures and digests.
    pub(crate) fn of_mirror(&self, url: &Url) -> Self {
        Self::new(self.args.clone().allowing_plain(transport::host_of(url)), self.console)
    }

    /// The registries, where what earlier builds have read of them is not asked for again.
    #[must_use]
    pub(crate) fn with_cache(self, cache: Arc<Cache>) -> Self {
        Self { cache, ..self }
    }

    /// What a reference stands for, if it was resolved.
    pub(crate) fn resolved(&self, reference: &Reference) -> Option<Digest> {
        self.documents().resolved.get(&reference.to_string()).map(|descriptor| descriptor.digest)
    }

    /// The repository of a reference.
    pub(crate) fn repository(&self, reference: Reference) -> Repository<'_> {
        Repository::new(self, reference)
    }

    fn documents(&self) -> MutexGuard<'_, Documents> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
