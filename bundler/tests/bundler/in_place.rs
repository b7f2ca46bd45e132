//! Blobs are written where they stay: once, without gaps, behind a head whose size was not known then.

use crate::docker_archive::{Form, gzip, hex, layer, put, save};
use crate::workspace::{BUNDLER, Workspace};
use std::fs;
use tar::Builder;

fn image(name: &str, source: &str) -> String {
    format!("[[image]]\nname = \"{name}\"\nsource = \"{source}\"\n")
}

/// Bytes that do not compress.
pub(crate) fn noise(seed: u8) -> Vec<u8> {
    (0..20_000_u32)
        .flat_map(|number| {
            landfall_manifests::Digest::of(&[&number.to_le_bytes()[..], &[seed]].concat()).to_string().into_bytes()
        })
        .collect()
}

/// Runs a build with these arguments; how many bytes it has written.
fn written(workspace: &Workspace, args: &[&str]) -> u64 {
    let build = ["build", "acme.toml", "--key", "k.key", "--no-cache", "--stats", "--json"];
    let report: serde_json::Value = serde_json::from_str(&workspace.ok(&[&build, args].concat())).unwrap();
    report["stats"]["writtenBytes"].as_u64().unwrap()
}

#[test]
fn each_byte_of_a_bundle_is_written_once() {
    let workspace = Workspace::new();
    let layers: Vec<Vec<u8>> = (0..3).map(|seed| layer_of(&noise(seed))).collect();
    save(&workspace, "plain.tar", Form::Legacy, &[("plain:1", layers.clone())]);
    save(&workspace, "gzip.tar", Form::Gzip, &[("gzip:1", layers)]);
    workspace.rootfs("root");
    workspace.define(&image("root", "rootfs:root"));
    workspace.build("layout.tar");
    let bodies = [
        ("plain", "docker-archive:plain.tar"),
        ("gzip", "docker-archive:gzip.tar"),
        ("layout", "oci-archive:layout.tar:root"),
    ];
    for (name, source) in bodies {
        workspace.define(&image("app", source));
        let size = workspace.build("acme.tar").len() as u64;
        fs::remove_file(workspace.path("acme.tar")).unwrap();
        for args in [&["--out", "acme.tar"][..], &["--out", "cut.tar", "--split", "1MB"]] {
            let written = written(&workspace, args);
            assert!((size..size + size / 20).contains(&written), "{name}, {args:?}: {written} bytes written of {size}");
        }
        workspace.ok(&["verify", "acme.tar", "--trust", "k.pub"]);
        workspace.ok(&["verify", "cut.tar.part001", "--trust", "k.pub"]);
    }
}

pub(crate) fn layer_of(content: &[u8]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    put(&mut builder, "file", content);
    builder.into_inner().unwrap()
}

#[test]
fn layers_that_no_image_needs_leave_no_gaps() {
    let workspace = Workspace::new();
    let of = |seed| layer_of(&noise(seed));
    let images = [("other:1", vec![of(0), of(1)]), ("app:1", vec![of(1), of(2)]), ("last:1", vec![of(3)])];
    save(&workspace, "saved.tar", Form::Legacy, &images);
    // What is compressed as a whole shows which of its layers are needed when they have passed by.
    workspace.write("saved.tar.gz", gzip(&fs::read(workspace.path("saved.tar")).unwrap()));
    let mut releases = Vec::new();
    for file in ["saved.tar", "saved.tar.gz"] {
        workspace.define_without_evidence(&image("app", &format!("docker-archive:{file}:app:1")));
        workspace.build("acme.tar");
        workspace.ok(&["verify", "acme.tar", "--trust", "k.pub"]);
        workspace.ok(&["build", "acme.toml", "--key", "k.key", "--out", "cut.tar", "--split", "300kB"]);
        workspace.ok(&["verify", "cut.tar.part001", "--trust", "k.pub"]);
        let mut release = workspace.release("acme.tar");
        assert_eq!(release, workspace.release("cut.tar.part001"));
        release["images"][0]["source"].take();
        releases.push(release);
    }
    assert_eq!(releases[0], releases[1]);
}

#[test]
fn a_stream_may_bring_as_much_as_an_image_can_have() {
    let workspace = Workspace::new();
    let mut archive = Builder::new(Vec::new());
    let layers: Vec<Vec<u8>> = (0..127).map(|number| layer(&format!("file{number}"), 10)).collect();
    let names: Vec<String> = layers.iter().map(|layer| format!("{}/layer.tar", hex(layer))).collect();
    for (layer, name) in layers.iter().zip(&names) {
        put(&mut archive, name, layer);
    }
    // Paths that take twice their length as JSON, and as long as they may be.
    let volumes = (0..32).map(|number| (format!("/{number:02}{}", "\"".repeat(1021)), serde_json::json!({})));
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux",
        "config": {"Cmd": ["/bin/true"], "Volumes": volumes.collect::<serde_json::Map<_, _>>()},
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| format!("sha256:{}", hex(layer))).collect::<Vec<_>>()},
    });
    put(&mut archive, "config.json", config.to_string().as_bytes());
    let manifest = serde_json::json!([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": names}]);
    put(&mut archive, "manifest.json", manifest.to_string().as_bytes());
    workspace.write("saved.tar.gz", gzip(&archive.into_inner().unwrap()));
    let tenant = "[image.tenant]\nlanguage = \"c\"\nport = 80\nhealth = \"tcp\"\n";
    workspace.define(&(image("app", "docker-archive:saved.tar.gz") + tenant));
    workspace.build("acme.tar");
    workspace.ok(&["verify", "acme.tar", "--trust", "k.pub"]);
    let release = workspace.release("acme.tar");
    assert_eq!(release["images"][0]["tenant"]["writable"].as_array().unwrap().len(), 32);
}

/// What needs strace besides; `make check` leaves it out.
mod needs_tools {
    use super::*;

    #[test]
    fn the_disk_begins_with_a_bundle_before_its_last_byte_is_there() {
        let workspace = Workspace::new();
        let contents: Vec<u8> = (0..20).flat_map(noise).collect();
        save(&workspace, "saved.tar", Form::Gzip, &[("app:1", vec![layer_of(&contents)])]);
        workspace.define(&image("app", "docker-archive:saved.tar"));
        for args in [&["--out", "acme.tar"][..], &["--out", "cut.tar", "--split", "3MB"]] {
            let traced = &["-qq", "-f", "-o", "trace", "-e", "trace=fadvise64,fsync,fdatasync", BUNDLER][..];
            workspace.tool("strace", &[traced, &["build", "acme.toml", "--key", "k.key"][..], args].concat());
            let trace = fs::read_to_string(workspace.path("trace")).unwrap();
            let (before, _) = trace.split_once("sync(").expect("a call that waits for the disk");
            let begun = before.matches("POSIX_FADV_DONTNEED").count();
            assert!(begun >= 2, "{begun} times: {trace}");
        }
    }
}
