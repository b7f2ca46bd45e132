use super::layout::{Layout, document};
use super::manifest;
use crate::sources::SourceError;
use crate::sources::image::parse_json;
use landfall_console::Size;
use landfall_manifests::oci::{self, Descriptor, ImageIndex, Platform};

/// How deep indexes may be nested: a registry's multi-platform image in a layout takes two levels.
const DEPTH: usize = 3;
/// All indexes that are read, in bytes, each as often as it is referred to: a few of a registry's take some hundred KiB, and
/// small ones that refer to one another many times over would multiply.
const INDEX_BYTES: usize = 16 << 20;
/// The name that containerd gives an image in its layouts, with registry and tag.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// The manifest of the image with this name, or of the only image, for a platform.
pub(super) fn find(layout: &impl Layout, name: Option<&str>, platform: &Platform) -> Result<Descriptor, SourceError> {
    let index = layout.index()?;
    let available = names(&index.manifests);
    let named = index.manifests.into_iter().filter(|found| name.is_none_or(|name| is_named(found, name)));
    let named: Vec<Descriptor> = named.collect();
    if let (true, Some(name)) = (named.is_empty(), name) {
        return Err(SourceError::NoSuchImage { requested: name.to_owned(), available });
    }
    let mut search = Search { layout, found: Vec::new(), index_bytes: 0 };
    // By the name first, then by platform: an index of several platforms has one name for all of them.
    search.collect(named, DEPTH)?;
    // A manifest that the index lists without a platform has it in its configuration, where it is checked later.
    let (fit, others): (Vec<_>, Vec<_>) =
        search.found.into_iter().partition(|one| one.platform.as_ref().is_none_or(|it| it == platform));
    let mut fit = fit;
    // One image may be listed under several names.
    fit.dedup_by(|a, b| a.digest == b.digest);
    match <[Descriptor; 1]>::try_from(fit) {
        Ok([one]) => Ok(one),
        Err(none) if none.is_empty() => Err(no_platform(platform, &others)),
        Err(several) => Err(match name {
            Some(name) => {
                let ids = several.iter().map(|found| found.digest.to_string()).collect();
                SourceError::SameName { requested: name.to_owned(), ids }
            }
            None => SourceError::Ambiguous { available },
        }),
    }
}

/// The manifests that indexes lead to.
struct Search<'a, L> {
    layout: &'a L,
    found: Vec<Descriptor>,
    index_bytes: usize,
}

impl<L: Layout> Search<'_, L> {
    fn collect(&mut self, descriptors: Vec<Descriptor>, depth: usize) -> Result<(), SourceError> {
        for descriptor in descriptors {
            if ![oci::INDEX, oci::DOCKER_INDEX].contains(&descriptor.media_type.as_str()) {
                self.found.push(descriptor);
            } else if depth > 0 {
                let index = self.index(&descriptor)?;
                self.collect(index.manifests, depth - 1)?;
            }
        }
        Ok(())
    }

    fn index(&mut self, descriptor: &Descriptor) -> Result<ImageIndex, SourceError> {
        let bytes = document(self.layout, "an index in index.json", descriptor)?;
        self.index_bytes += bytes.len();
        if self.index_bytes > INDEX_BYTES {
            let what = "the sum of the layout's indexes".to_owned();
            return Err(SourceError::TooLarge { what, limit: Size(INDEX_BYTES as u64) });
        }
        let index: ImageIndex = parse_json("an index in index.json", &bytes)?;
        manifest::check_media_types("an index in index.json", &descriptor.media_type, &index.media_type)?;
        Ok(index)
    }
}

fn no_platform(requested: &Platform, others: &[Descriptor]) -> SourceError {
    let name = |platform: &Platform| format!("{}/{}", platform.os, platform.architecture);
    // BuildKit lists its attestations among the images, as those of an unknown system.
    let platforms =
        others.iter().filter_map(|other| other.platform.as_ref()).filter(|platform| platform.os != "unknown");
    let available = platforms.map(name).collect();
    SourceError::NoSuchPlatform { requested: name(requested), available }
}

