//! What needs minisign, skopeo or zstd besides; `make check` leaves it out.

use super::*;
use serde_json::json;

#[test]
fn a_registrys_manifest_stays_as_it_is() {
    let workspace = Workspace::new();
    save(&workspace, "saved.tar", Form::Legacy, &[("app:1", vec![layer("base", 700_000), layer("app", 1000)])]);
    workspace.tool("skopeo", &["copy", "docker-archive:saved.tar", "oci:layout:app"]);
    workspace.tool("skopeo", &["copy", "oci:layout:app", "oci-archive:layout.tar:app"]);
    let digest = |of: &str| workspace.tool("skopeo", &["inspect", "--format", "{{.Digest}}", of]).trim().to_owned();
    let upstream = digest("oci:layout:app");
    for source in ["oci:layout:app", "oci:layout", "oci-archive:layout.tar:app", "oci-archive:layout.tar"] {
        let images = built(&workspace, &image("app", source));
        assert_eq!(images[0]["manifest"], upstream, "{source}");
        assert_eq!(images[0]["layers"][0]["encoding"], "gzip");
    }
    assert_eq!(digest("oci-archive:acme.tar:app"), upstream);
}

#[test]
fn an_archive_shares_the_layers_of_a_registrys_image() {
    let workspace = Workspace::new();
    save(&workspace, "saved.tar", Form::Legacy, &[("app:1", vec![layer("base", 700_000)])]);
    workspace.tool("skopeo", &["copy", "docker-archive:saved.tar", "oci:layout:app"]);
    let images = built(&workspace, &(image("a", "docker-archive:saved.tar") + &image("b", "oci:layout")));
    assert_eq!(images[0]["layers"], images[1]["layers"]);
    assert_eq!(images[0]["layers"][0]["encoding"], "gzip");
}

#[test]
fn uncompressed_layers_of_a_layout_become_zstd() {
    let workspace = Workspace::new();
    let layers = vec![layer("base", 700_000)];
    save(&workspace, "saved.tar", Form::Legacy, &[("app:1", layers.clone())]);
    workspace.tool(
        "skopeo",
        &["copy", "--dest-oci-accept-uncompressed-layers", "docker-archive:saved.tar", "oci:layout:app"],
    );
    let images = built(&workspace, &image("app", "oci:layout"));
    assert_eq!(images[0]["layers"][0]["encoding"], "zstd");
    assert_eq!(diff_ids(&images[0]), [hex(&layers[0])]);
}

#[test]
fn stock_tools_take_images_out_of_a_bundle_also_those_with_dockers_manifest() {
    let workspace = Workspace::new();
    save(&workspace, "saved.tar", Form::Legacy, &[("app:1", vec![layer("base", 700_000), layer("app", 1000)])]);
    workspace
        .tool("skopeo", &["copy", "--format", "v2s2", "--dest-compress", "docker-archive:saved.tar", "dir:docker"]);
    // A layout that keeps Docker's manifest, as engines write it.
    let manifest = fs::read(workspace.path("docker/manifest.json")).unwrap();
    let config = serde_json::from_slice::<Value>(&manifest).unwrap()["config"]["digest"].clone();
    for entry in fs::read_dir(workspace.path("docker")).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        workspace.write(&format!("layout/blobs/sha256/{}", hex(&content)), &content);
    }
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "digest": format!("sha256:{}", hex(&manifest)), "size": manifest.len(),
    }]});
    workspace.write("layout/index.json", index.to_string());
    let images = built(&workspace, &(image("app", "oci:layout") + &image("saved", "docker-archive:saved.tar")));
    assert_eq!(images[0]["manifest"], format!("sha256:{}", hex(&manifest)), "it stays as it is");
    for (source, to) in [
        ("oci-archive:acme.tar:app", "oci:copy:app"),
        ("oci-archive:acme.tar:app", "dir:copied"),
        ("docker-archive:acme.tar:acme/app:1.0.0", "dir:loaded"),
        ("docker-archive:acme.tar:acme/saved:1.0.0", "dir:loaded"),
    ] {
        workspace.tool("skopeo", &["copy", "--quiet", source, to]);
    }
    let copied = workspace.tool("skopeo", &["inspect", "--raw", "oci:copy:app"]);
    assert_eq!(serde_json::from_str::<Value>(&copied).unwrap()["config"]["digest"], config);
    if std::process::Command::new("umoci").arg("--version").output().is_ok() {
        workspace.tool("umoci", &["unpack", "--rootless", "--image", "copy:app", "unpacked"]);
        assert_eq!(fs::metadata(workspace.path("unpacked/rootfs/base")).unwrap().len(), 700_000);
    }
}

