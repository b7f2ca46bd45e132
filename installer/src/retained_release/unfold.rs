//! A release's folder, made from the blobs in the store.

use crate::content::ContentError;
use crate::durable::{self, PathError};
use crate::interrupt::Interruptible;
use crate::layout::Layout;
use crate::store::Store;
use landfall_console::{Console, Progress};
use landfall_keys::TrustRoot;
use landfall_manifests::{Bundle, Digest, File, archive};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// How much is written at once, in bytes.
const CHUNK: usize = 256 << 10;

/// A release's folder cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnfoldError {
    /// The disk failed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A file's content did not arrive: the fault is the bundle's, or the disk's.
    #[error("unfold {file} (blob {blob}) to {}", .to.display())]
    File {
        file: String,
        blob: Digest,
        to: PathBuf,
        #[source]
        source: Box<ContentError>,
    },
}

impl UnfoldError {
    /// The content of `file` did not arrive at `to`.
    pub(crate) fn of_file(file: &File, to: &Path, source: ContentError) -> Self {
        Self::File { file: file.path.to_string(), blob: file.blob, to: to.to_owned(), source: source.into() }
    }
}

/// Makes the folder of a release at `place`, whose parent is there: every file compared with its size and digest, and with
/// them the manifest, its signatures and the root that accepted them, so that the release can be verified on the host again. On return
/// all of it is on the disk.
pub(crate) fn unfold(
    layout: &Layout,
    bundle: &Bundle,
    trust: &TrustRoot,
    place: &Path,
    console: Console,
) -> Result<(), UnfoldError> {
    let release = bundle.release();
    let bytes = release.files.iter().map(|file| file.size).sum();
    let progress = console.progress(format!("unfold {}", release.id()), Some(bytes));
    durable::create_folder(place, 0o755)?;
    // 1. The files. Not synced one by one: nobody reads the folder before it has its name, and when all are written, the first sync
    //    commits what the others need (ext4's journal).
    for file in &release.files {
        for folder in file.path.folders() {
            durable::create_folder_unsynced(&place.join(folder), 0o755)?;
        }
        unfold_file(layout, file, &place.join(file.path.as_str()), &progress)?;
    }
    // 2. What the release is verified by on the host, without the bundle.
    durable::write(&place.join(archive::MANIFEST_NAME), bundle.manifest(), 0o644)?;
    for signature in bundle.signatures() {
        let name = archive::signature_name(&signature.key_id().to_string());
        durable::write(&place.join(name), signature.to_file().as_bytes(), 0o644)?;
    }
    durable::write(&place.join(archive::ACCEPTED_BY_NAME), trust.to_json().as_bytes(), 0o644)?;
    // 3. All of it on the disk, before the caller gives the folder its name.
    durable::sync_tree(place)?;
    progress.finish();
    Ok(())
}

/// Writes one file out of the store, without syncing it.
fn unfold_file(layout: &Layout, file: &File, path: &Path, progress: &Progress) -> Result<(), UnfoldError> {
    let decoder = Store::new(layout).decoder(&file.content())?;
    // Created new, so that nothing of an earlier run is left in it, and never open to more than its final mode allows.
    let mut out = BufWriter::with_capacity(CHUNK, durable::create(path, file.mode.bits())?);
    let copied = io::copy(&mut Interruptible(progress.reader(decoder)), &mut out).and_then(|_| out.flush());
    copied.map_err(|error| UnfoldError::of_file(file, path, error.into()))
}
