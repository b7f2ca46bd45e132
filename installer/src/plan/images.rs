//! Which images, and which of their layers, the engine lacks.

use super::ObservedEngine;
use crate::engine::{InstallationId, LocalImage, tags};
use landfall_manifests::{Digest, Image, Release};
use serde::Serialize;
use std::collections::BTreeSet;

/// What is done for one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlannedImage {
    pub(crate) name: String,
    pub(crate) config: Digest,
    /// The tag that it gets in the engine.
    pub(crate) tag: String,
    pub(crate) action: Action,
    /// The uncompressed bytes of the layers that are streamed to the engine.
    pub(crate) bytes: u64,
}

/// How an image comes into the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Action {
    /// It is there with its tag.
    Keep,
    /// It is there under this id, without our tag.
    Tag(String),
    /// It is streamed, with these layers by diffID; the engine holds the others.
    Load(BTreeSet<Digest>),
}

/// Decides for each image of the release, in its order; nothing where there is no engine.
pub(crate) fn plan(
    release: &Release,
    installation: &InstallationId,
    engine: Option<&ObservedEngine>,
) -> Vec<PlannedImage> {
    let Some(engine) = engine else { return Vec::new() };
    let mut held: BTreeSet<Digest> = BTreeSet::new();
    if engine.takes_partial_archives {
        held.extend(engine.images.iter().flat_map(|image| chain_ids(&image.diff_ids)));
    }
    let images = release.images.iter().map(|image| {
        let tag = tags::of_image(installation, &release.product, &image.name, &release.id());
        let action = action(image, &tag, engine, &held);
        let bytes = bytes(image, &action);
        if engine.takes_partial_archives {
            // Images are loaded in this order: what one of them brings, the next one need not.
            held.extend(chain_ids(&diff_ids(image)));
        }
        PlannedImage { name: image.name.to_string(), config: image.config, tag, action, bytes }
    });
    images.collect()
}

fn action(image: &Image, tag: &str, engine: &ObservedEngine, held: &BTreeSet<Digest>) -> Action {
    // By content and never by tag: anybody with access to the engine can move a tag.
    let same = |local: &&LocalImage| local.id == image.config.to_string() && local.diff_ids == diff_ids(image);
    match engine.images.iter().find(same) {
        Some(local) if local.tags.iter().any(|other| other == tag) => Action::Keep,
        Some(local) => Action::Tag(local.id.clone()),
        None => {
            let layers = diff_ids(image).into_iter().zip(chain_ids(&diff_ids(image)));
            Action::Load(layers.filter(|(_, chain)| !held.contains(chain)).map(|(layer, _)| layer).collect())
        }
    }
}

fn bytes(image: &Image, action: &Action) -> u64 {
    let Action::Load(layers) = action else { return 0 };
    let size =
        |diff_id: &Digest| image.layers.iter().find(|layer| layer.diff_id == *diff_id).map_or(0, |layer| layer.size);
    layers.iter().map(size).sum()
}

fn diff_ids(image: &Image) -> Vec<Digest> {
    image.layers.iter().map(|layer| layer.diff_id).collect()
}

/// A layer together with all below it (OCI image specification, "Layer ChainID"): what an engine holds or does not hold.
fn chain_ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut below: Option<Digest> = None;
    let chain = diff_ids.iter().map(|diff_id| {
        let id = below.map_or(*diff_id, |below| Digest::of(format!("{below} {diff_id}").as_bytes()));
        below = Some(id);
        id
    });
    chain.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{installation, release_with};

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn local(id: &str, tags: &[&str], layers: &[&str]) -> LocalImage {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let diff_ids = layers.iter().map(|layer| digest(layer)).collect();
        LocalImage { id: digest(id).to_string(), tags, platform: "linux/amd64".to_owned(), diff_ids }
    }

    fn actions(images: &[(&str, &[&str])], engine: &ObservedEngine) -> Vec<Action> {
        plan(&release_with(images), &installation(), Some(engine)).into_iter().map(|image| image.action).collect()
    }

    fn load(layers: &[&str]) -> Action {
        Action::Load(layers.iter().map(|layer| digest(layer)).collect())
    }

    fn engine(images: Vec<LocalImage>) -> ObservedEngine {
        ObservedEngine { images, takes_partial_archives: true, ..ObservedEngine::default() }
    }

    #[test]
    fn a_layer_is_held_only_on_top_of_the_same_layers() {
        let node: (&str, &[&str]) = ("node", &["base", "node", "app"]);
        for (there, missing) in [
            (vec![], vec!["base", "node", "app"]),
            (vec!["base"], vec!["node", "app"]),
            (vec!["base", "node"], vec!["app"]),
            (vec!["node", "app"], vec!["base", "node", "app"]),
            (vec!["base", "app"], vec!["node", "app"]),
        ] {
            let engine = engine(vec![local("other", &[], &there)]);
            assert_eq!(actions(&[node], &engine), [load(&missing)], "{there:?}");
        }
    }

    #[test]
    fn the_second_image_does_without_the_layers_of_the_first() {
        let images: [(&str, &[&str]); 2] = [("a", &["base", "a"]), ("b", &["base", "b"])];
        assert_eq!(actions(&images, &engine(vec![])), [load(&["base", "a"]), load(&["b"])]);
        let whole = ObservedEngine { takes_partial_archives: false, ..engine(vec![]) };
        assert_eq!(actions(&images, &whole), [load(&["base", "a"]), load(&["base", "b"])]);
    }

    #[test]
    fn an_image_that_is_there_is_tagged_or_left_alone() {
        let images: [(&str, &[&str]); 1] = [("a", &["base"])];
        let tag = "landfall.local/1d1d1d1d1d1d/acme/a:1.4.0-12";
        let there = |tags: &[&str]| engine(vec![local("a", tags, &["base"])]);
        assert_eq!(actions(&images, &there(&["x:1"])), [Action::Tag(digest("a").to_string())]);
        assert_eq!(actions(&images, &there(&["x:1", tag])), [Action::Keep]);
        let foreign = engine(vec![local("a", &[tag], &["other"])]);
        assert_eq!(actions(&images, &foreign), [load(&["base"])]);
        // Of another installation: each has a tag of its own.
        let theirs = "landfall.local/000000000000/acme/a:1.4.0-12";
        assert_eq!(actions(&images, &there(&[theirs])), [Action::Tag(digest("a").to_string())]);
        assert!(plan(&release_with(&images), &installation(), None).is_empty());
    }
}
