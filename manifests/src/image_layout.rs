//! The files that make a bundle's archive an image layout (OCI image specification 1.1, "Image Layout") and, at the same time,
//! what `docker save` writes: stock tools read the images in it. Each is a function of the manifest's images, so that a reader
//! computes it and compares.
//!
//! 1. `oci-layout`.
//! 2. `index.json`, which names each image's manifest: for skopeo, umoci and engines that keep OCI content.
//! 3. `manifest.json`, which names each image's configuration and layers (Docker image specification 1.2): for `docker load` and
//!    `podman load`.
//! 4. An OCI manifest for each image whose own is in Docker's form, which skopeo and umoci pass over in an index. It is in the
//!    index in place of the image's own, and is left out where it is a blob of the release already.

use crate::{Digest, Image, LayoutFile, Release, archive, oci};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The names that make a layout, in their order; further manifests have names of blobs.
const NAMES: [&str; 3] = [oci::LAYOUT_NAME, oci::INDEX_NAME, SAVED_NAME];
/// The list of images in what `docker save` writes.
const SAVED_NAME: &str = "manifest.json";
/// The annotation by which containerd names an image that it imports, with registry and tag.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// An image in `manifest.json` (Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset Format").
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage {
    config: String,
    repo_tags: [String; 1],
    layers: Vec<String>,
}

impl Release {
    /// The files of the image layout with their content, in the order of the archive, as they follow from the images.
    pub(crate) fn layout_content(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let sizes = self.blob_sizes();
        let manifests = self.oci_manifests(&sizes);
        // Made one after another: each may be as large as the release's manifest.
        let named = NAMES.into_iter().map(move |name| {
            let content = match name {
                oci::LAYOUT_NAME => oci::LAYOUT.to_vec(),
                oci::INDEX_NAME => self.index_json(&sizes),
                _ => self.saved_json(),
            };
            (name.to_owned(), content)
        });
        named.chain(manifests.into_iter().map(|content| (archive::blob_name(&Digest::of(&content)), content)))
    }

    /// What `layout` has to be.
    pub fn computed_layout(&self) -> Vec<LayoutFile> {
        let described = |(path, content): (String, Vec<u8>)| {
            let (digest, size) = (Digest::of(&content), content.len() as u64);
            LayoutFile { path, digest, size }
        };
        self.layout_content().map(described).collect()
    }

    /// The name that `docker load` gives an image of this release: `<product>/<image>:<version>`.
    fn loaded_name(&self, image: &Image) -> String {
        format!("{}/{}:{}", self.product, image.name, self.version)
    }

    fn index_json(&self, sizes: &BTreeMap<Digest, u64>) -> Vec<u8> {
        let images = self.images.iter().map(|image| {
            let made = || {
                let content = oci_manifest(image, sizes);
                (Digest::of(&content), content.len() as u64)
            };
            let (digest, size) = own_manifest(image).map_or_else(made, |digest| (digest, size_of(sizes, &digest)));
            let mut descriptor = oci::Descriptor::new(oci::MANIFEST, digest, size);
            let (architecture, os) = (self.arch.name().to_owned(), self.os.name().to_owned());
            descriptor.platform = Some(oci::Platform { architecture, os });
            descriptor.annotations.insert(oci::REF_NAME.to_owned(), image.name.to_string());
            let loaded = format!("docker.io/{}", self.loaded_name(image));
            descriptor.annotations.insert(CONTAINERD_NAME.to_owned(), loaded);
            descriptor
        });
        json(&oci::ImageIndex::new(images.collect()))
    }

    fn saved_json(&self) -> Vec<u8> {
        let images = self.images.iter().map(|image| SavedImage {
            config: archive::blob_name(&image.config),
            repo_tags: [self.loaded_name(image)],
            layers: image.layers.iter().map(|layer| archive::blob_name(&layer.blob)).collect(),
        });
        json(&images.collect::<Vec<_>>())
    }

    /// The manifests that are made for images of Docker's form, each once, without those that the release has as blobs.
    fn oci_manifests(&self, sizes: &BTreeMap<Digest, u64>) -> Vec<Vec<u8>> {
        let made = self.images.iter().filter(|image| own_manifest(image).is_none());
        let mut seen = BTreeSet::new();
        let is_new = |content: &Vec<u8>| {
            let digest = Digest::of(content);
            !sizes.contains_key(&digest) && seen.insert(digest)
        };
        made.map(|image| oci_manifest(image, sizes)).filter(is_new).collect()
    }
}

/// An image's own manifest, if it has OCI's form.
fn own_manifest(image: &Image) -> Option<Digest> {
    (image.media_type == oci::MANIFEST).then_some(image.manifest)
}

/// A manifest of the image's own configuration and layers in OCI's form, the same bytes as the bundler makes for an image that
/// comes without one.
fn oci_manifest(image: &Image, sizes: &BTreeMap<Digest, u64>) -> Vec<u8> {
    let layers = image.layers.iter().map(|layer| {
        oci::Descriptor::new(oci::layer_media_type(layer.encoding), layer.blob, size_of(sizes, &layer.blob))
    });
    let config = oci::Descriptor::new(oci::CONFIG, image.config, size_of(sizes, &image.config));
    json(&oci::ImageManifest::new(config, layers.collect()))
}

/// The stored size of a blob. A delta does not list those of its base, whose sizes nobody needs from it.
fn size_of(sizes: &BTreeMap<Digest, u64>, blob: &Digest) -> u64 {
    sizes.get(blob).copied().unwrap_or_default()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "no map with keys that are not text, and no writer that can fail")]
    serde_json::to_vec(value).expect("our own values are JSON")
}
