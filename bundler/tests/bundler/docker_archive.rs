//! Archives as `docker save` writes them, in the form of Docker 20.10 and in that of 25.

use crate::workspace::Workspace;
use std::io::Write as _;
use tar::{Builder, EntryType, Header};

/// How a layer lies in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `<id>/layer.tar`, and symbolic links where a layer repeats.
    Legacy,
    /// `blobs/sha256/<digest>`, with a `manifest.json` beside the OCI index.
    Blobs,
    /// `<id>/layer.tar`, compressed with gzip.
    Gzip,
}

/// A layer: a tar archive with one file.
pub(crate) fn layer(name: &str, size: usize) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let content: Vec<u8> = (0_u8..251).cycle().take(size).collect();
    let mut header = Header::new_ustar();
    header.set_size(size as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, content.as_slice()).expect("append to a layer");
    builder.into_inner().expect("end a layer")
}

/// The hex digits of the bytes' digest.
pub(crate) fn hex(bytes: &[u8]) -> String {
    landfall_manifests::Digest::of(bytes).hex()
}

/// An image's configuration for `arch`.
pub(crate) fn config(arch: &str, layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<String> = layers.iter().map(|layer| format!("sha256:{}", hex(layer))).collect();
    let config = serde_json::json!({
        "architecture": arch, "os": "linux", "config": {"Cmd": ["/bin/true"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    serde_json::to_vec(&config).expect("JSON")
}

/// Writes an archive with `images`, each a tag and its layers; `manifest.json` comes last.
pub(crate) fn save(workspace: &Workspace, file: &str, form: Form, images: &[(&str, Vec<Vec<u8>>)]) {
    let mut archive = Builder::new(Vec::new());
    let mut manifest = Vec::new();
    let mut first_names = std::collections::BTreeMap::new();
    for (tag, layers) in images {
        let mut names = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            let name = match form {
                Form::Blobs => format!("blobs/sha256/{}", hex(layer)),
                _ => format!("{}/layer.tar", hex(format!("{tag}{index}").as_bytes())),
            };
            match first_names.get(&hex(layer)) {
                Some(first) if form == Form::Legacy => link(&mut archive, &name, &format!("../{first}")),
                Some(_) if form == Form::Blobs => {}
                _ if form == Form::Gzip => put(&mut archive, &name, &gzip(layer)),
                _ => put(&mut archive, &name, layer),
            }
            first_names.entry(hex(layer)).or_insert_with(|| name.clone());
            names.push(name);
        }
        let config = config("amd64", layers);
        let name = if form == Form::Blobs { format!("blobs/sha256/{}", hex(&config)) } else { hex(&config) + ".json" };
        put(&mut archive, &name, &config);
        manifest.push(serde_json::json!({"Config": name, "RepoTags": [tag], "Layers": names}));
    }
    put(&mut archive, "manifest.json", &serde_json::to_vec(&manifest).expect("JSON"));
    workspace.write(file, archive.into_inner().expect("end the archive"));
}

pub(crate) fn put(archive: &mut Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, name, content).expect("append to the archive");
}

fn link(archive: &mut Builder<Vec<u8>>, name: &str, target: &str) {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Symlink);
    header.set_size(0);
    archive.append_link(&mut header, name, target).expect("append to the archive");
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("compress");
    encoder.finish().expect("compress")
}
