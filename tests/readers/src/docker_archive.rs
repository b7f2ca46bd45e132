//! What `docker save` writes, as the bundler takes images from it.

use crate::image::{compressed, config, layer, put};
use crate::{ReadOutcome, Target, none, tar_file, transport};
use landfall_bundler::readers::Transport;
use landfall_manifests::{Digest, Encoding};
use serde_json::json;

/// What the bundler takes in, the installer can unpack.
pub(crate) const TARGET: Target =
    Target { name: "docker_archive", read, seeds, findings: none, mutate: Some(tar_file::mutated) };

fn read(input: &[u8]) -> ReadOutcome {
    transport::archive(Transport::DockerArchive, input)
}

fn seeds() -> Vec<Vec<u8>> {
    let [tar, gzip, zstd] = [None, Some(Encoding::Gzip), Some(Encoding::Zstd)].map(|encoding| {
        let stored = |layer: &[u8]| encoding.map_or_else(|| layer.to_vec(), |encoding| compressed(layer, encoding));
        [legacy(&stored), blobs(&stored)]
    });
    let packed = compressed(&tar[0], Encoding::Gzip);
    [tar, gzip, zstd].into_iter().flatten().chain([packed]).collect()
}

/// As Docker writes it up to version 24: `<id>/layer.tar`, and a symbolic link where a layer repeats.
fn legacy(stored: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let layer = layer("hello");
    let config = config(&[&layer, &layer]);
    let mut archive = tar::Builder::new(Vec::new());
    put(&mut archive, "one/layer.tar", &stored(&layer));
    link(&mut archive, "two/layer.tar", "../one/layer.tar");
    put(&mut archive, "config.json", &config);
    finish(archive, "config.json", &["one/layer.tar", "two/layer.tar"])
}

/// As Docker writes it from version 25 on: `blobs/sha256/<digest>`. A second image is not asked for.
fn blobs(stored: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let layers = ["hello", "world"].map(layer);
    let config = config(&layers.each_ref().map(Vec::as_slice));
    let mut archive = tar::Builder::new(Vec::new());
    let mut name = |content: &[u8]| {
        let name = format!("blobs/sha256/{}", Digest::of(content).hex());
        put(&mut archive, &name, content);
        name
    };
    let layers = layers.map(|layer| name(&stored(&layer)));
    let config = name(&config);
    finish(archive, &config, &layers.each_ref().map(String::as_str))
}

fn finish(mut archive: tar::Builder<Vec<u8>>, config: &str, layers: &[&str]) -> Vec<u8> {
    let images = json!([
        {"Config": config, "RepoTags": [transport::REFERENCE], "Layers": layers},
        {"Config": config, "RepoTags": null, "Layers": []},
    ]);
    put(&mut archive, "manifest.json", images.to_string().as_bytes());
    archive.into_inner().expect("memory takes what it is given")
}

fn link(archive: &mut tar::Builder<Vec<u8>>, name: &str, target: &str) {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    archive.append_link(&mut header, name, target).expect("memory takes what it is given");
}
