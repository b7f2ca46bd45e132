//! Archives that are compressed as a whole, that come on standard input, and that several images are taken from.

mod needs_tools;

use crate::docker_archive::{Form, config, gzip, hex, layer, save};
use crate::workspace::Workspace;
use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write as _;
use std::process::Stdio;

const BUILD: [&str; 6] = ["build", "acme.toml", "--key", "k.key", "--out", "acme.tar"];

fn image(name: &str, source: &str) -> String {
    format!("[[image]]\nname = \"{name}\"\nsource = \"{source}\"\n")
}

/// The images of the bundle that `body` makes, with a file as standard input.
fn built(workspace: &Workspace, body: &str, input: Option<&str>) -> Vec<Value> {
    workspace.define(body);
    let before = workspace.names();
    let mut build = workspace.bundler();
    build.args(BUILD).stdin(input.map_or_else(Stdio::null, |name| File::open(workspace.path(name)).unwrap().into()));
    let run = build.output().unwrap();
    assert!(run.status.success(), "{body}: {}", String::from_utf8_lossy(&run.stderr));
    workspace.ok(&["verify", "acme.tar", "--trust", "k.pub"]);
    let images = workspace.release("acme.tar")["images"].as_array().unwrap().clone();
    fs::remove_file(workspace.path("acme.tar")).unwrap();
    assert_eq!(workspace.names(), before, "something was left behind");
    images
}

/// Compressed with xz, so that a window of `window` bytes is needed to unpack it.
fn xz(content: &[u8], window: u32) -> Vec<u8> {
    let mut options = LzmaOptions::new_preset(0).unwrap();
    options.dict_size(window);
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let stream = Stream::new_stream_encoder(&filters, Check::Crc64).unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// An archive of `docker save` with two images on one base, and the same images in an OCI layout's archive, each also compressed in
/// the three ways.
fn archives(workspace: &Workspace) {
    let base = layer("base", 700_000);
    let images = [("a:1", vec![base.clone(), layer("a", 10)]), ("b:1", vec![base, layer("b", 10)])];
    save(workspace, "saved.tar", Form::Blobs, &images);
    // A bundle is a layout.
    let body = image("a", "docker-archive:saved.tar:a:1") + &image("b", "docker-archive:saved.tar:b:1");
    workspace.define(&body);
    workspace.build("layout.tar");
    for name in ["saved.tar", "layout.tar"] {
        let content = fs::read(workspace.path(name)).unwrap();
        workspace.write(&format!("{name}.gz"), gzip(&content));
        workspace.write(&format!("{name}.zst"), zstd::encode_all(&*content, 1).unwrap());
        workspace.write(&format!("{name}.xz"), xz(&content, 1 << 20));
    }
}

#[test]
fn an_archive_of_any_form_may_be_compressed_as_a_whole_or_come_on_standard_input() {
    let workspace = Workspace::new();
    archives(&workspace);
    for (form, file, names) in
        [("docker-archive", "saved.tar", ["a:1", "b:1"]), ("oci-archive", "layout.tar", ["a", "b"])]
    {
        let both = |path: &str| {
            let source = |name: &str| format!("{form}:{path}:{name}");
            image("one", &source(names[0])) + &image("other", &source(names[1]))
        };
        let without_source = |images: Vec<Value>| -> Vec<Value> {
            let strip = |mut image: Value| {
                image.as_object_mut().unwrap().remove("source");
                image
            };
            images.into_iter().map(strip).collect()
        };
        let plain = without_source(built(&workspace, &both(file), None));
        assert_ne!(plain[0]["layers"], plain[1]["layers"]);
        for compressed in ["", ".gz", ".zst", ".xz"].map(|end| format!("{file}{end}")) {
            let by_name = built(&workspace, &both(&compressed), None);
            assert_eq!(without_source(by_name), plain, "{compressed}");
            let by_input = built(&workspace, &both("-"), Some(&compressed));
            assert_eq!(without_source(by_input), plain, "{compressed} on standard input");
        }
    }
}

#[test]
fn an_image_of_several_is_asked_for_by_its_digest_or_its_id() {
    let workspace = Workspace::new();
    archives(&workspace);
    let listed = workspace.release("layout.tar")["images"].clone();
    for at in 0..2 {
        let manifest = listed[at]["manifest"].as_str().unwrap();
        let config = listed[at]["config"].as_str().unwrap();
        let id = &config.trim_start_matches("sha256:")[..12];
        for source in [
            format!("oci-archive:layout.tar:{manifest}"),
            format!("oci-archive:layout.tar.xz:{manifest}"),
            format!("docker-archive:saved.tar:{config}"),
            format!("docker-archive:saved.tar.zst:{id}"),
        ] {
            assert_eq!(built(&workspace, &image("app", &source), None)[0]["config"], config, "{source}");
        }
    }
}

#[test]
fn refuses_what_cannot_be_unpacked_in_bounded_memory_and_what_is_no_archive() {
    let workspace = Workspace::new();
    archives(&workspace);
    let saved = fs::read(workspace.path("saved.tar")).unwrap();
    workspace.write("wide.tar.xz", xz(&saved, 64 << 20));
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&saved).unwrap();
    workspace.write("wide.tar.zst", encoder.finish().unwrap());
    workspace.write("text", "This is no archive.\n".repeat(100));
    let cut = fs::read(workspace.path("layout.tar.xz")).unwrap();
    workspace.write("cut.tar.xz", &cut[..cut.len() / 2]);
    for (source, input, exit, code) in [
        ("docker-archive:wide.tar.xz:a:1", "text", 2, "archive_window"),
        ("oci-archive:wide.tar.zst:a", "text", 2, "archive_window"),
        ("oci-archive:-:a", "wide.tar.xz", 2, "archive_window"),
        ("docker-archive:-:a:1", "text", 3, "damaged_image"),
        ("oci-archive:-", "cut.tar.xz", 3, "damaged_image"),
        ("docker-archive:-", "saved.tar.gz", 2, "no_such_image"),
    ] {
        workspace.define(&image("app", source));
        let before = workspace.names();
        let input = File::open(workspace.path(input)).unwrap();
        let run = workspace.bundler().args(BUILD).arg("--json").stdin(input).output().unwrap();
        let report: Value = serde_json::from_slice(&run.stdout).unwrap();
        let error = &report["error"];
        assert!(run.status.code() == Some(exit) && error["code"] == code, "{source}: {report}");
        assert_eq!(workspace.names(), before, "something was left behind: {report}");
    }
}

