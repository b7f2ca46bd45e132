use super::select::{SavedImage, select};
use crate::blob_store::BlobStore;
use crate::plan::RequestedImage;
use crate::sources::SourceError;
use crate::sources::content_kind::{ContentKind, first_block};
use crate::sources::image::{parse_config, parse_json};
use landfall_manifests::{Digest, Layer, limits, oci::Platform};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use tar::EntryType;

const MANIFEST: &str = "manifest.json";
/// All JSON documents of an archive together, in bytes: they are kept in memory until `manifest.json` at the archive's end
/// tells which of them are needed. Docker writes one of some 500 bytes a layer and of a few KiB an image.
const DOCUMENTS_BYTES: usize = 16 << 20;
/// Links that lead to links: Docker writes links to files only.
const LINK_HOPS: usize = 8;

/// What an archive holds, by normalized name. `docker save` up to version 24 writes `<id>/layer.tar`, and links where a
/// layer repeats; from 25 on an OCI layout with a `manifest.json` added. Neither order nor names are relied upon.
#[derive(Debug, Default)]
pub(super) struct ArchiveContents {
    documents: BTreeMap<String, Vec<u8>>,
    /// Documents that are too large for an image's own: an error only if an image needs one.
    oversized: BTreeSet<String>,
    layers: BTreeMap<String, Layer>,
    links: BTreeMap<String, String>,
    document_bytes: usize,
}

/// A layer that the pass has come to.
pub(super) struct LayerEntry<'a> {
    pub(super) name: &'a str,
    kind: ContentKind,
    size: u64,
    content: &'a mut dyn Read,
}

impl LayerEntry<'_> {
    /// Takes the layer into the store.
    pub(super) fn keep(self, store: &mut BlobStore) -> Result<Layer, SourceError> {
        let kept = match self.kind {
            ContentKind::Compressed(encoding) => store.add_compressed_layer(self.content, encoding),
            _ => store.add_uncompressed_layer(self.content, Some(self.size)),
        };
        kept.map_err(|error| SourceError::Layer(self.name.to_owned(), error))
    }
}

impl ArchiveContents {
    /// Takes in the next entry of an archive; `layer` decides what happens to a layer.
    pub(super) fn add(
        &mut self,
        entry: &mut tar::Entry<'_, impl Read>,
        layer: &mut impl FnMut(LayerEntry<'_>) -> Result<Option<Layer>, SourceError>,
    ) -> Result<(), SourceError> {
        // Archives may name files `./manifest.json`, and refer to them without the dot.
        let name = normalized(&String::from_utf8_lossy(&entry.path_bytes()));
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => self.add_file(&name, entry, layer)?,
            // A symbolic link's target is relative to the link's folder, a hard link's to the archive's root.
            EntryType::Symlink => self.add_link(&name, entry, parent(&name)),
            EntryType::Link => self.add_link(&name, entry, ""),
            _ => {}
        }
        Ok(())
    }

    fn add_file(
        &mut self,
        name: &str,
        entry: &mut tar::Entry<'_, impl Read>,
        layer: &mut impl FnMut(LayerEntry<'_>) -> Result<Option<Layer>, SourceError>,
    ) -> Result<(), SourceError> {
        let size = entry.size();
        let start = first_block(entry).map_err(SourceError::Archive)?;
        // By content and not by name: what a file is called differs between the versions of Docker.
        let kind = ContentKind::of(&start);
        // The block that was looked at is put back: a stream is read once.
        let mut content = Cursor::new(start).chain(entry);
        match kind {
            ContentKind::Json if size <= limits::IMAGE_JSON_BYTES => self.add_document(name, &mut content),
            ContentKind::Json => {
                self.oversized.insert(name.to_owned());
                Ok(())
            }
            ContentKind::Other => Ok(()),
            ContentKind::Tar | ContentKind::Compressed(_) => {
                let found = layer(LayerEntry { name, kind, size, content: &mut content })?;
                self.layers.extend(found.map(|layer| (name.to_owned(), layer)));
                Ok(())
            }
        }
    }

    fn add_document(&mut self, name: &str, content: &mut impl Read) -> Result<(), SourceError> {
        let mut document = Vec::new();
        content.read_to_end(&mut document).map_err(SourceError::Archive)?;
        // Counted together: each is small, but an archive may hold any number of them.
        self.document_bytes += document.len();
        if self.document_bytes > DOCUMENTS_BYTES {
            let what = "the sum of the archive's JSON documents".to_owned();
            return Err(SourceError::TooLarge { what, limit: DOCUMENTS_BYTES as u64 });
        }
        self.documents.insert(name.to_owned(), document);
        Ok(())
    }

    fn add_link(&mut self, name: &str, entry: &tar::Entry<'_, impl Read>, folder: &str) {
        if let Some(target) = entry.link_name_bytes() {
            let target = normalized(&format!("{folder}/{}", String::from_utf8_lossy(&target)));
            self.links.insert(name.to_owned(), target);
        }
    }

    /// The image that is requested.
    pub(super) fn select(&self, requested: &RequestedImage) -> Result<SavedImage, SourceError> {
        let images: Vec<SavedImage> = parse_json(MANIFEST, self.document(MANIFEST)?)?;
        select(images, requested.reference.as_deref())
    }

    /// The names of an image's layers, with the diffIDs that its configuration says they have.
    pub(super) fn expected(
        &self,
        requested: &RequestedImage,
        platform: &Platform,
    ) -> Result<Vec<(String, Digest)>, SourceError> {
        let saved = self.select(requested)?;
        let config = parse_config(self.document(&saved.config)?, platform)?;
        let names = saved.layers.iter().map(|name| self.resolve(name).to_owned());
        Ok(names.zip(config.rootfs.diff_ids).collect())
    }

    /// A JSON document.
    pub(super) fn document(&self, name: &str) -> Result<&[u8], SourceError> {
        let resolved = self.resolve(name);
        if self.oversized.contains(resolved) {
            return Err(SourceError::TooLarge { what: name.to_owned(), limit: limits::IMAGE_JSON_BYTES });
        }
        let found = self.documents.get(resolved);
        found.map(Vec::as_slice).ok_or_else(|| SourceError::NoEntry(name.to_owned()))
    }

    /// A layer that was kept.
    pub(super) fn layer(&self, name: &str) -> Result<&Layer, SourceError> {
        self.layers.get(self.resolve(name)).ok_or_else(|| SourceError::LayerKind(name.to_owned()))
    }

    /// The name of the file that a name leads to.
    pub(super) fn resolve<'a>(&'a self, name: &'a str) -> &'a str {
        let mut name = name;
        // Bounded: a hostile archive may hold a circle of links.
        for _ in 0..LINK_HOPS {
            match self.links.get(name) {
                Some(target) => name = target,
                None => break,
            }
        }
        name
    }
}

fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A name from the archive's root on, without `.` and `..`. It never becomes a path.
fn normalized(name: &str) -> String {
    let mut components = Vec::new();
    for component in name.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                components.pop();
            }
            other => components.push(other),
        }
    }
    components.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_names_within_the_archive() {
        for (name, expected) in [
            ("./a/layer.tar", "a/layer.tar"),
            ("b/../a/layer.tar", "a/layer.tar"),
            ("../../etc", "etc"),
            ("/a//b", "a/b"),
        ] {
            assert_eq!(normalized(name), expected);
        }
    }
}
