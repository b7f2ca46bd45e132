//! The rules that a release manifest must keep, checked before anything else in it is used. They make a closed world: every
//! blob is listed once and used, and nothing else may be in the bundle.

use crate::{Base, Database, Digest, File, Image, Release, Tenant, TenantProblem, limits, oci};
use landfall_keys::{MAX_CHAIN_LINKS, RootLink, Verified};
use std::collections::{BTreeMap, BTreeSet};

/// Something in a release manifest that does not fit the rest of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A schema that this program does not know.
    #[error("schema {0} is not 1: a newer Landfall made it")]
    Schema(u32),
    /// A blob is listed twice.
    #[error("blob {0} is listed twice")]
    BlobTwice(Digest),
    /// A blob belongs to nothing.
    #[error("blob {0} belongs to no file, no image and no package")]
    BlobUnused(Digest),
    /// A blob that is used is not listed.
    #[error("{of} needs blob {digest}, which is not listed")]
    BlobMissing {
        /// The blob.
        digest: Digest,
        /// What needs it.
        of: String,
    },
    /// A delta bundle leaves out what its release does not have.
    #[error("the delta leaves out blob {0}, which is not listed")]
    OmittedUnlisted(Digest),
    /// A delta bundle makes a blob that has no content, or several.
    #[error("the delta makes blob {0}, which is not that of one layer's or file's content")]
    NoContent(Digest),
    /// Two files at one path, two images of one name, or two packages of one name for one system.
    #[error("{0} is there twice")]
    Twice(String),
    /// A file is where another file needs a folder.
    #[error("{0} is a file, and a folder for another file")]
    FileAndFolder(String),
    /// A path that the host's own records take.
    #[error("{0} is a name that the release's folder keeps for itself")]
    Reserved(String),
    /// A database declaration that contradicts itself.
    #[error("database schema {schema}, reversible to {reversible_to}: reversibleTo must be from 1 to schema")]
    Database {
        /// The schema that the release's program is said to write.
        schema: u32,
        /// The schema that it is said to bring a database back to.
        reversible_to: u32,
    },
    /// Something is larger or longer than the format allows.
    #[error("{0} is over the limit of {1}")]
    Limit(String, u64),
    /// An image is for another platform than the release.
    #[error("image {0} is for {1}, not for the release's platform")]
    Platform(String, String),
    /// An image's manifest is of a kind that no engine loads.
    #[error("image {0} has a manifest of media type {1:?}")]
    MediaType(String, String),
    /// A tenant image with needs that no container can have.
    #[error("tenant image {0}: {1}")]
    Tenant(String, TenantProblem),
    /// More than one image is the self-check's.
    #[error("{0} and {1} both are the canary: the self-check tries one image")]
    Canaries(String, String),
    /// The image layout's files are not those that follow from the images.
    #[error("the files of the image layout (oci-layout, index.json, manifest.json) are not those of the images")]
    Layout,
    /// An offered key does not parse.
    #[error("offered key {0:?} is not a minisign public key")]
    Key(String),
    /// A trust root in the release does not parse, or is not a successor of another one.
    #[error("link {0} of the chain of trust roots is not a root that follows another")]
    Link(usize),
}

impl Problem {
    /// More bytes than a bundle can have.
    pub(crate) fn sum_of_sizes() -> Self {
        Self::Limit("the sum of all sizes".to_owned(), limits::BLOB_BYTES)
    }
}

/// Bytes are not a release manifest.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Not JSON, or not of this shape.
    #[error("landfall.json does not parse")]
    Json(#[from] serde_json::Error),
    /// Parts of it contradict each other.
    #[error("landfall.json contradicts itself: {}", list(.0))]
    Problems(Vec<Problem>),
}

fn list(problems: &[Problem]) -> String {
    // A signer may be hostile, and the list as long as the manifest.
    let shown: Vec<String> = problems.iter().take(5).map(ToString::to_string).collect();
    let more = problems.len().saturating_sub(shown.len());
    let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{tail}", shown.join("; "))
}

