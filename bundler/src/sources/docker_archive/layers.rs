//! The layers of an archive that is a file, each read where it lies: compressed ones are read ahead, several at a time.

use super::contents::{ArchiveContents, LayerEntry, LayerFile, layer_error};
use crate::blob_store::{BlobStore, CheckedLayer, LayerError, check_compressed_layer};
use crate::sources::SourceError;
use crate::sources::content_kind::ContentKind;
use crate::sources::file_range::file_range;
use crate::sources::read_ahead::{MOST_AT_A_TIME, Task, read_ahead};
use landfall_console::Progress;
use landfall_manifests::{Blob, Digest, Layer};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

/// Layers that are requested, by their names in the archive, with the diffIDs that they should have.
pub(super) type WantedLayers = BTreeMap<String, Digest>;

/// A layer that is requested.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    name: &'a str,
    diff_id: &'a Digest,
    file: LayerFile,
}

/// Notes in `contents` which layers of the store the `wanted` ones are, and takes in those that are not there yet.
pub(super) fn take(
    archive: &File,
    contents: &mut ArchiveContents,
    wanted: &WantedLayers,
    store: &mut BlobStore,
    progress: &Progress,
) -> Result<(), SourceError> {
    let files = wanted.iter().filter_map(|(name, diff_id)| {
        let file = contents.layer_file(name)?;
        Some(Wanted { name, diff_id, file })
    });
    let mut files: Vec<Wanted<'_>> = files.collect();
    files.sort_by_key(|wanted| wanted.file.offset);
    let open = |file: LayerFile| file_range(archive, file.offset, file.size).map(|content| progress.reader(content));
    let check = |Task { layer, encoding, place, .. }: Task<Wanted<'_>>| -> Result<CheckedLayer, SourceError> {
        check_compressed_layer(open(layer.file)?, encoding, place).map_err(|error| layer_error(layer.name, error))
    };
    let done = read_ahead(compressed(&files, store), MOST_AT_A_TIME, check);
    let mut ahead: BTreeMap<&str, _> = done.into_iter().map(|(wanted, checked)| (wanted.name, checked)).collect();
    for Wanted { name, diff_id, file } in files {
        let layer = match (ahead.remove(name), store.layer_with_diff_id(diff_id)) {
            (Some(checked), _) => store.keep_checked(checked?).map_err(|error| layer_error(name, error))?,
            // From this source or another one.
            (None, Some(known)) => known.clone(),
            (None, None) => match known(diff_id, file, store).map_err(|error| layer_error(name, error))? {
                Some(known) => known,
                None => LayerEntry { name, file, content: &mut open(file)? }.keep(store)?,
            },
        };
        contents.keep(name, layer);
    }
    Ok(())
}

/// A layer that an earlier build has compressed. What is in the archive is not looked at: the image is the same, or cannot be packed.
fn known(diff_id: &Digest, file: LayerFile, store: &mut BlobStore) -> Result<Option<Layer>, LayerError> {
    match file.kind {
        ContentKind::Tar => store.take_known_content(&Blob { digest: *diff_id, size: file.size }),
        _ => Ok(None),
    }
}

/// The compressed ones, each once, that are not in the store yet. They are stored as they are, so that their places are known.
fn compressed<'a>(files: &[Wanted<'a>], store: &mut BlobStore) -> Vec<Task<Wanted<'a>>> {
    let mut seen = BTreeSet::new();
    let task = |wanted: &Wanted<'a>| match wanted.file.kind {
        ContentKind::Compressed(encoding)
            if store.layer_with_diff_id(wanted.diff_id).is_none() && seen.insert(wanted.diff_id) =>
        {
            let size = wanted.file.size;
            Some(Task { layer: *wanted, size, encoding, place: store.reserve(size) })
        }
        _ => None,
    };
    files.iter().filter_map(task).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::sources::tar_reader::TarReader;
    use flate2::{Compression, write::GzEncoder};
    use landfall_manifests::Encoding;
    use landfall_media::Destination;
    use std::io::{Seek as _, Write as _};

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_ones_are_read_ahead_each_once_and_all_are_taken() {
        let layers = ["a", "b", "c"].map(|name| tar(&[(name, name.as_bytes())]));
        let [a, b, c] = &layers;
        let (gzip_a, zstd_b) = (gzip(a), zstd::encode_all(&**b, 1).unwrap());
        let files: [(&str, &[u8]); 5] =
            [("c", c), ("a", &gzip_a), ("other", &gzip_a), ("again", &gzip_a), ("b", &zstd_b)];
        let mut archive = tempfile::tempfile().unwrap();
        archive.write_all(&tar(&files)).unwrap();
        archive.rewind().unwrap();
        let mut contents = ArchiveContents::default();
        TarReader::new(&archive).seek(|entry| contents.add(entry, &mut |_| Ok(None))).unwrap();

        let folder = tempfile::tempdir().unwrap();
        let out = Destination { path: &folder.path().join("bundle"), part_size: None };
        let mut store = BlobStore::new(out, 1, Encoding::Zstd).unwrap();
        let names = [("a", a), ("again", a), ("b", b), ("c", c)];
        let wanted: WantedLayers = names.map(|(name, layer)| (name.to_owned(), Digest::of(layer))).into();
        let places =
            wanted.iter().map(|(name, diff_id)| Wanted { name, diff_id, file: contents.layer_file(name).unwrap() });
        let ahead = compressed(&places.collect::<Vec<_>>(), &mut store);
        let ahead: Vec<(&str, u64)> = ahead.iter().map(|task| (task.layer.name, task.size)).collect();
        assert_eq!(ahead, [("a", gzip_a.len() as u64), ("b", zstd_b.len() as u64)]);

        take(&archive, &mut contents, &wanted, &mut store, &Progress::hidden()).unwrap();
        for (name, layer) in names {
            let digest = Digest::of(layer);
            assert_eq!(contents.layer(name.to_owned(), digest).unwrap().diff_id, digest, "{name}");
        }
        assert_eq!(store.blobs().len(), 3, "what nobody asked for is left");
    }
}
