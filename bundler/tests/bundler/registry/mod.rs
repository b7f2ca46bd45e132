//! `docker://` from registries that answer as they should, and from some that do not.

mod archs;
mod cache;
mod faults;
mod images;
mod logins;
mod mirrors;
mod needs_tools;
pub(crate) mod server;

use crate::docker_archive::gzip;
use crate::workspace::Workspace;
use images::{GZIP, INDEX, Images, MANIFEST, descriptor, digest, layer};
use serde_json::{Value, json};
use server::{Request, Response, Server};
use std::fs;

/// Without the cache, so that each build asks for all that it needs.
const BUILD: [&str; 7] = ["build", "acme.toml", "--key", "k.key", "--out", "acme.tar", "--no-cache"];

/// A definition of images by their names and what they are in the registry at `server`.
fn define(workspace: &Workspace, server: &Server, images: &[(&str, &str)]) {
    let image = |(name, reference): &(&str, &str)| {
        format!("[[image]]\nname = \"{name}\"\nsource = \"docker://{}/{reference}\"\n", server.address)
    };
    workspace.define(&images.iter().map(image).collect::<String>());
}

/// The images of the bundle that `acme.toml` makes.
fn built(workspace: &Workspace) -> Vec<Value> {
    workspace.ok(&BUILD);
    workspace.ok(&["verify", "acme.tar", "--trust", "k.pub"]);
    workspace.release("acme.tar")["images"].as_array().unwrap().clone()
}

/// The error of a build that is refused, which leaves nothing.
fn refused(workspace: &Workspace, exit: i32, further: &[&str]) -> Value {
    let before = workspace.names();
    let error = workspace.refused(exit, &[&BUILD, further].concat());
    assert_eq!(workspace.names(), before, "something was left behind: {error}");
    error
}

fn message(error: &Value) -> &str {
    error["message"].as_str().unwrap()
}

#[test]
fn an_image_keeps_its_digest_and_is_the_same_in_each_build() {
    let mut images = Images::default();
    let layers = [layer("base", 700_000), layer("app", 5000)];
    let manifest = images.image("team/app:1", &layers);
    let server = Server::start(move |request| images.answer(request));
    let workspace = Workspace::new();
    let digest = digest(&manifest);
    for reference in ["team/app:1", &format!("team/app@{digest}"), &format!("team/app:gone@{digest}")] {
        define(&workspace, &server, &[("app", reference)]);
        let images = built(&workspace);
        assert_eq!(images[0]["manifest"], digest);
        assert_eq!(images[0]["source"], format!("docker://{}/{reference}", server.address));
        assert_eq!(images[0]["layers"][1]["blob"], self::digest(&gzip(&layers[1])));
    }
    let first = fs::read(workspace.path("acme.tar")).unwrap();
    assert!(workspace.build("again.tar") == first, "two builds differ");
}

#[test]
fn what_images_share_is_pulled_once() {
    let mut images = Images::default();
    let base = layer("base", 700_000);
    for name in ["a", "b", "c"] {
        images.image(&format!("{name}:1"), &[base.clone(), layer(name, 1000)]);
    }
    let server = Server::start(move |request| images.answer(request));
    let workspace = Workspace::new();
    define(&workspace, &server, &[("a", "a:1"), ("b", "b:1"), ("c", "c:1")]);
    let images = built(&workspace);
    assert!(images.iter().all(|image| image["layers"][0] == images[0]["layers"][0]));
    assert_eq!(server.count(&digest(&gzip(&base))), 1);
    assert_eq!((server.count("/manifests/1"), server.count("/blobs/")), (3, 3 + 4));
}

