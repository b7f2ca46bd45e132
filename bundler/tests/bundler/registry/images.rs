//! A registry in memory: what the OCI distribution specification says of pulling, and no more.

use super::server::{Request, Response};
use crate::docker_archive::{config, gzip, hex};
use crate::workspace::noise;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Documents and blobs by their paths, each with its media type.
#[derive(Clone, Default)]
pub(crate) struct Images(BTreeMap<String, (String, Vec<u8>)>);

/// A layer that does not compress: a tar archive with one file.
pub(crate) fn layer(name: &str, size: usize) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(size as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, &*noise(size)).expect("append to a layer");
    builder.into_inner().expect("end a layer")
}

pub(crate) fn digest(content: &[u8]) -> String {
    format!("sha256:{}", hex(content))
}

pub(crate) fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(content), "size": content.len()})
}

impl Images {
    pub(crate) fn blob(&mut self, repository: &str, content: &[u8]) {
        let path = format!("/v2/{repository}/blobs/{}", digest(content));
        self.0.insert(path, ("application/octet-stream".to_owned(), content.to_vec()));
    }

    /// Has a blob no more.
    pub(crate) fn forget(&mut self, repository: &str, content: &[u8]) {
        self.0.remove(&format!("/v2/{repository}/blobs/{}", digest(content)));
    }

    /// Puts a manifest or index under a tag and its digest, which it returns.
    pub(crate) fn tag(&mut self, name: &str, media_type: &str, document: &[u8]) -> String {
        let (repository, tag) = name.split_once(':').expect("a tag");
        for version in [tag, &digest(document)] {
            let path = format!("/v2/{repository}/manifests/{version}");
            self.0.insert(path, (media_type.to_owned(), document.to_vec()));
        }
        digest(document)
    }

    /// Puts an image with `layers`, which are compressed with gzip, and returns its manifest.
    pub(crate) fn image(&mut self, name: &str, layers: &[Vec<u8>]) -> Vec<u8> {
        let stored: Vec<(&str, Vec<u8>)> = layers.iter().map(|layer| (GZIP, gzip(layer))).collect();
        self.image_of(name, "amd64", layers, &stored)
    }

    /// Puts an image with `layers` that are `stored` in some way, each under a media type.
    pub(crate) fn image_of(
        &mut self,
        name: &str,
        arch: &str,
        layers: &[Vec<u8>],
        stored: &[(&str, Vec<u8>)],
    ) -> Vec<u8> {
        let repository = name.split(':').next().unwrap_or_default();
        let config = config(arch, layers);
        let described: Vec<Value> = stored.iter().map(|(kind, layer)| descriptor(kind, layer)).collect();
        stored.iter().map(|(_, layer)| layer).chain([&config]).for_each(|blob| self.blob(repository, blob));
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, &config), "layers": described,
        });
        let manifest = manifest.to_string().into_bytes();
        self.tag(name, MANIFEST, &manifest);
        manifest
    }

    pub(crate) fn answer(&self, request: &Request) -> Response {
        if request.path == "/v2/" {
            return Response::new(200, "{}");
        }
        let Some((media_type, content)) = self.0.get(&request.path) else {
            let body = r#"{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}"#;
            return Response::new(404, body);
        };
        let response = match request.offset() {
            Some(offset) => {
                let range = format!("bytes {offset}-{}/{}", content.len() - 1, content.len());
                Response::new(206, &content[offset..]).with("Content-Range", range)
            }
            None => Response::new(200, content.clone()),
        };
        response.with("Content-Type", media_type.clone())
    }
}
