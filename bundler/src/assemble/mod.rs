//! From blobs in the store to one file: the release manifest, its signatures, and the bundle itself.

mod copy;

use crate::plan::Plan;
use crate::sources::PackedImage;
use crate::store::{BlobStore, StoreError};
use landfall_console::Progress;
use landfall_keys::SecretKey;
use landfall_manifests::{
    Blob, Digest, File as ReleaseFile, Image, Os, Release, SignError, Signed, WriteError, Writer,
};
use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// A bundle cannot be made from what was packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssembleError {
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Store(#[from] StoreError),
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

/// Each blob once, where it is first needed: what is small and read first lies in front.
fn blobs(files: &[ReleaseFile], images: &[Image]) -> Vec<Digest> {
    let of_image = |image: &Image| -> Vec<Digest> {
        let layers = image.layers.iter().map(|layer| layer.blob);
        [image.config, image.manifest].into_iter().chain(layers).collect()
    };
    let all = files.iter().map(|file| file.blob).chain(images.iter().flat_map(of_image));
    let mut seen = BTreeSet::new();
    all.filter(|digest| seen.insert(*digest)).collect()
}

/// Signs `release` and writes the bundle to `out`, which holds the old file or the whole new one at any time. Each blob
/// leaves the store once it is copied, so that the disk holds the bundle and about one blob more.
pub(crate) fn write(
    release: Release,
    keys: &[SecretKey],
    store: &BlobStore,
    out: &Path,
    progress: &Progress,
) -> Result<Signed, AssembleError> {
    let signed = Signed::new(release, keys)?;
    let partial = store.folder().join("bundle");
    let failed = |source| AssembleError::Write { path: out.to_owned(), source };
    let file = File::create_new(&partial).map_err(|error| failed(error.into()))?;
    let mut writer = Writer::begin(file, &signed).map_err(failed)?;
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
        let file = writer.finish().map_err(failed)?;
        put_in_place(&file, &partial, out).map_err(|source| AssembleError::Place { path: out.to_owned(), source })?;
        Ok(sweeper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?)
    })
    .map(|()| signed)
}

/// Makes a written file durable and gives it its name.
pub(crate) fn put_in_place(file: &File, partial: &Path, out: &Path) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.sync_all()?;
    fs::rename(partial, out)?;
    File::open(folder_of(out))?.sync_all()
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
