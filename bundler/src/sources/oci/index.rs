use super::layout::{Layout, document, small};
use crate::sources::SourceError;
use crate::sources::image::parse_json;
use landfall_manifests::oci::{self, Descriptor, ImageIndex, Platform};

/// How deep indexes may lie in indexes: a registry's multi-platform image in a layout takes two.
const DEPTH: usize = 3;
/// The name that containerd gives an image in its layouts, with registry and tag.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// The manifest of the image with this name, or of the only image, for a platform.
pub(super) fn find(layout: &impl Layout, name: Option<&str>, platform: &Platform) -> Result<Descriptor, SourceError> {
    let index: ImageIndex = parse_json(oci::INDEX_NAME, &small(layout, oci::INDEX_NAME)?)?;
    let available = names(&index.manifests);
    let named = index.manifests.into_iter().filter(|found| name.is_none_or(|name| is_named(found, name)));
    let named: Vec<Descriptor> = named.collect();
    if let (true, Some(name)) = (named.is_empty(), name) {
        return Err(SourceError::NoSuchImage { wanted: name.to_owned(), available });
    }
    let mut found = Vec::new();
    collect(layout, named, DEPTH, &mut found)?;
    // An index's manifest without a platform says in its configuration what it is for, which is checked there.
    let (fit, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|one| one.platform.as_ref().is_none_or(|it| it == platform));
    let mut fit = fit;
    fit.dedup_by(|a, b| a.digest == b.digest);
    match <[Descriptor; 1]>::try_from(fit) {
        Ok([one]) => Ok(one),
        Err(none) if none.is_empty() => Err(no_platform(platform, &others)),
        Err(_) => Err(SourceError::Ambiguous { available }),
    }
}

fn collect(
    layout: &impl Layout,
    descriptors: Vec<Descriptor>,
    depth: usize,
    found: &mut Vec<Descriptor>,
) -> Result<(), SourceError> {
    for descriptor in descriptors {
        if ![oci::INDEX, oci::DOCKER_INDEX].contains(&descriptor.media_type.as_str()) {
            found.push(descriptor);
        } else if depth > 0 {
            let bytes = document(layout, "an index in index.json", &descriptor)?;
            let index: ImageIndex = parse_json("an index in index.json", &bytes)?;
            collect(layout, index.manifests, depth - 1, found)?;
        }
    }
    Ok(())
}

fn no_platform(wanted: &Platform, others: &[Descriptor]) -> SourceError {
    let name = |platform: &Platform| format!("{}/{}", platform.os, platform.architecture);
    let available = others.iter().filter_map(|other| other.platform.as_ref()).map(name).collect();
    SourceError::NoSuchPlatform { wanted: name(wanted), available }
}

fn is_named(descriptor: &Descriptor, name: &str) -> bool {
    [oci::REF_NAME, CONTAINERD_NAME].iter().any(|key| descriptor.annotations.get(*key).is_some_and(|it| it == name))
}

fn names(descriptors: &[Descriptor]) -> Vec<String> {
    descriptors.iter().filter_map(|found| found.annotations.get(oci::REF_NAME).cloned()).collect()
}
