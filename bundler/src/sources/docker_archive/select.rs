use crate::sources::SourceError;
use serde::Deserialize;

/// An image as `manifest.json` lists it (Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset
/// Format").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SavedImage {
    /// The name of the configuration's file.
    pub(super) config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    /// The names of the layers' files, base first.
    pub(super) layers: Vec<String>,
}

/// As many digits of an image's id as Docker shows.
const SHORT_ID: usize = 12;

/// The image that a reference names: by a tag, as Docker completes it, or by its id. Without a reference, the only one.
pub(super) fn select(images: Vec<SavedImage>, reference: Option<&str>) -> Result<SavedImage, SourceError> {
    let mut available: Vec<String> = images.iter().flat_map(SavedImage::names).collect();
    available.sort();
    available.dedup();
    let Some(reference) = reference else {
        return <[SavedImage; 1]>::try_from(images)
            .map(|[image]| image)
            .map_err(|_| SourceError::Ambiguous { available });
    };
    let mut found: Vec<SavedImage> = images.into_iter().filter(|image| image.is_named(reference)).collect();
    // One image may be listed several times.
    found.dedup_by(|one, other| one.config == other.config);
    match <[SavedImage; 1]>::try_from(found) {
        Ok([image]) => Ok(image),
        Err(none) if none.is_empty() => Err(SourceError::NoSuchImage { requested: reference.to_owned(), available }),
        Err(several) => {
            let ids = several.iter().map(|image| image.id().to_owned()).collect();
            Err(SourceError::SameName { requested: reference.to_owned(), ids })
        }
    }
}

impl SavedImage {
    fn tags(&self) -> &[String] {
        self.repo_tags.as_deref().unwrap_or_default()
    }

    fn names(&self) -> Vec<String> {
        if self.tags().is_empty() { vec![self.id().chars().take(SHORT_ID).collect()] } else { self.tags().to_vec() }
    }

    fn is_named(&self, reference: &str) -> bool {
        let requested = completed(reference);
        let id = reference.strip_prefix("sha256:").unwrap_or(reference);
        // A shorter text may be a name in hex digits, such as `cafe`.
        let by_id = id.len() >= SHORT_ID && self.id().starts_with(id);
        by_id || self.tags().iter().any(|tag| completed(tag) == requested)
    }

    /// The hex digits in the name of the configuration's file: `<id>.json`, or `blobs/sha256/<id>`.
    fn id(&self) -> &str {
        let name = self.config.rsplit('/').next().unwrap_or_default();
        name.strip_suffix(".json").unwrap_or(name)
    }
}

/// A reference without the parts that Docker leaves out, and with the tag that it adds.
fn completed(reference: &str) -> String {
    let short = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let short = short.strip_prefix("library/").unwrap_or(short);
    let last = short.rsplit('/').next().unwrap_or_default();
    if last.contains(':') { short.to_owned() } else { format!("{short}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn saved(config: &str, tags: &[&str]) -> SavedImage {
        let repo_tags = (!tags.is_empty()).then(|| tags.iter().map(|tag| (*tag).to_owned()).collect());
        SavedImage { config: config.to_owned(), repo_tags, layers: Vec::new() }
    }

    #[test]
    fn finds_an_image_by_tag_or_id() {
        let images = [
            saved("a.json", &["hello:1", "hello:latest"]),
            saved("b.json", &["docker.io/library/node:20"]),
            saved("c.json", &["localhost:5000/team/app:2"]),
            saved(&format!("blobs/sha256/{ID}"), &[]),
        ];
        for (reference, expected) in [
            ("hello", Some("a.json")),
            ("hello:1", Some("a.json")),
            ("docker.io/library/hello:1", Some("a.json")),
            ("node:20", Some("b.json")),
            ("localhost:5000/team/app:2", Some("c.json")),
            (ID, Some(images[3].config.as_str())),
            (&format!("sha256:{ID}"), Some(images[3].config.as_str())),
            (&ID[..12], Some(images[3].config.as_str())),
            (&ID[..11], None),
            ("hello:2", None),
            ("node", None),
            ("", None),
        ] {
            let found = select(images.to_vec(), Some(reference)).ok().map(|image| image.config);
            assert_eq!(found.as_deref(), expected, "{reference:?}");
        }
    }

    #[test]
    fn images_of_one_name_are_told_apart_by_their_ids() {
        let other = ID.replace('0', "f");
        let images = [saved(&format!("{ID}.json"), &["a:1"]), saved(&format!("{other}.json"), &["a:1"])];
        let error = select(images.to_vec(), Some("a:1")).map_or_else(|error| error.to_string(), |image| image.config);
        assert_eq!(
            error,
            format!(
                "several images in it have the name \"a:1\": name one by its id ({ID}, {other}), or give them names that differ"
            )
        );
        let found = select(images.to_vec(), Some(&other)).ok().map(|image| image.config);
        assert_eq!(found, Some(format!("{other}.json")));
        assert!(select(vec![images[0].clone(), images[0].clone()], Some("a:1")).is_ok(), "the same image twice");
    }

    #[test]
    fn asks_which_of_several() {
        let images = vec![saved("a.json", &["b:1", "a:1"]), saved(&format!("{ID}.json"), &[])];
        assert!(select(images[..1].to_vec(), None).is_ok());
        let error = select(images, None).map_or_else(|error| error.to_string(), |image| image.config);
        assert_eq!(error, "it has several images (0123456789ab, a:1, b:1): name one of them after another colon");
    }
}
