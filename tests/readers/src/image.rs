//! A small image, as any tool makes one.

use flate2::Compression;
use flate2::write::GzEncoder;
use landfall_manifests::oci::{self, Descriptor, ImageManifest};
use landfall_manifests::{Digest, Encoding};
use serde_json::json;
use std::io::Write as _;

/// A layer: a tar archive with one file.
pub(crate) fn layer(name: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    put(&mut archive, name, name.as_bytes());
    archive.into_inner().expect("memory takes what it is given")
}

/// Adds a file to an archive.
pub(crate) fn put(archive: &mut tar::Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, name, content).expect("memory takes what it is given");
}

/// The content as it is stored.
pub(crate) fn compressed(content: &[u8], encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Zstd => zstd::encode_all(content, 3).expect("memory takes what it is given"),
        Encoding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(content).expect("memory takes what it is given");
            encoder.finish().expect("memory takes what it is given")
        }
    }
}

/// The configuration of an image with these layers, for linux/amd64.
pub(crate) fn config(layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/hello"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    config.to_string().into_bytes()
}

/// The manifest of an image whose layers are stored in these blobs.
pub(crate) fn manifest(config: &[u8], blobs: &[(&[u8], Encoding)]) -> Vec<u8> {
    let described = blobs
        .iter()
        .map(|(blob, encoding)| Descriptor::new(oci::layer_media_type(*encoding), Digest::of(blob), blob.len() as u64));
    let config = Descriptor::new(oci::CONFIG, Digest::of(config), config.len() as u64);
    serde_json::to_vec(&ImageManifest::new(config, described.collect())).expect("a manifest is JSON")
}
