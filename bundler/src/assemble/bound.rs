//! How much room to leave before the first blob: what a release takes at most that nothing has been packed of yet.

use super::release::{Packed, PackedReleaseError, planned, platform, tenant_of, whole};
use crate::plan::Plan;
use crate::sources::{FoundFile, ImageOutline};
use landfall_keys::RootLink;
use landfall_manifests::{
    Blob, Digest, Encoding, File as ReleaseFile, Image, Layer, Mode, Package, Release, Tenant, Writable, WritablePath,
    archive, limits, oci,
};
use std::collections::BTreeMap;

/// A release that takes as much room before its blobs as the one of these files and images at most will: of as many blobs, each of the largest
/// size.
pub(crate) fn bound(
    plan: &Plan,
    trust: Vec<RootLink>,
    files: &[FoundFile<'_>],
    images: Vec<ImageOutline>,
    packages: Vec<Package>,
) -> Result<Release, PackedReleaseError> {
    let mut blobs = Blobs::default();
    // What is made of all that was packed comes last, and nothing of it is known yet but its paths.
    let paths = files.iter().map(|file| file.path.clone()).chain(plan.evidence_paths());
    let files = paths.map(|path| ReleaseFile {
        path,
        mode: Mode::of(0o644),
        digest: Digest::of(&[]),
        size: limits::BLOB_BYTES,
        blob: blobs.another(),
        encoding: Encoding::Zstd,
    });
    let files = files.collect();
    let images = images.into_iter().map(|image| largest(plan, image, &mut blobs));
    let images = images.collect::<Result<Vec<Image>, _>>()?;
    let packages = packages.into_iter().map(|package| Package { blob: blobs.another(), ..package }).collect();
    Ok(whole(plan, trust, blobs.0, Packed { files, images, packages }))
}

/// What a bundle of these images has at least behind its manifest, in bytes: the layers that it takes as they are, each once.
pub(crate) fn kept_bytes(images: &[ImageOutline]) -> u64 {
    let kept: BTreeMap<Digest, u64> =
        images.iter().flat_map(|image| &image.kept).map(|blob| (blob.digest, blob.size)).collect();
    kept.values().fold(archive::END_BYTES, |sum, size| sum.saturating_add(archive::entry_bytes(*size)))
}

/// Blobs of which no two are the same.
#[derive(Default)]
struct Blobs(Vec<Blob>);

impl Blobs {
    fn another(&mut self) -> Digest {
        let digest = Digest::of(&self.0.len().to_le_bytes());
        self.0.push(Blob { digest, size: limits::BLOB_BYTES });
        digest
    }
}

fn largest(plan: &Plan, image: ImageOutline, blobs: &mut Blobs) -> Result<Image, PackedReleaseError> {
    let planned = planned(plan, &image.name);
    let tenant = planned.and_then(|planned| planned.tenant.as_ref());
    let tenant = match (tenant, image.config) {
        (Some(tenant), Some(config)) => Some(tenant_of(&image.name, tenant, &config)?),
        (Some(tenant), None) => Some(with_most_volumes(tenant)),
        (None, _) => None,
    };
    let layers = (0..image.layers).map(|_| Layer {
        blob: blobs.another(),
        encoding: Encoding::Zstd,
        diff_id: Digest::of(&[]),
        size: limits::BLOB_BYTES,
    });
    Ok(Image {
        platform: platform(plan),
        layers: layers.collect(),
        // For one in this form, the image layout has another manifest besides, which takes more room than any digits that the index saves.
        media_type: oci::DOCKER_MANIFEST.to_owned(),
        manifest: blobs.another(),
        config: blobs.another(),
        source: planned.map(|planned| planned.source_text.clone()).unwrap_or_default(),
        tenant,
        name: image.name,
    })
}

/// A tenant image whose volumes are not known yet: they may be as many as it can have, and their paths as long as JSON can make them.
fn with_most_volumes(tenant: &Tenant) -> Tenant {
    let mut tenant = tenant.clone();
    let longest = format!("/{}", "\"".repeat(limits::PATH_BYTES - 1)).parse::<WritablePath>();
    let volumes = longest.into_iter().cycle().map(|path| Writable::Volume { path });
    let missing = limits::WRITABLE_PATHS.saturating_sub(tenant.writable.len());
    tenant.writable.extend(volumes.take(missing));
    tenant
}
