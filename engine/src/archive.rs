//! An image as a docker-archive, written while it is read by the engine.
//!
//! The form is that of `docker save` before OCI layouts ("Docker Image Specification v1.2, combined image JSON and filesystem
//! changeset format"): `<config>.json`, `<diffID>/layer.tar` for each layer, and `manifest.json` that names them. All engines
//! load it. A layer that is left out is still named.

use landfall_manifests::{Digest, Image, Layer};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, Read, Write};

/// A layer could not be read. It is inside the [`io::Error`] of [`write_archive`].
#[derive(Debug, thiserror::Error)]
#[error("layer {diff_id} (blob {blob})")]
pub struct ArchiveError {
    blob: Digest,
    diff_id: Digest,
    /// The reason.
    pub source: io::Error,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ManifestItem<'a> {
    config: String,
    repo_tags: [&'a str; 1],
    layers: Vec<String>,
}

/// Opens a layer for reading: its uncompressed content, which the reader compares with the size and digest of the manifest.
pub type OpenLayer<'f, 'r> = &'f dyn Fn(&Layer) -> io::Result<Box<dyn Read + 'r>>;

/// Writes `image` with those of its layers whose diffID is in `layers`; the engine holds the others.
///
/// # Errors
/// A layer cannot be opened or read (the error holds an [`ArchiveError`]), or `out` cannot be written to.
pub fn write_archive(
    image: &Image,
    config: &[u8],
    tag: &str,
    layers: &BTreeSet<Digest>,
    open_layer: OpenLayer<'_, '_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut archive = tar::Builder::new(out);
    let config_name = format!("{}.json", image.config.hex());
    append(&mut archive, &config_name, config.len() as u64, config)?;
    let mut written = BTreeSet::new();
    for layer in image.layers.iter().filter(|layer| layers.contains(&layer.diff_id)) {
        // Layers with the same content, such as empty ones, are one file in the archive.
        if written.insert(layer.diff_id) {
            let blame = |source| blamed(layer, source);
            let reader = open_layer(layer).map_err(blame)?;
            append(&mut archive, &layer_name(&layer.diff_id), layer.size, Blaming { reader, blame })?;
        }
    }
    let layers = image.layers.iter().map(|layer| layer_name(&layer.diff_id)).collect();
    let manifest = serde_json::to_vec(&[ManifestItem { config: config_name, repo_tags: [tag], layers }])?;
    append(&mut archive, "manifest.json", manifest.len() as u64, manifest.as_slice())?;
    archive.finish()
}

fn layer_name(diff_id: &Digest) -> String {
    format!("{}/layer.tar", diff_id.hex())
}

fn blamed(layer: &Layer, source: io::Error) -> io::Error {
    io::Error::new(source.kind(), ArchiveError { blob: layer.blob, diff_id: layer.diff_id, source })
}

fn append(archive: &mut tar::Builder<&mut dyn Write>, name: &str, size: u64, content: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, name, content)
}

/// A reader whose errors name the layer, which tells them from errors of the stream that it is copied to.
struct Blaming<R, F> {
    reader: R,
    blame: F,
}

impl<R: Read, F: Fn(io::Error) -> io::Error> Read for Blaming<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(&self.blame)
    }
}