impl Release {
    /// Parses a manifest from bytes that a trusted key has signed, and checks it whole.
    pub fn from_verified<B: AsRef<[u8]>>(bytes: Verified<B>) -> Result<Verified<Self>, ReleaseError> {
        bytes.try_map(|bytes| {
            let release: Self = serde_json::from_slice(bytes.as_ref())?;
            release.check()?;
            Ok(release)
        })
    }

    /// Checks that the manifest is whole: every blob is used and listed once, names are unique, limits are kept.
    pub fn check(&self) -> Result<(), ReleaseError> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(ReleaseError::Problems(problems)) }
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        // All problems are listed, not only the first: its publisher can correct them together.
        if self.schema != 1 {
            problems.push(Problem::Schema(self.schema));
        }
        if let Some(Database { schema, reversible_to }) = self.database.filter(|database| !database.is_consistent()) {
            problems.push(Problem::Database { schema, reversible_to });
        }
        let sizes = self.check_blobs(&mut problems);
        self.check_files(&mut problems);
        self.check_images(&sizes, &mut problems);
        self.check_packages(&mut problems);
        self.check_limits(&mut problems);
        // Last, since the layout is computed from the images that were checked above.
        if problems.is_empty() && self.layout != self.computed_layout() {
            problems.push(Problem::Layout);
        }
        problems
    }

    /// Set equality between the blobs that are listed and those that are used.
    fn check_blobs(&self, problems: &mut Vec<Problem>) -> BTreeMap<Digest, u64> {
        let sizes = self.blob_sizes();
        // A map keeps one of two equal digests: fewer sizes than blobs means that one is listed twice.
        if sizes.len() != self.blobs.len() {
            let mut seen = BTreeSet::new();
            let twice = self.blobs.iter().filter(|blob| !seen.insert(blob.digest));
            problems.extend(twice.map(|blob| Problem::BlobTwice(blob.digest)));
        }
        let mut unused: BTreeSet<Digest> = sizes.keys().copied().collect();
        for (digest, of) in self.uses() {
            unused.remove(&digest);
            if !sizes.contains_key(&digest) {
                problems.push(Problem::BlobMissing { digest, of });
            }
        }
        problems.extend(unused.into_iter().map(Problem::BlobUnused));
        if let Some(base) = &self.base {
            base.problems(self, problems);
        }
        sizes
    }

    /// Each blob that is used, and what uses it.
    fn uses(&self) -> impl Iterator<Item = (Digest, String)> {
        let files = self.files.iter().map(|file| (file.blob, format!("file {}", file.path)));
        let images = self.images.iter().flat_map(|image| {
            let layers = image.layers.iter().map(|layer| layer.blob);
            let blobs = [image.manifest, image.config].into_iter().chain(layers);
            blobs.map(move |digest| (digest, format!("image {}", image.name)))
        });
        let packages = self
            .packages
            .iter()
            .map(|package| (package.blob, format!("package {} for {}", package.name, package.system)));
        files.chain(images).chain(packages)
    }

    /// What needs a blob, for people: `file docs/readme`, `image hello`.
    pub fn users_of(&self, blob: &Digest) -> Vec<String> {
        let mut users: Vec<String> = self.uses().filter(|(used, _)| used == blob).map(|(_, of)| of).collect();
        // `uses` gives one image's blobs after another, so equal users are neighbours.
        users.dedup();
        users
    }

    fn check_files(&self, problems: &mut Vec<Problem>) {
        let mut paths = BTreeSet::new();
        for File { path, .. } in &self.files {
            if !paths.insert(path.as_str()) {
                problems.push(Problem::Twice(format!("file {path}")));
            }
            if path.is_reserved() {
                problems.push(Problem::Reserved(path.to_string()));
            }
        }
        let folders: BTreeSet<&str> = self.files.iter().flat_map(|file| file.path.folders()).collect();
        let both = paths.intersection(&folders).map(|path| Problem::FileAndFolder((*path).to_owned()));
        problems.extend(both);
    }

    fn check_images(&self, sizes: &BTreeMap<Digest, u64>, problems: &mut Vec<Problem>) {
        let mut names = BTreeSet::new();
        for image in &self.images {
            let name = image.name.to_string();
            if !names.insert(&image.name) {
                problems.push(Problem::Twice(format!("image {name}")));
            }
            if image.platform != self.platform() {
                problems.push(Problem::Platform(name.clone(), image.platform.clone()));
            }
            if ![oci::MANIFEST, oci::DOCKER_MANIFEST].contains(&image.media_type.as_str()) {
                problems.push(Problem::MediaType(name.clone(), image.media_type.clone()));
            }
            if let Some(Err(problem)) = image.tenant.as_ref().map(Tenant::check) {
                problems.push(Problem::Tenant(name.clone(), problem));
            }
            let json = [image.manifest, image.config].into_iter().filter_map(|digest| sizes.get(&digest));
            if json.max().is_some_and(|size| *size > limits::IMAGE_JSON_BYTES) {
                problems.push(Problem::Limit(format!("image {name}'s configuration"), limits::IMAGE_JSON_BYTES));
            }
            if image.layers.len() > limits::LAYERS {
                problems.push(Problem::Limit(format!("image {name}'s number of layers"), limits::LAYERS as u64));
            }
        }
        let mut canaries = self.images.iter().filter(|image| image.tenant.as_ref().is_some_and(|tenant| tenant.canary));
        if let (Some(first), Some(second)) = (canaries.next(), canaries.next()) {
            problems.push(Problem::Canaries(first.name.to_string(), second.name.to_string()));
        }
    }

    fn check_packages(&self, problems: &mut Vec<Problem>) {
        let mut names = BTreeSet::new();
        let twice = self.packages.iter().filter(|package| !names.insert((&package.system, &package.name)));
        problems
            .extend(twice.map(|package| Problem::Twice(format!("package {} for {}", package.name, package.system))));
        if self.packages.len() > limits::PACKAGES {
            problems.push(Problem::Limit("the number of packages".to_owned(), limits::PACKAGES as u64));
        }
    }

    fn check_limits(&self, problems: &mut Vec<Problem>) {
        let stored = self.blobs.iter().map(|blob| blob.size);
        let layers = self.images.iter().flat_map(|image| image.layers.iter().map(|layer| layer.size));
        let packages = self.packages.iter().flat_map(|package| [package.size, package.installed]);
        let differences = self.base.iter().flat_map(Base::sizes);
        let all =
            stored.chain(self.files.iter().map(|file| file.size)).chain(layers).chain(packages).chain(differences);
        // Saturating: the sizes are claims, and 64 bits need not hold their sum.
        let total = all.fold(0_u64, u64::saturating_add);
        if total > limits::BLOB_BYTES {
            problems.push(Problem::sum_of_sizes());
        }
        let texts = self.images.iter().flat_map(|image| std::iter::once(&image.source).chain(tenant_texts(image)));
        let longest = texts.chain(self.created.iter()).map(String::len).max();
        if longest.is_some_and(|longest| longest > limits::TEXT_BYTES) {
            problems.push(Problem::Limit("a text".to_owned(), limits::TEXT_BYTES as u64));
        }
        if self.keys.len() > limits::OFFERED_KEYS {
            problems.push(Problem::Limit("the number of offered keys".to_owned(), limits::OFFERED_KEYS as u64));
        }
        let wrong = self.keys.iter().filter(|key| key.parse::<landfall_keys::PublicKey>().is_err());
        problems.extend(wrong.map(|key| Problem::Key(key.chars().take(80).collect())));
        if self.trust.len() > MAX_CHAIN_LINKS {
            problems.push(Problem::Limit("the number of trust roots".to_owned(), MAX_CHAIN_LINKS as u64));
        }
        // Version 1 follows none, and so can only be the first. A host takes it from a person, or from keys that signed this.
        let is_link =
            |number, link: &RootLink| link.unverified_root().is_ok_and(|root| root.version() > 1 || number == 1);
        let strangers = (1..).zip(&self.trust).filter(|(number, link)| !is_link(*number, link));
        problems.extend(strangers.map(|(number, _)| Problem::Link(number)));
    }
}

fn tenant_texts(image: &Image) -> impl Iterator<Item = &String> {
    image.tenant.iter().flat_map(|tenant| [Some(&tenant.language), tenant.framework.as_ref()]).flatten()
}
