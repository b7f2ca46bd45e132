use super::session::{Place, Sessions};
use super::{Reference, Registries, RegistryError};
use landfall_manifests::oci::{self, Descriptor};
use landfall_manifests::{Digest, limits};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use ureq::http::HeaderMap;

/// What a reference may stand for.
const MANIFESTS: [&str; 4] = [oci::MANIFEST, oci::INDEX, oci::DOCKER_MANIFEST, oci::DOCKER_INDEX];

/// A repository of which one reference is asked for: at mirrors first, and where none has it, at the registry itself.
pub(crate) struct Repository<'a> {
    registries: &'a Registries,
    reference: Reference,
    mirrors: Vec<Place>,
    upstream: Place,
    /// Mirrors that do not have it.
    absent: Mutex<BTreeSet<String>>,
}

/// What a document says of itself.
#[derive(Deserialize)]
struct Claims {
    #[serde(default, rename = "mediaType")]
    media_type: String,
    /// What an index has.
    manifests: Option<IgnoredAny>,
}

impl<'a> Repository<'a> {
    pub(super) fn new(registries: &'a Registries, reference: Reference) -> Self {
        let repository = reference.repository();
        let mirrors = registries.args.mirrors_of(reference.host()).map(|mirror| Place {
            host: mirror.host.clone(),
            login: mirror.host.clone(),
            repository: format!("{}{repository}", mirror.prefix),
        });
        let upstream = Place {
            host: reference.api_host().to_owned(),
            login: reference.host().to_owned(),
            repository: repository.to_owned(),
        };
        let mirrors = mirrors.collect();
        Self { registries, reference, mirrors, upstream, absent: Mutex::default() }
    }

    pub(crate) fn reference(&self) -> &Reference {
        &self.reference
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.registries.sessions
    }

    /// Where it is asked now.
    pub(super) fn place(&self) -> Place {
        let (left, absent) = (self.registries.left(), self.absent());
        let is_asked = |mirror: &&Place| !left.contains(&mirror.host) && !absent.contains(&mirror.host);
        self.mirrors.iter().find(is_asked).unwrap_or(&self.upstream).clone()
    }

    /// Goes on with the next place. The registry itself is the last one.
    pub(super) fn leave(&self, place: &Place, error: RegistryError) -> Result<(), RegistryError> {
        if *place == self.upstream {
            return Err(error);
        }
        if error.is_not_found() {
            self.absent().insert(place.host.clone());
        } else if self.registries.left().insert(place.host.clone()) {
            self.registries.console.warn(format_args!("{error}; this mirror is not asked any more"));
        }
        Ok(())
    }

    /// Asks the mirror no more from which something false came, the `times`-th time. Returns whether to try again: whoever asked at the
    /// same time may have found out before.
    pub(crate) fn distrust(&self, times: usize) -> bool {
        let place = self.place();
        let reason = "it sends something else than it is asked for".to_owned();
        let left = self.leave(&place, RegistryError::Answer { host: place.host.clone(), reason });
        left.is_ok() || times <= self.mirrors.len()
    }

    fn absent(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The manifest or index that the reference names.
    pub(crate) fn resolve(&self) -> Result<Descriptor, RegistryError> {
        let name = self.reference.to_string();
        if let Some(known) = self.registries.documents().resolved.get(&name) {
            return Ok(known.clone());
        }
        if let Some(resolved) = self.reference.digest().and_then(|digest| self.resolve_cached(digest)) {
            return Ok(resolved);
        }
        let path = format!("manifests/{}", self.reference.version());
        let (bytes, headers) = self.ask(&path, &MANIFESTS.join(", "), self.reference.digest())?;
        let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let digest = self.reference.digest().copied();
        let digest = digest.or_else(|| said("docker-content-digest")?.parse().ok());
        let digest = digest.unwrap_or_else(|| Digest::of(&bytes));
        let content_type = said("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let own_type = serde_json::from_slice::<Claims>(&bytes).map(|claims| claims.media_type).unwrap_or_default();
        // Some servers know nothing but JSON or bytes: the document says what it is.
        let is_general = matches!(content_type, "" | "application/json" | "application/octet-stream" | "text/plain");
        let media_type = if is_general { &own_type } else { content_type };
        let resolved = Descriptor::new(media_type, digest, bytes.len() as u64);
        self.keep(&digest, &bytes);
        let mut documents = self.registries.documents();
        documents.add(digest, bytes);
        documents.resolved.insert(name, resolved.clone());
        Ok(resolved)
    }

    /// What a digest stands for, where an earlier build has read it.
    fn resolve_cached(&self, digest: &Digest) -> Option<Descriptor> {
        let bytes = self.registries.cache.document(digest)?;
        let claims: Claims = serde_json::from_slice(&bytes).ok()?;
        let media_type = match () {
            () if !claims.media_type.is_empty() => claims.media_type.as_str(),
            // Only Docker's documents always say what they are.
            () if claims.manifests.is_some() => oci::INDEX,
            () => oci::MANIFEST,
        };
        Some(Descriptor::new(media_type, *digest, bytes.len() as u64))
    }

    /// A manifest, an index or a configuration. Whether it is what was described is for the caller to see.
    pub(crate) fn document(&self, described: &Descriptor) -> Result<Vec<u8>, RegistryError> {
        if let Some(known) = self.registries.documents().get(&described.digest) {
            return Ok(known);
        }
        if let Some(known) = self.registries.cache.document(&described.digest) {
            return Ok(known);
        }
        let media_type = described.media_type.as_str();
        let folder = if MANIFESTS.contains(&media_type) { "manifests" } else { "blobs" };
        let accept = if media_type.is_empty() { "*/*" } else { media_type };
        let (bytes, _) = self.ask(&format!("{folder}/{}", described.digest), accept, Some(&described.digest))?;
        self.keep(&described.digest, &bytes);
        self.registries.documents().add(described.digest, bytes.clone());
        Ok(bytes)
    }

    /// Has the cache keep a document, if it is what it should be.
    fn keep(&self, digest: &Digest, bytes: &[u8]) {
        if Digest::of(bytes) == *digest {
            self.registries.cache.keep_document(digest, bytes);
        }
    }

    fn ask(&self, path: &str, accept: &str, digest: Option<&Digest>) -> Result<(Vec<u8>, HeaderMap), RegistryError> {
        let mut times = 0;
        loop {
            let place = self.place();
            match self.sessions().document(&place, path, accept, limits::IMAGE_JSON_BYTES) {
                Ok((bytes, headers)) => {
                    let is_right = digest.is_none_or(|digest| Digest::of(&bytes) == *digest);
                    times += 1;
                    if is_right || !self.distrust(times) {
                        return Ok((bytes, headers));
                    }
                }
                Err(error) => self.leave(&place, error)?,
            }
        }
    }
}
