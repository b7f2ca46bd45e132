//! Every transport without a daemon, by the archives that real tools write or by archives in their form.

mod needs_tools;

use crate::docker_archive::{Form, config, gzip, hex, layer, put, save};
use crate::workspace::Workspace;
use serde_json::Value;
use std::fs;

fn image(name: &str, source: &str) -> String {
    format!("[[image]]\nname = \"{name}\"\nsource = \"{source}\"\n")
}

/// The images of the bundle that `body` makes.
fn built(workspace: &Workspace, body: &str) -> Vec<Value> {
    workspace.define(body);
    workspace.build("acme.tar");
    workspace.ok(&["verify", "acme.tar", "--trust", "k.pub"]);
    workspace.release("acme.tar")["images"].as_array().unwrap().clone()
}

fn diff_ids(image: &Value) -> Vec<String> {
    let layers = image["layers"].as_array().unwrap();
    layers.iter().map(|layer| layer["diffId"].as_str().unwrap().trim_start_matches("sha256:").to_owned()).collect()
}

#[test]
fn reads_what_each_version_of_docker_saves() {
    let workspace = Workspace::new();
    let layers = vec![layer("base", 700_000), layer("app", 1000), layer("base", 700_000)];
    let mut configs = Vec::new();
    for form in [Form::Legacy, Form::Blobs, Form::Gzip] {
        save(&workspace, "saved.tar", form, &[("app:1", layers.clone())]);
        let images = built(&workspace, &image("app", "docker-archive:saved.tar"));
        assert_eq!(diff_ids(&images[0]), layers.iter().map(|layer| hex(layer)).collect::<Vec<_>>(), "{form:?}");
        let encoding = if form == Form::Gzip { "gzip" } else { "zstd" };
        assert_eq!(images[0]["layers"][0]["encoding"], encoding);
        assert_eq!(images[0]["layers"][0]["size"], layers[0].len());
        configs.push(images[0]["config"].clone());
    }
    assert!(configs.iter().all(|config| *config == format!("sha256:{}", hex(&self::config("amd64", &layers)))));
}

#[test]
fn reads_an_archive_that_is_compressed_as_a_whole() {
    let workspace = Workspace::new();
    let layers = vec![layer("base", 700_000)];
    save(&workspace, "saved.tar", Form::Legacy, &[("app:1", layers.clone())]);
    let plain = built(&workspace, &image("app", "docker-archive:saved.tar"));
    workspace.write("saved.tar", gzip(&fs::read(workspace.path("saved.tar")).unwrap()));
    assert_eq!(built(&workspace, &image("app", "docker-archive:saved.tar")), plain);
}

#[test]
fn stores_a_layer_that_images_share_once() {
    let workspace = Workspace::new();
    let base = layer("base", 700_000);
    save(&workspace, "a.tar", Form::Legacy, &[("a:1", vec![base.clone(), layer("a", 10)])]);
    save(&workspace, "b.tar", Form::Blobs, &[("b:1", vec![base.clone(), layer("b", 10)]), ("c:1", vec![base.clone()])]);
    let body = [
        image("a", "docker-archive:a.tar"),
        image("b", "docker-archive:b.tar:b:1"),
        image("c", "docker-archive:b.tar:c:1"),
    ];
    let images = built(&workspace, &body.concat());
    let bases: Vec<&Value> = images.iter().map(|image| &image["layers"][0]["blob"]).collect();
    assert!(bases.iter().all(|blob| *blob == bases[0]), "{bases:?}");
    let release = workspace.release("acme.tar");
    let blobs = release["blobs"].as_array().unwrap();
    assert_eq!(blobs.iter().filter(|blob| blob["digest"] == *bases[0]).count(), 1);
}

