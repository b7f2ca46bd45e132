//! An image as a docker-archive, made on the fly from the store.
//!
//! The form is that of `docker save` before OCI layouts ("Docker Image Specification v1.2, combined image JSON and filesystem
//! changeset format"): `<config>.json`, `<diffID>/layer.tar` for each layer, and `manifest.json` that names them. All engines
//! load it. A layer that is left out is still named.

use crate::decode::{Decoder, Expected};
use crate::store::Store;
use landfall_console::Progress;
use landfall_manifests::{Digest, Image, Layer};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, Read, Write};

/// What went wrong, and with which layer.
#[derive(Debug, thiserror::Error)]
#[error("layer {diff_id} (blob {blob})")]
pub(crate) struct ArchiveError {
    blob: Digest,
    diff_id: Digest,
    pub(crate) source: io::Error,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ManifestItem<'a> {
    config: String,
    repo_tags: [&'a str; 1],
    layers: Vec<String>,
}

/// Writes `image` with the given `layers` only, each held against its diffID on the way.
pub(crate) fn write_archive(
    image: &Image,
    config: &[u8],
    tag: &str,
    layers: &BTreeSet<Digest>,
    store: &Store,
    progress: &Progress,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut archive = tar::Builder::new(out);
    let config_name = format!("{}.json", image.config.hex());
    append(&mut archive, &config_name, config.len() as u64, config)?;
    let mut written = BTreeSet::new();
    for layer in image.layers.iter().filter(|layer| layers.contains(&layer.diff_id)) {
        if written.insert(layer.diff_id) {
            append_layer(&mut archive, layer, store, progress)?;
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

fn append_layer(
    archive: &mut tar::Builder<&mut dyn Write>,
    layer: &Layer,
    store: &Store,
    progress: &Progress,
) -> io::Result<()> {
    let blame = |source: io::Error| {
        io::Error::new(source.kind(), ArchiveError { blob: layer.blob, diff_id: layer.diff_id, source })
    };
    let expected = Expected { encoding: layer.encoding, digest: layer.diff_id, size: layer.size };
    let stored = store.open(&layer.blob).map_err(io::Error::other)?;
    let decoder = Decoder::new(stored, expected).map_err(blame)?;
    let reader = progress.reader(io::BufReader::with_capacity(256 << 10, decoder));
    append(archive, &layer_name(&layer.diff_id), layer.size, Blaming { reader, blame })
}

fn append(archive: &mut tar::Builder<&mut dyn Write>, name: &str, size: u64, content: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, name, content)
}

/// A reader whose errors are told apart from those of the stream that it is copied to.
struct Blaming<R, F> {
    reader: R,
    blame: F,
}

impl<R: Read, F: Fn(io::Error) -> io::Error> Read for Blaming<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(&self.blame)
    }
}
