use super::select::{SavedImage, select};
use crate::blob_store::{BlobStore, LayerError};
use crate::plan::RequestedImage;
use crate::sources::SourceError;
use crate::sources::content_kind::{ContentKind, first_block};
use crate::sources::image::{parse_config, parse_json};
use crate::sources::tar_reader::End;
use landfall_console::Size;
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
    /// The files that may be layers, whether they were kept or not.
    layer_files: BTreeMap<String, LayerFile>,
    /// Files that are nothing that an image is made of.
    other_files: BTreeSet<String>,
    layers: BTreeMap<String, Layer>,
    links: BTreeMap<String, String>,
    document_bytes: usize,
    is_cut_off: bool,
}

/// What an archive's documents say of one image.
pub(super) struct SavedDocuments<'a> {
    pub(super) config_bytes: &'a [u8],
    /// The files of the layers, which are there, with the diffIDs that they should have.
    pub(super) layers: Vec<(String, Digest)>,
}

/// A file that may be a layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct LayerFile {
    pub(super) kind: ContentKind,
    /// Where its content begins in the archive.
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// A layer that is being read.
pub(super) struct LayerEntry<'a> {
    pub(super) name: &'a str,
    pub(super) file: LayerFile,
    pub(super) content: &'a mut dyn Read,
}

impl LayerEntry<'_> {
    /// Takes the layer into the store.
    pub(super) fn keep(self, store: &mut BlobStore) -> Result<Layer, SourceError> {
        let kept = match self.file.kind {
            ContentKind::Compressed(encoding) => store.add_compressed_layer(self.content, encoding),
            _ => store.add_uncompressed_layer(self.content, Some(self.file.size)),
        };
        kept.map_err(|error| layer_error(self.name, error))
    }
}

/// An error of the layer of this name.
pub(super) fn layer_error(name: &str, error: LayerError) -> SourceError {
    match error {
        // Of the archive that the layer is in.
        LayerError::Read(source) => SourceError::reading(source),
        other => SourceError::Layer(name.to_owned(), other),
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
        let (offset, size) = (entry.raw_file_position(), entry.size());
        let start = first_block(entry).map_err(SourceError::reading)?;
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
            ContentKind::Other | ContentKind::CompressedOtherwise(_) => {
                self.other_files.insert(name.to_owned());
                Ok(())
            }
            ContentKind::Tar | ContentKind::Compressed(_) => {
                let file = LayerFile { kind, offset, size };
                self.layer_files.insert(name.to_owned(), file);
                let found = layer(LayerEntry { name, file, content: &mut content })?;
                self.layers.extend(found.map(|layer| (name.to_owned(), layer)));
                Ok(())
            }
        }
    }

    fn add_document(&mut self, name: &str, content: &mut impl Read) -> Result<(), SourceError> {
        let mut document = Vec::new();
        content.read_to_end(&mut document).map_err(SourceError::reading)?;
        // Counted together: each is small, but an archive may hold any number of them.
        self.document_bytes += document.len();
        if self.document_bytes > DOCUMENTS_BYTES {
            let what = "the sum of the archive's JSON documents".to_owned();
            return Err(SourceError::TooLarge { what, limit: Size(DOCUMENTS_BYTES as u64) });
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

    /// What the documents say of an image, whose layers' files must be there.
    pub(super) fn documents_of(
        &self,
        requested: &RequestedImage,
        platform: &Platform,
    ) -> Result<SavedDocuments<'_>, SourceError> {
        let saved = self.select(requested)?;
        let config_bytes = self.document(&saved.config)?;
        let diff_ids = parse_config(config_bytes, platform)?.rootfs.diff_ids;
        if diff_ids.len() != saved.layers.len() {
            return Err(SourceError::LayerCount { expected: diff_ids.len(), found: saved.layers.len() });
        }
        let layers = saved.layers.iter().zip(diff_ids).map(|(name, digest)| {
            let file = self.resolve(name);
            match () {
                () if self.layer_files.contains_key(file) => Ok((file.to_owned(), digest)),
                () if self.is_there(file) => Err(SourceError::LayerKind(name.to_owned())),
                () => Err(self.missing(SourceError::NoLayer { digest, name: Some(name.to_owned()) })),
            }
        });
        Ok(SavedDocuments { config_bytes, layers: layers.collect::<Result<_, _>>()? })
    }

    fn is_there(&self, file: &str) -> bool {
        self.documents.contains_key(file) || self.oversized.contains(file) || self.other_files.contains(file)
    }

    /// A JSON document.
    pub(super) fn document(&self, name: &str) -> Result<&[u8], SourceError> {
        let resolved = self.resolve(name);
        if self.oversized.contains(resolved) {
            return Err(SourceError::TooLarge { what: name.to_owned(), limit: Size(limits::IMAGE_JSON_BYTES) });
        }
        let found = self.documents.get(resolved);
        found.map(Vec::as_slice).ok_or_else(|| self.missing(SourceError::NoEntry(name.to_owned())))
    }

    /// What is missing in a whole archive; of one that is cut off nobody knows.
    fn missing(&self, error: SourceError) -> SourceError {
        if self.is_cut_off { SourceError::CutOff } else { error }
    }

    /// Notes how the archive ended.
    pub(super) fn end(&mut self, end: End) {
        self.is_cut_off = end == End::Unmarked;
    }

    /// The file of this name that may be a layer.
    pub(super) fn layer_file(&self, name: &str) -> Option<LayerFile> {
        self.layer_files.get(name).copied()
    }

    /// Notes which layer of the store the file of this name is.
    pub(super) fn keep(&mut self, name: &str, layer: Layer) {
        self.layers.insert(name.to_owned(), layer);
    }

    /// A layer that was kept.
    pub(super) fn layer(&self, file: String, digest: Digest) -> Result<&Layer, SourceError> {
        let kept = self.layers.get(&file);
        kept.ok_or(SourceError::NoLayer { digest, name: Some(file) })
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
