//! Images that cannot be packed, as they come: each is told from the others, by what it is and what to do about it.

use crate::docker_archive::{Form, config, gzip, hex, layer, put, save};
use crate::workspace::Workspace;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;

/// Writes an OCI layout of one document, which is said to be an image's manifest, with these blobs beside it.
pub(crate) fn layout(workspace: &Workspace, folder: &str, manifest: &Value, blobs: &[&[u8]]) {
    let manifest = manifest.to_string();
    for blob in blobs.iter().chain([&manifest.as_bytes()]) {
        workspace.write(&format!("{folder}/blobs/sha256/{}", hex(blob)), blob);
    }
    let index = json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": format!("sha256:{}", hex(manifest.as_bytes())), "size": manifest.len(),
    }]});
    workspace.write(&format!("{folder}/index.json"), index.to_string());
    workspace.write(&format!("{folder}/oci-layout"), "{\"imageLayoutVersion\": \"1.0.0\"}");
}

pub(crate) fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": format!("sha256:{}", hex(content)), "size": content.len()})
}

pub(crate) fn manifest(config: &Value, layers: &[Value]) -> Value {
    json!({"schemaVersion": 2, "config": config, "layers": layers})
}

/// Archives that are cut off, compressed, or none.
fn archives(workspace: &Workspace) {
    save(workspace, "saved.tar", Form::Legacy, &[("app:1", vec![layer("base", 700_000), layer("app", 1000)])]);
    let saved = fs::read(workspace.path("saved.tar")).unwrap();
    for (name, content) in [
        ("cut.tar.zst", zstd::encode_all(&*saved, 1).unwrap()[..500].to_vec()),
        ("changed.tar.xz", b"\xfd7zXZ\0".repeat(200)),
        ("saved.tar.bz2", b"BZh91AY&SY".repeat(100)),
        ("saved.tar.gz", gzip(&saved)),
        ("cut-in-a-layer.tar", saved[..300_000].to_vec()),
        // Before the header of the last entry, manifest.json.
        ("cut-between-entries.tar", saved[..saved.len() - 1024 - 512 - 1024].to_vec()),
        ("cut.tar.gz", gzip(&saved)[..1000].to_vec()),
        ("changed.tar.gz", {
            let mut stream = gzip(&saved);
            stream[20..40].fill(0xff);
            stream
        }),
        ("text.tar", b"This is no archive.\n".repeat(100)),
        ("short.tar", b"no archive".to_vec()),
    ] {
        workspace.write(name, content);
    }
    let layer = layer("base", 10);
    for (name, layers, held) in
        [("no-layer.tar", "gone/layer.tar", None), ("odd-layer.tar", "odd", Some(("odd", "text")))]
    {
        let mut archive = tar::Builder::new(Vec::new());
        put(&mut archive, "config.json", &config("amd64", std::slice::from_ref(&layer)));
        if let Some((name, content)) = held {
            let content: &str = content;
            put(&mut archive, name, content.as_bytes());
        }
        let manifest = json!([{"Config": "config.json", "Layers": [layers]}]);
        put(&mut archive, "manifest.json", manifest.to_string().as_bytes());
        workspace.write(name, archive.into_inner().unwrap());
    }
}

/// Layouts that hold something else than an image, or not all of one.
fn layouts(workspace: &Workspace) {
    const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    let layer = layer("base", 10);
    let config = config("amd64", std::slice::from_ref(&layer));
    let image_config = descriptor("application/vnd.oci.image.config.v1+json", &config);
    let missing = manifest(&image_config, &[descriptor(LAYER, &layer)]);
    layout(workspace, "no-layer", &missing, &[&config]);
    layout(workspace, "no-config", &missing, &[&layer]);
    let schema1 = json!({"schemaVersion": 1, "name": "app", "tag": "1", "fsLayers": [], "history": []});
    layout(workspace, "schema1", &schema1, &[]);
    let helm = descriptor("application/vnd.cncf.helm.config.v1+json", b"{}");
    layout(workspace, "helm", &manifest(&helm, &[]), &[b"{}"]);
    let mut artifact = manifest(&descriptor("application/vnd.oci.empty.v1+json", b"{}"), &[]);
    artifact["artifactType"] = "application/spdx+json".into();
    layout(workspace, "artifact", &artifact, &[b"{}"]);
    layout(workspace, "module", &manifest(&descriptor("application/vnd.wasm.config.v0+json", b"{}"), &[]), &[b"{}"]);
    layout(workspace, "nothing", &json!({"schemaVersion": 2}), &[]);
    workspace.tool("tar", &["-C", "no-layer", "-czf", "layout.tar.gz", "."]);
    workspace.tool("tar", &["-C", "no-layer", "-cf", "no-layer-oci.tar", "."]);
}

const SOURCES: [&str; 25] = [
    "docker-archive:cut.tar.zst",
    "docker-archive:changed.tar.xz",
    "docker-archive:saved.tar.bz2",
    "docker-archive:cut-in-a-layer.tar",
    "docker-archive:cut-between-entries.tar",
    "docker-archive:cut.tar.gz",
    "docker-archive:changed.tar.gz",
    "docker-archive:text.tar",
    "docker-archive:short.tar",
    "docker-archive:no-layer.tar",
    "docker-archive:odd-layer.tar",
    "docker-archive:no-layer-oci.tar",
    "oci-archive:saved.tar",
    "oci-archive:cut.tar.zst",
    "oci-archive:layout.tar.gz",
    "oci-archive:no-layer-oci.tar",
    "oci-archive:cut-in-a-layer.tar",
    "oci:no-layer",
    "oci:no-config",
    "oci:schema1",
    "oci:helm",
    "oci:artifact",
    "oci:module",
    "oci:nothing",
    "rootfs:saved.tar",
];

#[test]
fn each_image_that_cannot_be_packed_is_told_by_what_it_is_and_what_to_do() {
    let workspace = Workspace::new();
    archives(&workspace);
    layouts(&workspace);
    let mut table = String::new();
    for source in SOURCES {
        workspace.define(&format!("[[image]]\nname = \"app\"\nsource = \"{source}\"\n"));
        let run = workspace.run(&["build", "acme.toml", "--key", "k.key", "--out", "acme.tar", "--json"]);
        let report: Value = serde_json::from_slice(&run.stdout).unwrap();
        let error = &report["error"];
        let text = |field: &str| error[field].as_str().unwrap_or("-").to_owned();
        let (message, code) = (text("message"), text("code"));
        let message = message.strip_prefix("acme.toml:9: image app: ").expect("the definition's line");
        writeln!(table, "{source}\n    {} {code}: {message}\n    {}", error["exit"], text("hint")).unwrap();
        let parts: Vec<&str> = message.split(": ").collect();
        assert!(parts.windows(2).all(|pair| pair[0] != pair[1]), "it repeats itself: {message}");
        for library in ["tar archive entry", "deflate", "cksum", "utf-8 text", "EOF", "miniz", "serde"] {
            assert!(!message.contains(library), "a library's words: {message}");
        }
        assert!(workspace.names().iter().all(|name| !name.contains("partial") && name != "acme.tar"), "{source}");
    }
    insta::assert_snapshot!(table);
}
