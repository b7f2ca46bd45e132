//! Stock tools find the images in a bundle: its index and its list of saved images follow from the manifest.

use landfall_fixtures::ReleaseFixture;
use landfall_keys::SecretKey;
use landfall_manifests::oci::{self, Descriptor, ImageIndex, ImageManifest};
use landfall_manifests::{Arch, Digest, Encoding, Layer, Release, ReleaseError, archive};
use serde_json::{Value, json};

/// Release 1.4.0-b with the image `a`, which has OCI's form, and `b` of the same layers, which has `media_type`.
fn release(media_type: &str, manifest: &[u8]) -> (ReleaseFixture, Release) {
    let mut fixture = ReleaseFixture::new("1.4.0-b", 12).image("a", &[b"base", b"top", b"base"]);
    fixture.release.arch = Arch::Amd64;
    fixture.release.images[0].platform = fixture.release.platform();
    let image = fixture.release.images[0].clone();
    let manifest = fixture.add_blob(manifest.to_vec());
    fixture.add_image_in("b", manifest, image.config, image.layers, None);
    media_type.clone_into(&mut fixture.release.images[1].media_type);
    let release = fixture.release(&[]);
    (fixture, release)
}

/// The content of each file of the layout, by name, as it stands in the bundle.
fn written(fixture: &ReleaseFixture) -> Vec<(String, Vec<u8>)> {
    let key = SecretKey::generate().unwrap();
    let bytes = fixture.bundle(std::slice::from_ref(&key));
    let head = landfall_manifests::Head::read(&mut bytes.as_slice()).unwrap();
    let bundle = head.verify(&crate::fixture::trusted(&key)).unwrap();
    let layout = bundle.entries().iter().filter(|entry| !entry.is_blob).map(|entry| {
        let mut content = Vec::new();
        entry.read(&mut &bytes[usize::try_from(entry.offset).unwrap()..], &mut content).unwrap();
        (entry.name.clone(), content)
    });
    layout.collect()
}

#[test]
fn names_each_images_configuration_and_layers_for_docker_load() {
    let (fixture, release) = release(oci::MANIFEST, b"{}");
    let written = written(&fixture);
    let names: Vec<&str> = written.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["oci-layout", "index.json", "manifest.json"]);
    let image = &release.images[0];
    let layers: Vec<String> = image.layers.iter().map(|layer| archive::blob_name(&layer.blob)).collect();
    let expected = |name: &str| json!({"Config": archive::blob_name(&image.config), "RepoTags": [format!("acme/{name}:1.4.0-b")], "Layers": layers});
    let saved: Value = serde_json::from_slice(&written[2].1).unwrap();
    assert_eq!(saved, json!([expected("a"), expected("b")]));
    assert_eq!((layers.len(), &layers[0]), (3, &layers[2]), "a layer that is there twice is named twice");
    let index: Value = serde_json::from_slice(&written[1].1).unwrap();
    assert_eq!(index["manifests"][0]["annotations"][oci::REF_NAME], "a");
    assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], "docker.io/acme/a:1.4.0-b");
    assert_eq!(index["manifests"][1]["digest"], release.images[1].manifest.to_string());
}

#[test]
fn lists_an_image_with_dockers_manifest_by_one_in_ocis_form() {
    let (fixture, release) = release(oci::DOCKER_MANIFEST, b"{\"docker\": 1}");
    let listed = written(&fixture);
    let index: ImageIndex = serde_json::from_slice(&listed[1].1).unwrap();
    assert!(index.manifests.iter().all(|listed| listed.media_type == oci::MANIFEST));
    // The manifest of `a` has the same configuration and layers: nothing is there twice.
    assert_eq!((index.manifests[1].digest, listed.len()), (release.images[0].manifest, 3));

    let mut alone = ReleaseFixture::new("1.4.0", 12);
    let [config, layer, manifest] = [&b"{}"[..], b"layer", b"{\"docker\": 1}"].map(|it| alone.add_blob(it.to_vec()));
    let layer = Layer { blob: layer, encoding: Encoding::Gzip, diff_id: Digest::of(b"content"), size: 9 };
    alone.add_image_in("b", manifest, config, vec![layer.clone()], None);
    alone.release.images[0].media_type = oci::DOCKER_MANIFEST.to_owned();
    let (name, made) = written(&alone).pop().unwrap();
    assert_eq!(name, archive::blob_name(&Digest::of(&made)));
    let made: ImageManifest = serde_json::from_slice(&made).unwrap();
    let described = Descriptor::new(oci::layer_media_type(Encoding::Gzip), layer.blob, 5);
    assert_eq!(made, ImageManifest::new(Descriptor::new(oci::CONFIG, config, 2), vec![described]));
}

#[test]
fn refuses_a_layout_that_does_not_follow_from_the_images() {
    for index in 0..3 {
        let (_, mut release) = release(oci::MANIFEST, b"{}");
        release.layout[index].digest = Digest::of(b"other");
        assert!(matches!(release.check(), Err(ReleaseError::Problems(_))), "{index}");
        release.layout = release.computed_layout();
        release.layout.remove(index);
        assert!(matches!(release.check(), Err(ReleaseError::Problems(_))), "without {index}");
    }
}