#[test]
fn of_several_platforms_the_releases_is_taken() {
    let mut images = Images::default();
    let layers = [layer("base", 1000)];
    let stored = [(GZIP, gzip(&layers[0]))];
    let listed = ["amd64", "arm64"].map(|arch| {
        let mut listed = descriptor(MANIFEST, &images.image_of("app:x", arch, &layers, &stored));
        listed["platform"] = json!({"architecture": arch, "os": "linux"});
        listed
    });
    // What BuildKit adds.
    let mut attestation = descriptor(MANIFEST, b"{}");
    attestation["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    let index = |listed: &[Value]| json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).to_string();
    images.tag("app:both", INDEX, index(&[&listed[..], &[attestation.clone()]].concat()).as_bytes());
    images.tag("app:arm", INDEX, index(&[listed[1].clone(), attestation]).as_bytes());
    let server = Server::start(move |request| images.answer(request));
    let workspace = Workspace::new();
    define(&workspace, &server, &[("app", "app:both")]);
    assert_eq!(built(&workspace)[0]["manifest"], listed[0]["digest"]);
    define(&workspace, &server, &[("app", "app:arm")]);
    let error = workspace.refused(2, &BUILD);
    assert_eq!(error["code"], "wrong_arch");
    assert!(message(&error).ends_with("it has no image for linux/amd64; it has linux/arm64"), "{error}");
}

#[test]
fn layers_in_other_encodings_are_taken_whatever_their_media_type_says() {
    let mut images = Images::default();
    let layers = [layer("a", 300_000), layer("b", 300_000), layer("c", 3000), layer("d", 3000)];
    let zstd = |layer: &[u8]| zstd::encode_all(layer, 1).unwrap();
    let stored = [
        ("application/vnd.oci.image.layer.v1.tar+zstd", zstd(&layers[0])),
        (GZIP, zstd(&layers[1])),
        ("application/vnd.oci.image.layer.v1.tar", layers[2].clone()),
        (GZIP, layers[3].clone()),
    ];
    images.image_of("app:1", "amd64", &layers, &stored);
    images.image_of("app:2", "amd64", &layers[..2], &stored[..2]);
    let server = Server::start(move |request| images.answer(request));
    let workspace = Workspace::new();
    define(&workspace, &server, &[("one", "app:1"), ("two", "app:2")]);
    let images = built(&workspace);
    let expected: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let found: Vec<&str> =
        images[0]["layers"].as_array().unwrap().iter().map(|it| it["diffId"].as_str().unwrap()).collect();
    assert_eq!(found, expected);
    assert_eq!(images[1]["layers"][1]["blob"], digest(&stored[1].1));
}

#[test]
fn what_is_no_image_or_lies_about_it_is_refused_by_what_it_is() {
    let mut images = Images::default();
    let manifest = images.image("app:1", &[layer("base", 1000)]);
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(MANIFEST, &manifest)]});
    let index = index.to_string().into_bytes();
    images.tag("app:index-said-to-be-a-manifest", MANIFEST, &index);
    images.tag("app:manifest-said-to-be-an-index", INDEX, &manifest);
    let lie = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(MANIFEST, &index)]}).to_string();
    images.tag("app:lie", INDEX, lie.as_bytes());
    let schema1 = json!({"schemaVersion": 1, "name": "app", "tag": "1", "fsLayers": []}).to_string();
    images.tag("app:old", "application/vnd.docker.distribution.manifest.v1+prettyjws", schema1.as_bytes());
    let chart = json!({"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest(b"{}"), "size": 2});
    let chart = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": chart, "layers": []}).to_string();
    images.tag("app:chart", MANIFEST, chart.as_bytes());
    images.tag("app:text", MANIFEST, b"It works!");
    let base = layer("other", 1000);
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    for (name, kind) in [("foreign:1", foreign), ("hollow:1", GZIP)] {
        images.image_of(name, "amd64", std::slice::from_ref(&base), &[(kind, gzip(&base))]);
        images.forget(name.trim_end_matches(":1"), &gzip(&base));
    }
    let server = Server::start(move |request| images.answer(request));
    let workspace = Workspace::new();
    let of = |image: &str| format!("acme.toml:9: image app: {image}");
    for (reference, exit, code, expected) in [
        (
            "app:index-said-to-be-a-manifest",
            3,
            "damaged_image",
            of(&format!("the image's manifest is referred to as \"{MANIFEST}\", and calls itself \"{INDEX}\"")),
        ),
        ("app:manifest-said-to-be-an-index", 3, "damaged_image", of("an index in index.json")),
        ("app:lie", 3, "damaged_image", of("the image's manifest is referred to as")),
        ("app:old", 2, "schema_1", of("it has Docker's schema 1")),
        ("app:chart", 2, "not_an_image", of("it is no container image, but a Helm chart")),
        ("foreign:1", 2, "foreign_layer", of(&format!("the layer {} is foreign", digest(&gzip(&base))))),
        ("hollow:1", 3, "damaged_image", of(&format!("its layer {} is not in it", digest(&gzip(&base))))),
        ("app:text", 3, "damaged_image", of("the image's manifest does not parse")),
        (
            "app:gone",
            2,
            "no_such_image",
            of(&format!("{} has no app/manifests/gone (manifest unknown)", server.address)),
        ),
        ("other:1", 2, "no_such_image", of(&format!("{} has no other/manifests/1", server.address))),
    ] {
        define(&workspace, &server, &[("app", reference)]);
        let error = refused(&workspace, exit, &[]);
        assert_eq!(error["code"], code, "{reference}: {error}");
        assert!(message(&error).starts_with(&expected), "{reference}: {error}");
    }
}

#[test]
fn a_registry_that_is_not_there_is_named() {
    let workspace = Workspace::new();
    let server = Server::start(|_| Response::new(200, ""));
    define(&workspace, &server, &[("app", "app:1")]);
    let address = server.address;
    // Its port may be taken by somebody else, who is no registry.
    drop(server);
    let error = refused(&workspace, 6, &[]);
    assert!(["no_registry", "registry"].contains(&error["code"].as_str().unwrap()), "{error}");
    assert!(message(&error).contains(&address.to_string()), "{error}");
}

#[test]
fn no_redirect_leads_to_a_host_without_tls_that_is_not_named() {
    let server = Server::start(move |request: &Request| match request.path.as_str() {
        "/v2/" => Response::new(200, "{}"),
        // An address for documentation, where nobody is (RFC 5737).
        _ => Response::new(307, "").with("Location", "http://192.0.2.1:5000/v2/"),
    });
    let workspace = Workspace::new();
    define(&workspace, &server, &[("app", "app:1")]);
    let error = refused(&workspace, 6, &[]);
    assert_eq!(error["code"], "insecure_registry", "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--insecure-registry"), "{error}");
}
