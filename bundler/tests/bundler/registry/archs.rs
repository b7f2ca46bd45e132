//! A bundle for each architecture, from the same references.

use super::*;
use crate::workspace::PROGRAM;
use std::sync::{Arc, Mutex};

/// Puts an image for both architectures under `app:1`.
fn put(images: &mut Images, name: &str) -> [String; 2] {
    let layers = [layer(name, 1000)];
    let stored = [(GZIP, gzip(&layers[0]))];
    let listed = ["amd64", "arm64"].map(|arch| {
        let mut listed = descriptor(MANIFEST, &images.image_of("app:x", arch, &layers, &stored));
        listed["platform"] = json!({"architecture": arch, "os": "linux"});
        listed
    });
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).to_string();
    images.tag("app:1", INDEX, index.as_bytes());
    listed.map(|listed| listed["digest"].as_str().unwrap().to_owned())
}

/// A definition for both architectures with `app:1` of the registry at `server`, and programs for each.
fn define_both(workspace: &Workspace, server: &Server) {
    let mut program = fs::read(PROGRAM).unwrap();
    for (arch, machine) in [("amd64", 62), ("arm64", 183)] {
        // `e_machine` (elf(5)).
        program[18..20].copy_from_slice(&u16::to_le_bytes(machine));
        workspace.write(&format!("programs/{arch}"), &program);
    }
    define(workspace, server, &[("app", "app:1")]);
    let text = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    let text = text.replace(PROGRAM, "programs/${TARGETARCH}");
    workspace.write("acme.toml", text.replace("serial = 1", "serial = 1\narch = [\"amd64\", \"arm64\"]"));
}

#[test]
fn each_architecture_gets_a_bundle_of_the_same_images() {
    let images = Arc::new(Mutex::new(Images::default()));
    let first = put(&mut images.lock().unwrap(), "first");
    let answering = Arc::clone(&images);
    let server = Server::start(move |request| {
        let mut images = answering.lock().unwrap();
        let response = images.answer(request);
        // Once somebody has asked what the tag stands for, it stands for something else.
        if request.path.ends_with("/manifests/1") {
            put(&mut images, "second");
        }
        response
    });
    let workspace = Workspace::new();
    define_both(&workspace, &server);
    let build = ["build", "acme.toml", "--key", "k.key", "--no-cache"];
    let error = workspace.refused(2, &[&build[..], &["--out", "acme.tar"]].concat());
    assert_eq!((&error["code"], server.seen().len()), (&json!("no_folder"), 0), "{error}");
    workspace.refused(2, &[&build[..], &["--set", "TARGETARCH=arm64"]].concat());

    fs::create_dir(workspace.path("out")).unwrap();
    let report = workspace.json(&[&build[..], &["--out", "out", "--summary", "summary.md"]].concat());
    let bundles = report["bundles"].as_array().unwrap();
    for ((bundle, arch), image) in bundles.iter().zip(["amd64", "arm64"]).zip(&first) {
        let path = format!("out/acme-1.0.0-linux-{arch}.landfall.tar");
        assert_eq!((&bundle["path"], &bundle["platform"]), (&json!(path), &json!(format!("linux/{arch}"))));
        workspace.ok(&["verify", &path, "--trust", "k.pub"]);
        assert_eq!(workspace.release(&path)["images"][0]["manifest"], *image, "{arch}");
    }
    let summary = fs::read_to_string(workspace.path("summary.md")).unwrap();
    assert_eq!((bundles.len(), summary.matches("## acme 1.0.0").count()), (2, 2), "{summary}");
}

#[test]
fn lint_tells_what_one_architecture_lacks() {
    let mut images = Images::default();
    images.image("app:1", &[layer("base", 1000)]);
    let server = Server::start(move |request| images.answer(request));
    let workspace = Workspace::new();
    define_both(&workspace, &server);
    let lint: Value = serde_json::from_slice(&workspace.run(&["lint", "acme.toml", "--json"]).stdout).unwrap();
    let errors = lint["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[0]["code"]), (1, &json!("wrong_arch")), "{lint}");
    fs::remove_file(workspace.path("programs/arm64")).unwrap();
    let lint: Value = serde_json::from_slice(&workspace.run(&["lint", "acme.toml", "--json"]).stdout).unwrap();
    assert!(lint["errors"].as_array().unwrap().len() > 1, "{lint}");
}