/// By an annotation, or by its digest, which tells images of one name apart.
fn is_named(descriptor: &Descriptor, name: &str) -> bool {
    let is_annotated = |key: &&str| descriptor.annotations.get(*key).is_some_and(|it| it == name);
    [oci::REF_NAME, CONTAINERD_NAME].iter().any(is_annotated) || descriptor.digest.to_string() == name
}

/// What each image can be asked for by: its name, and its digest where it has none.
fn names(descriptors: &[Descriptor]) -> Vec<String> {
    let name = |found: &Descriptor| found.annotations.get(oci::REF_NAME).cloned();
    descriptors.iter().map(|found| name(found).unwrap_or_else(|| found.digest.to_string())).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use landfall_manifests::Digest;
    use std::collections::BTreeMap;
    use std::io::{Cursor, Read};

    struct Memory(BTreeMap<String, Vec<u8>>);

    impl Layout for Memory {
        fn index(&self) -> Result<ImageIndex, SourceError> {
            parse_json(oci::INDEX_NAME, &self.0[oci::INDEX_NAME])
        }

        fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + '_>, SourceError> {
            let name = landfall_manifests::archive::blob_name(&blob.digest);
            let found = self.0.get(&name).cloned().ok_or(SourceError::NoEntry(name))?;
            Ok(Box::new(Cursor::new(found)))
        }
    }

    /// A layout of four indexes, each of which refers `times` to the next one, and the last to a manifest.
    fn nested(times: usize) -> Memory {
        let mut files = BTreeMap::new();
        let mut descriptor = Descriptor::new(oci::MANIFEST, Digest::of(b"manifest"), 8);
        let index = |descriptor: Descriptor| serde_json::to_vec(&ImageIndex::new(vec![descriptor; times])).unwrap();
        for _ in 0..DEPTH {
            let bytes = index(descriptor);
            descriptor = Descriptor::new(oci::INDEX, Digest::of(&bytes), bytes.len() as u64);
            files.insert(landfall_manifests::archive::blob_name(&descriptor.digest), bytes);
        }
        files.insert(oci::INDEX_NAME.to_owned(), index(descriptor));
        Memory(files)
    }

    #[test]
    fn images_of_one_name_are_told_apart_by_their_digests() {
        let platform = Platform { architecture: "amd64".to_owned(), os: "linux".to_owned() };
        let digests = [Digest::of(b"one"), Digest::of(b"other")];
        let mut listed = digests.map(|digest| Descriptor::new(oci::MANIFEST, digest, 8));
        for listed in &mut listed {
            listed.annotations.insert(oci::REF_NAME.to_owned(), "app:1".to_owned());
        }
        let layout = |listed: &[Descriptor]| {
            let index = serde_json::to_vec(&ImageIndex::new(listed.to_vec())).unwrap();
            Memory(BTreeMap::from([(oci::INDEX_NAME.to_owned(), index)]))
        };
        let both = layout(&listed);
        let error = find(&both, Some("app:1"), &platform).unwrap_err().to_string();
        assert!(error.contains(&digests[1].to_string()) && error.contains("names that differ"), "{error}");
        assert_eq!(find(&both, Some(&digests[1].to_string()), &platform).unwrap().digest, digests[1]);
        assert!(find(&layout(&[listed[0].clone(), listed[0].clone()]), Some("app:1"), &platform).is_ok());
        listed[1].annotations.clear();
        let error = find(&layout(&listed), None, &platform).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("it has several images (app:1, {}): name one of them after another colon", digests[1])
        );
    }

    #[test]
    fn follows_indexes_but_not_without_end() {
        let platform = Platform { architecture: "amd64".to_owned(), os: "linux".to_owned() };
        assert_eq!(find(&nested(2), None, &platform).unwrap().digest, Digest::of(b"manifest"));
        assert!(matches!(find(&nested(40), None, &platform), Err(SourceError::TooLarge { .. })));
    }
}