#[test]
fn layers_that_arrive_uncompressed_are_stored_as_the_definition_says() {
    let workspace = Workspace::new();
    let layers = vec![layer("base", 700_000)];
    save(&workspace, "saved.tar", Form::Legacy, &[("app:1", layers.clone())]);
    workspace.write("root/file", "content");
    let body = image("app", "docker-archive:saved.tar") + &image("root", "rootfs:root");
    workspace.define(&body);
    let definition = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    workspace.write("acme.toml", definition.replace("serial = 1", "serial = 1\ncompression = \"gzip\""));
    let bytes = workspace.build("acme.tar");
    workspace.ok(&["verify", "acme.tar", "--trust", "k.pub"]);
    let release = workspace.release("acme.tar");
    for image in release["images"].as_array().unwrap() {
        assert_eq!(image["layers"][0]["encoding"], "gzip");
    }
    assert_eq!(diff_ids(&release["images"][0]), [hex(&layers[0])]);
    assert_eq!(release["files"][0]["encoding"], "zstd", "files are for hosts alone, which know zstd");
    assert!(workspace.build("again.tar") == bytes, "two builds differ");
    // What the bundle is for others can be packed again: as `docker save` writes it, and as an OCI layout.
    for source in ["docker-archive:acme.tar:acme/app:1.0.0", "oci-archive:acme.tar:app"] {
        let again = built(&workspace, &image("again", source).replace("acme.tar", "again.tar"));
        assert_eq!(again[0]["config"], release["images"][0]["config"], "{source}");
        assert_eq!(again[0]["layers"], release["images"][0]["layers"], "{source}");
    }
}

#[test]
fn asks_which_of_several_images_is_meant() {
    let workspace = Workspace::new();
    save(&workspace, "two.tar", Form::Blobs, &[("a:1", vec![layer("a", 10)]), ("b:1", vec![layer("b", 10)])]);
    let build = ["build", "acme.toml", "--key", "k.key"];
    for (source, expected) in [
        ("docker-archive:two.tar", "it has several images (a:1, b:1): name one"),
        ("docker-archive:two.tar:c:1", "it has no image \"c:1\"; it has a:1, b:1"),
    ] {
        workspace.define(&image("a", source));
        let error = workspace.refused(2, &build);
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("acme.toml:9: image a: ") && message.contains(expected), "{message}");
        assert_eq!(error["code"], "no_such_image");
    }
}

#[test]
fn a_large_document_is_an_error_only_if_the_image_needs_it() {
    let workspace = Workspace::new();
    let layer = layer("base", 1000);
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(5 << 20));
    for (name, is_needed) in [("notes.json", false), ("config.json", true)] {
        let mut archive = tar::Builder::new(Vec::new());
        put(&mut archive, name, large.as_bytes());
        put(&mut archive, "layer.tar", &layer);
        if !is_needed {
            put(&mut archive, "config.json", &config("amd64", std::slice::from_ref(&layer)));
        }
        put(&mut archive, "manifest.json", br#"[{"Config": "config.json", "Layers": ["layer.tar"]}]"#);
        workspace.write("saved.tar", archive.into_inner().unwrap());
        workspace.define(&image("app", "docker-archive:saved.tar"));
        if is_needed {
            let error = workspace.refused(3, &["build", "acme.toml", "--key", "k.key", "--out", "acme.tar"]);
            assert!(error["message"].as_str().unwrap().contains("config.json is larger than 4.00 MiB"), "{error}");
        } else {
            workspace.build("acme.tar");
        }
    }
}

#[test]
fn a_source_that_is_missing_is_told_before_any_other_is_packed() {
    let workspace = Workspace::new();
    let layers = vec![layer("base", 700_000)];
    save(&workspace, "saved.tar", Form::Legacy, &[("app:1", layers.clone())]);
    // Found only when its layer is packed: its content is not what the configuration says.
    let mut saved = fs::read(workspace.path("saved.tar")).unwrap();
    saved[300_000] ^= 1;
    workspace.write("saved.tar", saved);
    let build = ["build", "acme.toml", "--key", "k.key"];
    workspace.define(&image("app", "docker-archive:saved.tar"));
    assert_eq!(workspace.refused(3, &build)["code"], "damaged_image");
    for (missing, code) in [
        (image("b", "rootfs:none"), "missing_file"),
        (image("b", "docker-archive:none.tar"), "missing_file"),
        (image("b", "docker-archive:saved.tar:other:1"), "no_such_image"),
        ("[[file]]\nsource = \"none\"\npath = \"docs\"\n".to_owned(), "missing_file"),
    ] {
        workspace.define(&(image("app", "docker-archive:saved.tar") + &missing));
        assert_eq!(workspace.refused(2, &build)["code"], code, "{missing}");
    }
}

#[test]
fn the_folder_that_a_bundle_is_built_in_does_not_show_in_it() {
    let workspace = Workspace::new();
    let mut bundles = Vec::new();
    for folder in ["here", "there"] {
        workspace.write(&format!("{folder}/root/file"), "content");
        let root = workspace.path(folder).join("root");
        workspace.define_without_evidence(&image("app", &format!("rootfs:{}", root.display())));
        bundles.push(workspace.build("acme.tar"));
        assert_eq!(workspace.release("acme.tar")["images"][0]["source"], "rootfs:root");
    }
    assert!(bundles[0] == bundles[1], "two folders give two bundles");
}

