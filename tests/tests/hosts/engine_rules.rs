//! The fake engine answers as Docker does: what the runtime's tests prove on the fake holds on the real one.

use anyhow::{Context as _, Result, ensure};
use landfall::engine::fake::FakeContainerEngine;
use landfall::engine::{
    ContainerEngine, EngineAddress, EngineChoice, EngineError, Folder, ImageIdentity, InstallationId, Labels,
    LogWindow, NetworkSpec, Owned, PreparationSpec, Selector, Tmpfs, Volumes, connect, labels, write_archive,
};
use landfall_manifests::{Digest, Image, Layer};
use landfall_tests::Engine;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{Read, Write};

/// An archive without an entry: two blocks of zeros.
const LAYER: [u8; 1024] = [0; 1024];
const TAG: &str = "landfall.local/090909090909/acme/engine-rules:1.0.0-1";
/// A number that no tenant of another test has.
const TENANT: i64 = 999_999;

#[test]
fn the_fake_engine_answers_as_docker_does() -> Result<()> {
    let engine = Engine::shared()?;
    let address = EngineAddress::Unix(engine.socket().to_owned());
    let (image, config) = image()?;
    let images = connect::images(&address)?.context("an address leads to an engine")?;
    let layers = BTreeSet::from([image.layers[0].diff_id]);
    let open = |_: &Layer| Ok(Box::new(LAYER.as_slice()) as Box<dyn Read>);
    let mut write = |out: &mut dyn Write| write_archive(&image, config.as_bytes(), TAG, &layers, &open, out);
    images.load(&mut write)?;
    let found = images.image(TAG)?.context("the image was loaded")?;
    ensure!(found.diff_ids == [image.layers[0].diff_id], "{found:?}");

    let identity = ImageIdentity {
        config: image.config.to_string(),
        diff_ids: image.layers.iter().map(|layer| layer.diff_id.to_string()).collect(),
    };
    let real = connect::containers(EngineChoice::At(address));
    let fake = FakeContainerEngine::with_image(&identity, "");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let expected = runtime.block_on(answers(&fake, &identity));
    let answers = runtime.block_on(answers(real.as_ref(), &identity));
    images.remove_owned(&Owned::of_tenant(&installation(), TENANT), Volumes::Remove)?;
    images.untag(TAG)?;
    for (fake, real) in expected.iter().zip(&answers) {
        ensure!(fake == real, "the fake answers {fake:?}, Docker {real:?}");
    }
    Ok(())
}

/// An image of one empty layer, and its configuration.
fn image() -> Result<(Image, String)> {
    let layer = Digest::of(&LAYER).to_string();
    let rootfs = json!({"type": "layers", "diff_ids": [layer]});
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).to_string();
    let image = serde_json::from_value(json!({
        "name": "engine-rules", "platform": "linux/amd64", "mediaType": "", "source": "",
        "manifest": layer, "config": Digest::of(config.as_bytes()).to_string(),
        "layers": [{"blob": layer, "encoding": "gzip", "diffId": layer, "size": LAYER.len()}],
    }))?;
    Ok((image, config))
}