#[test]
fn refuses_images_that_are_not_what_they_say() {
    let workspace = Workspace::new();
    let build = ["build", "acme.toml", "--key", "k.key", "--out", "acme.tar"];
    save(&workspace, "saved.tar", Form::Legacy, &[("app:1", vec![layer("base", 700_000)])]);
    workspace.tool("skopeo", &["copy", "docker-archive:saved.tar", "oci:layout:app"]);

    let saved = fs::read(workspace.path("saved.tar")).unwrap();
    let mut changed = saved.clone();
    changed[3000] ^= 1;
    workspace.write("changed.tar", changed);
    workspace.write("cut.tar", &saved[..300_000]);
    workspace.write("text.tar", "no archive");
    let blob = fs::read_dir(workspace.path("layout/blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let largest = blob.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut content = fs::read(&largest).unwrap();
    content[5] ^= 1;
    fs::write(&largest, content).unwrap();
    save(&workspace, "arm.tar", Form::Legacy, &[("app:1", vec![])]);
    let arm = fs::read(workspace.path("arm.tar")).unwrap();
    workspace.write("empty/index.json", "{\"schemaVersion\": 2, \"manifests\": []}");
    assert!(!arm.is_empty());

    for (source, exit, code) in [
        ("docker-archive:changed.tar", 3, "damaged_image"),
        ("docker-archive:cut.tar", 3, "damaged_image"),
        ("docker-archive:text.tar", 3, "damaged_image"),
        ("oci:layout", 3, "damaged_image"),
        ("oci-archive:saved.tar", 3, "damaged_image"),
        ("oci:empty", 2, "wrong_arch"),
        ("oci:empty:app", 2, "no_such_image"),
        ("oci:none", 2, "missing_file"),
        ("docker-archive:none.tar", 2, "missing_file"),
        ("rootfs:none", 2, "missing_file"),
        ("rootfs:saved.tar", 2, "missing_file"),
    ] {
        workspace.define(&image("app", source));
        let error = workspace.refused(exit, &build);
        assert_eq!(error["code"], code, "{source}: {error}");
        assert!(error["message"].as_str().unwrap().starts_with("acme.toml:9: image app: "), "{error}");
        assert!(!workspace.path("acme.tar").exists());
        assert!(workspace.names().iter().all(|name| !name.contains("partial")), "{:?}", workspace.names());
    }
}

#[test]
fn refuses_a_layer_that_the_installer_could_not_unpack() {
    let workspace = Workspace::new();
    let layers = vec![layer("large", 34 << 20)];
    let config = config("amd64", &layers);
    workspace.write("layer.tar", &layers[0]);
    for (window, accepted) in [("25", true), ("26", false)] {
        workspace.tool("zstd", &["-qf", &format!("--long={window}"), "layer.tar", "-o", "layer.zst"]);
        let stored = fs::read(workspace.path("layer.zst")).unwrap();
        let mut archive = tar::Builder::new(Vec::new());
        put(&mut archive, "layer", &stored);
        put(&mut archive, "config.json", &config);
        put(&mut archive, "manifest.json", br#"[{"Config": "config.json", "Layers": ["layer"]}]"#);
        workspace.write("saved.tar", archive.into_inner().unwrap());
        workspace.define(&image("app", "docker-archive:saved.tar"));
        if accepted {
            workspace.build("acme.tar");
        } else {
            let error = workspace.refused(2, &["build", "acme.toml", "--key", "k.key", "--out", "acme.tar"]);
            assert_eq!(error["code"], "layer_window", "{error}");
            assert!(error["hint"].as_str().unwrap().starts_with("repack the layer"), "{error}");
        }
    }
}

#[test]
fn layers_with_the_largest_window_take_less_than_64_mib() {
    let workspace = Workspace::new();
    let layers: Vec<Vec<u8>> = ["a", "b", "c", "d"].iter().map(|name| layer(name, 34 << 20)).collect();
    let blob = |content: &[u8]| {
        workspace.write("blob", content);
        let hash = crate::workspace::sha256sum(&workspace.path("blob"));
        workspace.write(&format!("layout/blobs/sha256/{hash}"), content);
        json!({ "mediaType": "", "digest": format!("sha256:{hash}"), "size": content.len() })
    };
    let stored = layers.iter().map(|layer| {
        workspace.write("layer.tar", layer);
        workspace.tool("zstd", &["-qf", "--long=25", "layer.tar", "-o", "layer.zst"]);
        blob(&fs::read(workspace.path("layer.zst")).unwrap())
    });
    let stored: Vec<Value> = stored.collect();
    let manifest = json!({ "schemaVersion": 2, "config": blob(&config("amd64", &layers)), "layers": stored });
    let mut manifest = blob(manifest.to_string().as_bytes());
    manifest["mediaType"] = "application/vnd.oci.image.manifest.v1+json".into();
    workspace.write("layout/index.json", json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string());
    // A large program keeps all the compressors busy.
    workspace.define(&image("app", "oci:layout"));
    let definition = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    let program = crate::workspace::BUNDLER;
    workspace.write("acme.toml", definition.replace(crate::workspace::PROGRAM, program));
    let build =
        ["--output", "peak", "--format", "%M", program, "build", "acme.toml", "--key", "k.key", "--out", "a.tar"];
    workspace.tool("time", &build);
    let peak = fs::read_to_string(workspace.path("peak")).unwrap();
    assert!(peak.trim().parse::<u32>().unwrap() < 64 << 10, "{} KiB", peak.trim());
}

#[test]
fn an_image_made_from_a_folder_has_its_links_and_its_process() {
    let workspace = Workspace::new();
    workspace.rootfs("root");
    let process = "entrypoint = [\"/hello\"]\ncmd = [\"-v\"]\nenv = { B = \"2\", A = \"1\" }\nuser = \"65532\"\nworkdir = \"/etc\"\n";
    let images = built(&workspace, &(image("hello", "rootfs:root") + process));
    workspace.tool("skopeo", &["copy", "oci-archive:acme.tar:hello", "oci:layout:hello"]);
    let config: Value =
        serde_json::from_str(&workspace.tool("skopeo", &["inspect", "--config", "oci:layout:hello"])).unwrap();
    assert_eq!(
        config["config"],
        serde_json::json!({"User": "65532", "Env": ["A=1", "B=2"], "Entrypoint": ["/hello"], "Cmd": ["-v"], "WorkingDir": "/etc"})
    );
    let blob = images[0]["layers"][0]["blob"].as_str().unwrap().replace(':', "/");
    let listed = workspace.tool("sh", &["-c", &format!("zstd -dc layout/blobs/{blob} | tar -tv --numeric-owner")]);
    assert!(listed.contains(" hello -> bin/hello") && listed.contains(" bin/same link to bin/hello"), "{listed}");
    assert!(listed.lines().any(|line| line.ends_with(&"n".repeat(120))), "{listed}");
}
