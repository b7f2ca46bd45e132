//! What real tools compress and write; `make check` leaves it out.

use super::*;

#[test]
fn what_tools_compress_with_their_usual_settings_is_unpacked() {
    let workspace = Workspace::new();
    archives(&workspace);
    let both = |file: &str| image("a", &format!("docker-archive:{file}:a:1"));
    let plain = built(&workspace, &both("saved.tar"), None);
    for (command, name) in [
        ("xz -k -c --lzma2=preset=9e,dict=32MiB", "a.xz"),
        ("xz -k -c -T2 --block-size=100KiB", "b.xz"),
        ("zstd -q -c -19", "c.zst"),
        ("zstd -q -c -T0 -3", "d.zst"),
        ("gzip -c", "e.gz"),
    ] {
        workspace.tool("sh", &["-c", &format!("{command} saved.tar >{name}")]);
        let images = built(&workspace, &both(name), None);
        assert_eq!(images[0]["layers"], plain[0]["layers"], "{command}");
    }
    workspace.tool("sh", &["-c", "xz -k -c -9 saved.tar >wide.xz"]);
    workspace.define(&both("wide.xz"));
    let error = workspace.refused(2, &BUILD);
    assert!(error["hint"].as_str().unwrap().contains("xz -8"), "{error}");
}

#[test]
fn what_skopeo_copies_to_a_folder_keeps_its_digest() {
    let workspace = Workspace::new();
    save(&workspace, "saved.tar", Form::Legacy, &[("app:1", vec![layer("base", 700_000)])]);
    workspace.tool("skopeo", &["copy", "--quiet", "docker-archive:saved.tar", "oci:layout:app"]);
    workspace.tool("skopeo", &["copy", "--quiet", "oci:layout:app", "dir:copied"]);
    let digest = workspace.tool("skopeo", &["inspect", "--format", "{{.Digest}}", "dir:copied"]).trim().to_owned();
    assert_eq!(built(&workspace, &image("app", "dir:copied"), None)[0]["manifest"], digest);
    // Uncompressed layers, in Docker's form.
    workspace.tool("skopeo", &["copy", "--quiet", "docker-archive:saved.tar", "dir:plain"]);
    let plain = built(&workspace, &image("app", "dir:plain"), None);
    assert_eq!(plain[0]["layers"][0]["diffId"], format!("sha256:{}", hex(&layer("base", 700_000))));
}

#[test]
fn of_an_image_for_several_platforms_the_right_one_is_taken_from_a_folder() {
    let workspace = Workspace::new();
    let other = vec![layer("base", 20)];
    let mut listed = Vec::new();
    for (arch, layers) in [("arm64", &other), ("amd64", &vec![layer("base", 10)])] {
        let config = config(arch, layers);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": crate::bad_images::descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": [crate::bad_images::descriptor("application/vnd.oci.image.layer.v1.tar", &layers[0])],
        });
        let manifest = manifest.to_string();
        for blob in [config.as_slice(), &layers[0], manifest.as_bytes()] {
            workspace.write(&format!("layout/blobs/sha256/{}", hex(blob)), blob);
        }
        let mut descriptor =
            crate::bad_images::descriptor("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes());
        descriptor["platform"] = json!({"architecture": arch, "os": "linux"});
        listed.push(descriptor);
    }
    let index =
        json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": listed});
    let index = index.to_string();
    workspace.write(&format!("layout/blobs/sha256/{}", hex(index.as_bytes())), &index);
    let descriptor = crate::bad_images::descriptor("application/vnd.oci.image.index.v1+json", index.as_bytes());
    workspace.write("layout/index.json", json!({"schemaVersion": 2, "manifests": [descriptor]}).to_string());
    workspace.write("layout/oci-layout", "{\"imageLayoutVersion\": \"1.0.0\"}");
    workspace.tool("skopeo", &["copy", "--quiet", "--all", "oci:layout", "dir:copied"]);
    let images = built(&workspace, &image("app", "dir:copied"), None);
    assert_eq!(images[0]["layers"][0]["diffId"], format!("sha256:{}", hex(&layer("base", 10))));
}