/// What an engine answers to each request of a list, by the kind of answer.
async fn answers(engine: &dyn ContainerEngine, image: &ImageIdentity) -> Vec<(&'static str, String)> {
    let ours = labelled(&TENANT.to_string());
    let others = Owned::of_tenant(&InstallationId::from_random([8; 16]), TENANT);
    let any = Selector::of_any_installation();
    let by = Owned::of_tenant(&installation(), TENANT);
    let other = Digest::of(b"other").to_string();
    let other = ImageIdentity { config: other.clone(), diff_ids: vec![other] };
    let preparation = PreparationSpec {
        name: "engine-rules".to_owned(),
        image: image.config.clone(),
        labels: ours.clone(),
        volumes: vec![("engine-rules-files".to_owned(), "/data".to_owned())],
        tmpfs: vec![Tmpfs { path: "/cache".to_owned(), size: 4096 }],
    };
    let strange =
        PreparationSpec { name: "engine-rules-2".to_owned(), image: other.config.clone(), ..preparation.clone() };
    let network = NetworkSpec {
        name: "engine-rules".to_owned(),
        bridge: "lft-rules".to_owned(),
        subnet: "10.255.255.0/29".to_owned(),
        gateway: [10, 255, 255, 1].into(),
        labels: ours.clone(),
    };
    let overlapping =
        NetworkSpec { name: "engine-rules-2".to_owned(), bridge: "lft-rules2".to_owned(), ..network.clone() };
    let folder = [Folder { name: "home".to_owned(), uid: 5, gid: 6 }];
    let command = ["true".to_owned()];
    let window = LogWindow { tail: 1, follow: false };
    let counts = async || {
        let listing = engine.list(by.selector()).await;
        kind(listing.map(|all| format!("{}, {}, {}", all.containers.len(), all.networks.len(), all.volumes.len())))
    };
    vec![
        ("ping", kind(engine.ping().await.map(drop))),
        ("find an image", kind(engine.find_image(image).await.map(|found| found.is_some()))),
        ("find another image", kind(engine.find_image(&other).await.map(|found| found.is_some()))),
        ("create a volume", kind(engine.create_volume("engine-rules-files", &ours).await)),
        ("create it again", kind(engine.create_volume("engine-rules-files", &ours).await)),
        ("create it with other labels", kind(engine.create_volume("engine-rules-files", &labelled("other")).await)),
        ("create a container", kind(engine.create_preparation(&preparation).await)),
        ("create one of that name", kind(engine.create_preparation(&preparation).await)),
        ("create one of no image", kind(engine.create_preparation(&strange).await)),
        ("create a folder", kind(engine.put_folders("engine-rules", "/", &folder).await)),
        ("create a folder nowhere", kind(engine.put_folders("no-such", "/", &folder).await)),
        ("read no file", kind(engine.read_file("engine-rules", "/no-such").await.map(drop))),
        ("inspect", kind(engine.inspect("engine-rules").await.map(|state| state.map(|state| state.running)))),
        ("inspect nothing", kind(engine.inspect("no-such").await.map(|state| state.map(|state| state.running)))),
        ("create a network", kind(engine.create_network(&network).await)),
        ("create the network again", kind(engine.create_network(&network).await)),
        ("create one of that subnet", kind(engine.create_network(&overlapping).await)),
        ("list", counts().await),
        ("list another installation's", kind(engine.list(others.selector()).await.map(|all| all.volumes.len()))),
        (
            "list those of all",
            kind(engine.list(&any).await.map(|all| all.volumes.iter().any(|one| one.labels == ours))),
        ),
        ("remove a volume in use", kind(engine.remove_volume("engine-rules-files").await)),
        ("start nothing", kind(engine.start("no-such").await)),
        ("run a command nowhere", kind(engine.start_command("no-such", &command).await)),
        ("run a command in what does not run", kind(engine.start_command("engine-rules", &command).await)),
        ("read the logs of nothing", kind(engine.logs("no-such", window).await.map(drop))),
        ("sample nothing", kind(engine.usage("no-such").await.map(drop))),
        ("remove no container", kind(engine.remove_container("no-such").await)),
        ("remove no network", kind(engine.remove_network("no-such").await)),
        ("remove no volume", kind(engine.remove_volume("no-such").await)),
        ("remove the container", kind(engine.remove_container("engine-rules").await)),
        ("remove the network", kind(engine.remove_network("engine-rules").await)),
        ("remove the volume", kind(engine.remove_volume("engine-rules-files").await)),
        ("list nothing", counts().await),
    ]
}

/// An installation that no test has.
fn installation() -> InstallationId {
    InstallationId::from_random([9; 16])
}

fn labelled(number: &str) -> Labels {
    let labels = [(labels::TENANT, number.to_owned()), (labels::INSTALLATION, installation().to_string())];
    labels.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A value, or the kind of failure.
fn kind<T: std::fmt::Debug>(answer: Result<T, EngineError>) -> String {
    match answer {
        Ok(value) => format!("{value:?}"),
        Err(EngineError::NotFound { .. }) => "not found".to_owned(),
        Err(EngineError::Conflict { .. }) => "conflict".to_owned(),
        Err(EngineError::Failed { .. }) => "failed".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}