/// Writes a folder as skopeo does: `manifest.json`, and blobs by the digits of their digests.
fn directory(workspace: &Workspace, folder: &str, layers: &[Vec<u8>]) -> Value {
    let blob = |content: &[u8]| {
        workspace.write(&format!("{folder}/{}", hex(content)), content);
        json!({ "mediaType": "", "digest": format!("sha256:{}", hex(content)), "size": content.len() })
    };
    let listed: Vec<Value> = layers.iter().map(|layer| blob(&gzip(layer))).collect();
    let manifest = json!({ "schemaVersion": 2, "config": blob(&config("amd64", layers)), "layers": listed });
    workspace.write(&format!("{folder}/manifest.json"), manifest.to_string());
    workspace.write(&format!("{folder}/version"), "Directory Transport Version: 1.1\n");
    manifest
}

#[test]
fn a_folder_of_skopeos_is_read_and_what_is_missing_in_it_is_told() {
    let workspace = Workspace::new();
    let layers = vec![layer("base", 700_000), layer("app", 10)];
    let manifest = directory(&workspace, "copied", &layers);
    let images = built(&workspace, &image("app", "dir:copied"), None);
    assert_eq!(images[0]["manifest"], format!("sha256:{}", hex(manifest.to_string().as_bytes())));
    let stored = format!("sha256:{}", hex(&gzip(&layers[0])));
    assert_eq!(images[0]["layers"][0]["blob"], stored);

    fs::remove_file(workspace.path("copied").join(hex(&gzip(&layers[0])))).unwrap();
    for (source, exit, code) in
        [("dir:copied", 3, "damaged_image"), ("dir:none", 2, "missing_file"), ("dir:.", 3, "damaged_image")]
    {
        workspace.define(&image("app", source));
        assert_eq!(workspace.refused(exit, &BUILD)["code"], code, "{source}");
    }
}
