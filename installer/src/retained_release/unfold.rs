//! A release's folder, made from the blobs in the store.

use crate::decode::{Decoder, Expected};
use crate::durable::{self, At as _};
use crate::failure;
use crate::interrupt::Interruptible;
use crate::layout::Layout;
use crate::store::Store;
use landfall_console::{Console, Progress};
use landfall_keys::TrustRoot;
use landfall_manifests::{Bundle, File, archive};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

/// How much is written at once, in bytes.
const CHUNK: usize = 256 << 10;

/// Makes the folder of a release at `place`, whose parent is there: every file held against its size and digest, and beside
/// them the manifest, its signatures and the root by which they are believed, so that anybody can check the release on the
/// host again. All of it is on the disk.
pub(crate) fn unfold(
    layout: &Layout,
    bundle: &Bundle,
    trust: Option<&TrustRoot>,
    place: &Path,
    console: Console,
) -> anyhow::Result<()> {
    let release = bundle.release();
    let bytes = release.files.iter().map(|file| file.size).sum();
    let progress = console.progress(format!("unfold {}", release.id()), Some(bytes));
    durable::create_folder(place, 0o755)?;
    for file in &release.files {
        for folder in file.path.folders() {
            durable::create_folder_unsynced(&place.join(folder), 0o755)?;
        }
        unfold_file(layout, file, &place.join(file.path.as_str()), &progress)?;
    }
    durable::write(&place.join(archive::MANIFEST_NAME), bundle.manifest(), 0o644)?;
    for signature in bundle.signatures() {
        let name = archive::signature_name(&signature.key_id().to_string());
        durable::write(&place.join(name), signature.to_file().as_bytes(), 0o644)?;
    }
    if let Some(trust) = trust {
        durable::write(&place.join(archive::ACCEPTED_BY_NAME), trust.to_json().as_bytes(), 0o644)?;
    }
    durable::sync_file_system(place)?;
    progress.finish();
    Ok(())
}

/// One file out of the store. It is not synced.
fn unfold_file(layout: &Layout, file: &File, path: &Path, progress: &Progress) -> anyhow::Result<()> {
    let stored = Store::new(layout).open(&file.blob)?;
    let expected = Expected { encoding: file.encoding, digest: file.digest, size: file.size };
    let decoder = Decoder::new(stored, expected).at("decompress", path)?;
    let mut out = BufWriter::with_capacity(CHUNK, durable::create(path, file.mode.bits())?);
    let copied = io::copy(&mut Interruptible(progress.reader(decoder)), &mut out).and_then(|_| out.flush());
    copied.map_err(|error| failure::of_file(error, file, path))
}
