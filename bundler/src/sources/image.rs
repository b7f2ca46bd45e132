//! What makes layers and a configuration an image, whatever transport they came by.

use super::{PackContext, PackedImage, SourceError};
use crate::plan::RequestedImage;
use landfall_manifests::oci::{self, Descriptor, ImageConfig, ImageManifest, Platform};
use landfall_manifests::{Blob, Digest, ImageName, Layer, limits};
use serde::de::DeserializeOwned;

/// The images of one source.
pub(crate) type PackedImages = Vec<PackedImage>;

/// What is known of an image before it is packed.
pub(crate) struct ImageOutline {
    pub(crate) name: ImageName,
    /// The most layers that it may have.
    pub(crate) layers: usize,
    /// Its configuration, or one with the same volumes. Some sources show it only while they are read.
    pub(crate) config: Option<Vec<u8>>,
    /// Layers that the bundle will have as they are.
    pub(crate) kept: Vec<Blob>,
}

/// What is known of images whose source shows nothing before it is read.
pub(super) fn unknown(requested: &[RequestedImage]) -> Vec<ImageOutline> {
    let outline = |requested: &RequestedImage| ImageOutline {
        name: requested.image.clone(),
        layers: limits::LAYERS,
        config: None,
        kept: Vec::new(),
    };
    requested.iter().map(outline).collect()
}

/// Parses one of an image's JSON documents.
pub(super) fn parse_json<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, SourceError> {
    serde_json::from_slice(bytes).map_err(|source| SourceError::Json { what: what.to_owned(), source })
}

/// Parses a configuration and checks that its image runs where the release does.
pub(super) fn parse_config(bytes: &[u8], platform: &Platform) -> Result<ImageConfig, SourceError> {
    let config: ImageConfig = parse_json("the image's configuration", bytes)?;
    if config.architecture != platform.architecture || config.os != platform.os {
        let found = format!("{}/{}", config.os, config.architecture);
        return Err(SourceError::Platform { found, requested: format!("{}/{}", platform.os, platform.architecture) });
    }
    // Before any layer is read.
    if config.rootfs.diff_ids.len() > limits::LAYERS {
        return Err(SourceError::TooManyLayers(config.rootfs.diff_ids.len()));
    }
    Ok(config)
}

/// Checks layers against the diffIDs of the configuration.
pub(super) fn check_layers(config: &ImageConfig, layers: &[Layer]) -> Result<(), SourceError> {
    let diff_ids = &config.rootfs.diff_ids;
    if diff_ids.len() != layers.len() {
        return Err(SourceError::LayerCount { expected: diff_ids.len(), found: layers.len() });
    }
    for (index, (expected, layer)) in diff_ids.iter().zip(layers).enumerate() {
        check_digest(&format!("layer {}", index + 1), expected, &layer.diff_id)?;
    }
    Ok(())
}

pub(super) fn check_digest(what: &str, expected: &Digest, found: &Digest) -> Result<(), SourceError> {
    if expected == found {
        return Ok(());
    }
    Err(SourceError::Digest { what: what.to_owned(), expected: *expected, found: *found })
}

impl PackContext<'_> {
    /// An image whose manifest is made here, from a configuration that is kept as it is.
    pub(super) fn make_image(
        &mut self,
        requested: &RequestedImage,
        config: &[u8],
        layers: Vec<Layer>,
    ) -> Result<PackedImage, SourceError> {
        check_layers(&parse_config(config, &self.platform)?, &layers)?;
        let described = layers.iter().map(|layer| {
            let size = self.store.size(&layer.blob).unwrap_or_default();
            Descriptor::new(oci::layer_media_type(layer.encoding), layer.blob, size)
        });
        let described: Vec<Descriptor> = described.collect();
        let config_digest = self.store.add_bytes(config)?;
        let config = Descriptor::new(oci::CONFIG, config_digest, config.len() as u64);
        let manifest = json(&ImageManifest::new(config, described));
        Ok(PackedImage {
            name: requested.image.clone(),
            media_type: oci::MANIFEST.to_owned(),
            manifest: self.store.add_bytes(&manifest)?,
            config: config_digest,
            layers,
        })
    }
}

/// JSON of values that are made here.
pub(super) fn json(value: &impl serde::Serialize) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "no map with keys that are not text, and no writer that can fail")]
    serde_json::to_vec(value).expect("our own values are JSON")
}
