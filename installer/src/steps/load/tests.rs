#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::content::ContentError;
use crate::engine::fake::FakeImageEngine;
use crate::fixture::installation;
use crate::layout::Layout;
use crate::plan;
use crate::state::journal::Kind;
use landfall_manifests::{Encoding, Layer, Release};
use std::io::Write as _;
use std::path::Path;

/// A store in `root` that holds two images on one base, and their release.
fn stored(root: &Path) -> (Store, Release) {
    let layout = Layout::new(root);
    std::fs::create_dir_all(layout.blobs()).unwrap();
    std::fs::create_dir_all(layout.incoming()).unwrap();
    let store = Store::new(&layout);
    let mut release = crate::fixture::release_with(&[("a", &[]), ("b", &[])]);
    for (image, own) in release.images.iter_mut().zip(["own layer of a", "own layer of b"]) {
        image.layers = vec![keep_layer(&store, &"base ".repeat(100_000)), keep_layer(&store, own)];
        let diff_ids: Vec<String> = image.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        let rootfs = serde_json::json!({"type": "layers", "diff_ids": diff_ids});
        let config = serde_json::json!({"architecture": "amd64", "os": "linux", "rootfs": rootfs});
        image.config = keep(&store, config.to_string().as_bytes());
    }
    (store, release)
}

fn keep(store: &Store, content: &[u8]) -> Digest {
    let digest = Digest::of(content);
    let mut incoming = store.incoming(&digest).unwrap();
    incoming.write_all(content).unwrap();
    incoming.keep().unwrap();
    store.promote(&[landfall_manifests::Blob { digest, size: content.len() as u64 }]).unwrap();
    digest
}

fn keep_layer(store: &Store, content: &str) -> Layer {
    let blob = keep(store, &zstd::encode_all(content.as_bytes(), 1).unwrap());
    let size = content.len() as u64;
    Layer { blob, encoding: Encoding::Zstd, diff_id: Digest::of(content.as_bytes()), size }
}

/// Plans and loads all images of the release.
fn load_all(engine: &FakeImageEngine, store: &Store, release: &Release) -> Result<(), StepError> {
    let observed = plan::ObservedEngine {
        images: engine.images()?,
        takes_partial_archives: engine.about()?.takes_partial_archives,
        ..plan::ObservedEngine::default()
    };
    for (image, planned) in release.images.iter().zip(plan::images(release, &installation(), Some(&observed))) {
        if let Action::Load(layers) = &planned.action {
            load(engine, store, image, &planned, layers, &Progress::hidden())
                .map_err(|error| error.of_image(&image.name))?;
        }
        check(image, engine.image(&planned.tag)?.as_ref(), true).unwrap();
    }
    Ok(())
}

#[test]
fn each_layer_reaches_the_engine_once() {
    let root = tempfile::tempdir().unwrap();
    let (store, release) = stored(root.path());
    let engine = FakeImageEngine::default();
    load_all(&engine, &store, &release).unwrap();
    let layer = |image: usize, layer: usize| release.images[image].layers[layer].diff_id;
    assert_eq!(*engine.received.borrow(), [layer(0, 0), layer(0, 1), layer(1, 1)]);
    load_all(&engine, &store, &release).unwrap();
    assert_eq!(engine.received.borrow().len(), 3, "loading again loads nothing");
}

#[test]
fn an_engine_that_wants_whole_archives_gets_them() {
    let root = tempfile::tempdir().unwrap();
    let (store, release) = stored(root.path());
    let engine = FakeImageEngine { wants_all_layers: true, ..FakeImageEngine::default() };
    load_all(&engine, &store, &release).unwrap();
    assert_eq!(engine.received.borrow().len(), 4);
}

#[test]
fn a_layer_that_is_not_its_diff_id_never_becomes_an_image() {
    let root = tempfile::tempdir().unwrap();
    let (store, mut release) = stored(root.path());
    for (change, says) in [
        (
            Box::new(|layer: &mut Layer| layer.diff_id = Digest::of(b"x")) as Box<dyn Fn(&mut Layer)>,
            "the digest sha256:",
        ),
        (Box::new(|layer: &mut Layer| layer.size -= 1), "more than the"),
        (Box::new(|layer: &mut Layer| layer.size += 1), "not to the"),
        (Box::new(|layer: &mut Layer| layer.encoding = Encoding::Gzip), "does not decompress"),
    ] {
        let good = release.images[0].layers[1].clone();
        change(&mut release.images[0].layers[1]);
        let engine = FakeImageEngine::default();
        let error = load_all(&engine, &store, &release).unwrap_err();
        let StepError::Load { source: ImageError::Layer { source: ContentError::Decode(_), .. }, .. } = &error else {
            panic!("{error:?}")
        };
        let text = landfall_console::message_with_causes(&error);
        assert!(text.contains(says) && text.contains("image a"), "{text}");
        assert!(engine.images.borrow().is_empty());
        release.images[0].layers[1] = good;
    }
}

#[test]
fn what_the_engine_made_of_it_has_to_be_the_image() {
    let root = tempfile::tempdir().unwrap();
    let (_, release) = stored(root.path());
    let image = &release.images[0];
    let right = LocalImage {
        id: image.config.to_string(),
        tags: Vec::new(),
        platform: image.platform.clone(),
        diff_ids: image.layers.iter().map(|layer| layer.diff_id).collect(),
    };
    assert_eq!(check(image, Some(&right), true), Ok(()));
    assert!(check(image, None, true).is_err());
    assert!(check(image, Some(&LocalImage { diff_ids: right.diff_ids[..1].to_vec(), ..right.clone() }), true).is_err());
    assert!(check(image, Some(&LocalImage { platform: "linux/arm64".to_owned(), ..right.clone() }), true).is_err());
    let renamed = LocalImage { id: Digest::of(b"manifest").to_string(), ..right };
    assert!(check(image, Some(&renamed), true).is_err());
    assert_eq!(check(image, Some(&renamed), false), Ok(()), "containerd's store has other ids");
}

#[test]
fn undoing_takes_away_the_tags_that_were_added_and_no_others() {
    let root = tempfile::tempdir().unwrap();
    let (store, release) = stored(root.path());
    let engine = FakeImageEngine::default();
    load_all(&engine, &store, &release).unwrap();
    engine.tag(&release.images[1].config.to_string(), "somebody:1").unwrap();
    let tags = plan::images(&release, &installation(), Some(&plan::ObservedEngine::default()))
        .into_iter()
        .map(|image| image.tag);
    let record = crate::fixture::installed(crate::fixture::installed_release("1.4.0", 12), Vec::new());
    let steps = vec![StepName::Stage, StepName::Load, StepName::Unfold];
    let receipt = crate::receipts::tests::draft(1, None);
    let tags = tags.collect();
    let transition = Transition { steps, tags, ..Transition::new(Kind::Install, None, record, receipt) };
    let host = HostContext::fake(root.path(), Some(Box::new(engine)));
    undo(&host, &transition).unwrap();
    undo(&host, &transition).unwrap();
    let left = host.engine().unwrap().unwrap().images().unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].tags, ["somebody:1"]);
}
