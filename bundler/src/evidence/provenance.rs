//! How a release was built (slsa.dev/spec/v1.0/provenance, in-toto Statement v1).
//!
//! Neither the machine nor the time of the build is told, nor a folder's name: two builds of the same inputs say the same.

use crate::plan::{DerivedImage, Plan, PlannedDownload, Source, SourceJob};
use crate::registry::{Reference, Registries};
use crate::sources::PackedImage;
use landfall_manifests::{BundlePath, Digest, File};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// What `externalParameters` mean.
const BUILD_TYPE: &str = "urn:landfall:build:v1";
const BUILDER: &str = "urn:landfall:bundler";

/// What a build was given.
pub(crate) struct Inputs<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) registries: &'a Registries,
}

/// A thing with its digest (in-toto, "ResourceDescriptor").
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    digest: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'static str>,
}

impl Resource {
    fn new(name: impl Into<String>, digest: &Digest) -> Self {
        let digest = BTreeMap::from([("sha256", digest.hex())]);
        Self { name: name.into(), uri: None, digest, media_type: None }
    }
}

/// The statement that `files` and `images` were built from these inputs.
pub(crate) fn provenance(inputs: &Inputs<'_>, files: &[File], images: &[PackedImage]) -> Vec<u8> {
    let Inputs { plan, registries } = inputs;
    let mut files: Vec<&File> = files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut images: Vec<&PackedImage> = images.iter().collect();
    images.sort_by(|a, b| a.name.cmp(&b.name));
    let subject = images.iter().map(|image| Resource::new(format!("image:{}", image.name), &image.manifest));
    let subject: Vec<Resource> =
        subject.chain(files.iter().map(|file| Resource::new(file.path.as_str(), &file.digest))).collect();
    let mut dependencies = vec![Resource::new("definition", &plan.definition)];
    dependencies.extend(pulled(plan, registries));
    dependencies.extend(images.iter().filter_map(|image| taken(plan, image)));
    let outside: BTreeSet<&BundlePath> = plan.outside_files().collect();
    let is_outside = |file: &&File| {
        outside.contains(&file.path) || plan.trees.iter().any(|tree| file.path.is_within(tree.path.as_str()))
    };
    dependencies.extend(files.iter().copied().filter(is_outside).map(|file| Resource {
        uri: plan.downloads.iter().find(|download| download.path == file.path).map(address),
        ..Resource::new(file.path.as_str(), &file.digest)
    }));
    let statement = json!({
        "_type": STATEMENT,
        "subject": subject,
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": parameters(plan),
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"landfall-bundler": env!("CARGO_PKG_VERSION")}},
            },
        },
    });
    format!("{statement:#}\n").into_bytes()
}

/// What the definition asks for.
fn parameters(plan: &Plan) -> Value {
    let release = &plan.release;
    let images = plan.images.iter().map(|image| {
        let derived = plan.derived.iter().find(|derived| derived.base.image == image.name);
        let added = derived.map(|derived: &DerivedImage| derived.additions.len());
        let mut told = json!({"name": image.name.to_string(), "source": image.source_text});
        if let Some(added) = added {
            told["added"] = added.into();
        }
        told
    });
    let mut told = json!({
        "product": release.product.to_string(),
        "version": release.version.to_string(),
        "serial": u64::from(release.serial),
        "platform": format!("linux/{}", release.arch.name()),
        "images": images.collect::<Vec<_>>(),
        "files": plan.trees.iter().map(|tree| &tree.path).chain(plan.downloads.iter().map(|file| &file.path))
            .map(ToString::to_string).collect::<BTreeSet<_>>(),
    });
    if let Some(created) = &release.created {
        told["created"] = created.as_str().into();
    }
    told
}

/// The images of registries, each by the digest that its reference stood for: what landfall.lock pins.
fn pulled(plan: &Plan, registries: &Registries) -> Vec<Resource> {
    let requested = plan.jobs.iter().filter(|job| job.source == Source::Registry).flat_map(|job| &job.images);
    let mut found: Vec<Resource> = requested
        .filter_map(|requested| {
            let reference: Reference = requested.reference.as_deref()?.parse().ok()?;
            let digest = reference.digest().copied().or_else(|| registries.resolved(&reference))?;
            let uri = Some(format!("docker://{}", reference.with_digest(digest)));
            Some(Resource { uri, ..Resource::new(format!("image:{}", requested.image), &digest) })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// An image that came otherwise, or that was built here: by its configuration, which has the digest of each layer's content.
fn taken(plan: &Plan, image: &PackedImage) -> Option<Resource> {
    let planned = plan.images.iter().find(|planned| planned.name == image.name)?;
    let is_requested = |job: &SourceJob| job.images.iter().any(|requested| requested.image == image.name);
    let is_pulled = plan.jobs.iter().any(|job| job.source == Source::Registry && is_requested(job));
    let is_derived = plan.derived.iter().any(|derived| derived.base.image == image.name);
    (!is_pulled || is_derived).then(|| Resource {
        uri: Some(planned.source_text.clone()),
        media_type: Some(landfall_manifests::oci::CONFIG),
        ..Resource::new(format!("image:{}/config", image.name), &image.config)
    })
}

/// Where a file came from, without what may be secret in an address.
fn address(download: &PlannedDownload) -> String {
    let mut url = download.url.clone();
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    // Only addresses without a host have no place for these.
    cleared.map(|()| url.to_string()).unwrap_or_default()
}