#[test]
fn names_a_foreign_layer_that_is_missing() {
    let workspace = Workspace::new();
    let layer = layer("base", 10);
    let config = config("amd64", std::slice::from_ref(&layer));
    let manifest = serde_json::to_vec(&serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": format!("sha256:{}", hex(&config)), "size": config.len(),
        },
        "layers": [{
            "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "digest": format!("sha256:{}", hex(&layer)), "size": layer.len(),
        }],
    }));
    let manifest = manifest.unwrap();
    workspace.write(&format!("layout/blobs/sha256/{}", hex(&config)), &config);
    workspace.write(&format!("layout/blobs/sha256/{}", hex(&manifest)), &manifest);
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "digest": format!("sha256:{}", hex(&manifest)), "size": manifest.len(),
    }]});
    workspace.write("layout/index.json", index.to_string());
    workspace.define(&image("app", "oci:layout"));
    let error = workspace.refused(2, &["build", "acme.toml", "--key", "k.key"]);
    assert_eq!(error["code"], "foreign_layer", "{error}");
}

#[test]
fn refuses_an_image_for_another_processor() {
    let workspace = Workspace::new();
    save(&workspace, "saved.tar", Form::Legacy, &[("app:1", vec![layer("a", 10)])]);
    workspace.define(&image("app", "docker-archive:saved.tar"));
    let text = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    workspace.write("acme.toml", text.replace("serial = 1", "serial = 1\narch = \"arm64\""));
    let error = workspace.refused(2, &["build", "acme.toml", "--key", "k.key"]);
    assert_eq!(error["code"], "wrong_arch", "{error}");
}

#[test]
fn an_engine_that_is_not_there_makes_the_machine_unfit() {
    let workspace = Workspace::new();
    workspace.define(&image("app", "docker-daemon:app:1"));
    let run = workspace
        .bundler()
        .args(["build", "acme.toml", "--key", "k.key", "--json"])
        .env("DOCKER_HOST", "unix:///nowhere.sock")
        .output();
    let run = run.unwrap();
    assert_eq!(run.status.code(), Some(6));
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(
        text.contains("no_engine") && text.contains("unix:///nowhere.sock") && text.contains("acme.toml:9"),
        "{text}"
    );
}

#[test]
fn refuses_what_a_release_cannot_hold() {
    let workspace = Workspace::new();
    let build = ["build", "acme.toml", "--key", "k.key"];
    let file = |source: &str, path: &str| format!("[[file]]\nsource = \"{source}\"\npath = \"{path}\"\n");
    workspace.write("docs/a", "a");
    std::os::unix::fs::symlink("a", workspace.path("docs/link")).unwrap();
    workspace.define(&file("docs", "docs"));
    let error = workspace.refused(2, &build);
    let message = error["message"].as_str().unwrap();
    assert_eq!(error["code"], "special_file");
    assert!(message.starts_with("acme.toml:9: docs/link is a symbolic link"), "{message}");

    fs::remove_file(workspace.path("docs/link")).unwrap();
    workspace.define(&(file("docs", "x") + &file("docs/a", "x/a")));
    let message = workspace.refused(2, &build)["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "acme.toml:12: x/a is in the release already: it comes from docs/a");

    workspace.define(&(file("docs", "x") + &file("docs/a", "x/a/b")));
    assert_eq!(workspace.refused(2, &build)["code"], "definition");
    workspace.define(&file("none", "x"));
    assert_eq!(workspace.refused(2, &build)["code"], "missing_file");
    workspace.tool("mkfifo", &["docs/pipe"]);
    workspace.define(&file("docs", "x"));
    assert_eq!(workspace.refused(2, &build)["code"], "special_file");

    workspace.write("script", "#!/bin/sh\n");
    workspace.define("");
    let text = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    workspace.write(
        "acme.toml",
        text.replace(&format!("binary = \"{}\"", crate::workspace::PROGRAM), "binary = \"script\""),
    );
    let error = workspace.refused(2, &build);
    assert_eq!(error["code"], "wrong_arch");
    assert!(
        error["message"].as_str().unwrap().starts_with("acme.toml:6: script cannot be packed for amd64"),
        "{error}"
    );
}
