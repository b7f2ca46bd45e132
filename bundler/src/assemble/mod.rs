//! From blobs in the store to one file: the release manifest, its signatures, and the bundle itself.

mod copy;

use crate::parts::{self, PartFiles};
use crate::plan::{CONFIG_PATH, Plan};
use crate::sources::PackedImage;
use crate::store::{BlobStore, StoreError};
use landfall_console::Progress;
use landfall_keys::SecretKey;
use landfall_manifests::parts::{Ranges, RangesError};
use landfall_manifests::{
    Blob, Digest, File as ReleaseFile, Image, Os, Release, SignError, Signed, WriteError, Writer,
};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// A bundle cannot be made from what was packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssembleError {
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Parts(#[from] RangesError),
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: WriteError },
    #[error("{} cannot be put in place", path.display())]
    Place { path: PathBuf, source: io::Error },
}

/// The release that files and images make, as a pure function of them.
pub(crate) fn release(plan: &Plan, store: &BlobStore, files: Vec<ReleaseFile>, packed: Vec<PackedImage>) -> Release {
    let head = plan.release.clone();
    let platform = format!("{}/{}", Os::Linux.name(), head.arch.name());
    let mut images: Vec<Image> = packed.into_iter().map(|image| described(plan, &platform, image)).collect();
    images.sort_by(|a, b| a.name.cmp(&b.name));
    let blobs = blobs(&files, &images).into_iter();
    let blobs = blobs.map(|digest| Blob { digest, size: store.size(&digest).unwrap_or_default() }).collect();
    let mut release = Release {
        schema: 1,
        product: head.product,
        version: head.version,
        serial: head.serial,
        os: Os::Linux,
        arch: head.arch,
        created: head.created,
        min_upgrade_from: head.min_upgrade_from,
        database: head.database,
        base: None,
        keys: head.keys,
        trust: Vec::new(),
        layout: Vec::new(),
        blobs,
        files,
        images,
    };
    release.layout = release.computed_layout();
    release
}

fn described(plan: &Plan, platform: &str, image: PackedImage) -> Image {
    let planned = plan.images.iter().find(|planned| planned.name == image.name);
    Image {
        name: image.name,
        platform: platform.to_owned(),
        media_type: image.media_type,
        manifest: image.manifest,
        config: image.config,
        layers: image.layers,
        source: planned.map(|planned| planned.source_text.clone()).unwrap_or_default(),
        tenant: planned.and_then(|planned| planned.tenant.clone()),
    }
}

/// Each blob once, where it is first needed: what is small and read first lies in front. The settings are read before the
/// installation begins, and should be on the same disc as the manifest.
fn blobs(files: &[ReleaseFile], images: &[Image]) -> Vec<Digest> {
    let of_image = |image: &Image| -> Vec<Digest> {
        let layers = image.layers.iter().map(|layer| layer.blob);
        [image.config, image.manifest].into_iter().chain(layers).collect()
    };
    let (settings, others): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.path.as_str() == CONFIG_PATH);
    let all = settings.into_iter().chain(others).map(|file| file.blob).chain(images.iter().flat_map(of_image));
    let mut seen = BTreeSet::new();
    all.filter(|digest| seen.insert(*digest)).collect()
}

/// Where a bundle goes, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output<'a> {
    /// The bundle's file; with a number behind it, each part's.
    pub(crate) path: &'a Path,
    /// The size of its parts in bytes, if it is cut into some.
    pub(crate) part_size: Option<u64>,
}

/// A bundle that has been written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) signed: Signed,
    /// Its parts, if it was cut into some.
    pub(crate) parts: Vec<PathBuf>,
}

/// Signs `release` and writes the bundle to `out`, which holds the old bundle or the whole new one at any time. In parts, there
/// is a moment between the two at which it holds the beginning of one of them. Each blob leaves the store once it is copied,
/// so that the disk holds the bundle and about one blob more.
pub(crate) fn write(
    release: Release,
    keys: &[SecretKey],
    store: &BlobStore,
    out: Output<'_>,
    progress: &Progress,
) -> Result<Written, AssembleError> {
    let signed = Signed::new(release, keys)?;
    out.part_size.map(|size| Ranges::cut(signed.bundle_bytes(), size)).transpose()?;
    let failed = |source| AssembleError::Write { path: out.path.to_owned(), source };
    let files = PartFiles::new(store.folder(), out.part_size);
    let mut writer = Writer::begin(files, &signed).map_err(failed)?;
    // Removing a large file takes as long as copying half of it: that is done beside the copying and the waiting for the disk.
    std::thread::scope(|scope| {
        let (copied, spent) = mpsc::channel::<Digest>();
        let sweeper = scope.spawn(move || spent.iter().try_for_each(|digest| store.remove(&digest)));
        for blob in &signed.release().blobs {
            copy::blob(&mut writer, store, blob).map_err(failed)?;
            progress.add(blob.size);
            // The sweeper only stops early with an error, which it keeps.
            let _ = copied.send(blob.digest);
        }
        drop(copied);
        let files = writer.finish().map_err(failed)?;
        let placed = replace(files, out, store);
        let parts = placed.map_err(|source| AssembleError::Place { path: out.path.to_owned(), source })?;
        sweeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(parts)
    })
    .map(|parts| Written { signed, parts })
}

/// Puts what was written in place of a bundle that lay there, whole or in parts. Its parts, if it has some. A whole bundle that
/// parts replace goes first: it would be read in their place.
fn replace(files: PartFiles, out: Output<'_>, store: &BlobStore) -> io::Result<Vec<PathBuf>> {
    if out.part_size.is_none() {
        let placed = put_in_place(files, out)?;
        return parts::retire_parts(out.path, store.folder()).map(|()| placed);
    }
    if out.path.exists() {
        parts::retire(&[out.path.to_owned()], store.folder())?;
    }
    put_in_place(files, out)
}

/// Makes what was written durable and gives it its name, in place of what lay there in the same form: one file, or parts. Its
/// parts, if it has some.
pub(crate) fn put_in_place(files: PartFiles, out: Output<'_>) -> io::Result<Vec<PathBuf>> {
    let written = files.finish()?;
    match (&written[..], out.part_size) {
        ([whole], None) => parts::put_whole(whole, out.path).map(|()| Vec::new()),
        (all, _) => parts::put_parts(all, out.path),
    }
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
