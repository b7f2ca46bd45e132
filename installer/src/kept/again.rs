//! A release's folder, made once more from the store, in the place of the one that is there.

use super::KeptError;
use crate::decode::{Decoder, Expected};
use crate::durable::{self, At as _};
use crate::failure;
use crate::layout::Layout;
use crate::store::Store;
use landfall_console::{Console, Progress};
use landfall_manifests::{Blob, Bundle, File, archive};
use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

/// How much is written at once, in bytes.
const CHUNK: usize = 256 << 10;

/// Whether the store has every blob that the folder needs, and has it right. `damaged` is what the folder lacks.
pub(super) fn check_store(layout: &Layout, bundle: &Bundle, damaged: &Path) -> Result<(), KeptError> {
    let (release, store) = (bundle.release(), Store::new(layout));
    let stored = store.sizes()?;
    let mut checked = BTreeSet::new();
    for file in release.files.iter().filter(|file| checked.insert(file.blob)) {
        // A delta's manifest does not list the size of what its base had; the digest decides.
        let blob = stored.get(&file.blob).map(|size| Blob { digest: file.blob, size: *size });
        if !blob.is_some_and(|blob| store.holds(&blob).unwrap_or(false)) {
            let (release, path) = (release.id().into(), damaged.to_owned());
            return Err(KeptError::NoBlob { release, path, file: file.path.to_string(), blob: file.blob });
        }
    }
    Ok(())
}

/// Makes the folder under its temporary name, and swaps the two.
pub(super) fn unfold(layout: &Layout, bundle: &Bundle, console: Console) -> anyhow::Result<()> {
    let id = bundle.release().id();
    let (partial, place) = (layout.partial_release(&id), layout.release(&id));
    durable::remove_tree(&partial)?;
    let made = make(layout, bundle, &partial, console).and_then(|()| Ok(durable::exchange(&partial, &place)?));
    // Under the temporary name is by now what was damaged; or, after a failure, what is not whole.
    let removed = durable::remove_tree(&partial);
    made.and(Ok(removed?))
}

fn make(layout: &Layout, bundle: &Bundle, partial: &Path, console: Console) -> anyhow::Result<()> {
    let release = bundle.release();
    let bytes = release.files.iter().map(|file| file.size).sum();
    let progress = console.progress(format!("unfold release {} again", release.id()), Some(bytes));
    durable::create_folder(partial, 0o755)?;
    for file in &release.files {
        for folder in file.path.folders() {
            durable::create_folder_unsynced(&partial.join(folder), 0o755)?;
        }
        unfold_file(layout, file, &partial.join(file.path.as_str()), &progress)?;
    }
    durable::write(&partial.join(archive::MANIFEST_NAME), bundle.manifest(), 0o644)?;
    for signature in bundle.signatures() {
        let name = archive::signature_name(&signature.key_id().to_string());
        durable::write(&partial.join(name), signature.to_file().as_bytes(), 0o644)?;
    }
    durable::sync_file_system(partial)?;
    progress.finish();
    Ok(())
}

fn unfold_file(layout: &Layout, file: &File, path: &Path, progress: &Progress) -> anyhow::Result<()> {
    let stored = Store::new(layout).open(&file.blob)?;
    let expected = Expected { encoding: file.encoding, digest: file.digest, size: file.size };
    let decoder = Decoder::new(stored, expected).at("decompress", path)?;
    let mut out = BufWriter::with_capacity(CHUNK, durable::create(path, file.mode.bits())?);
    let copied = io::copy(&mut progress.reader(decoder), &mut out).and_then(|_| out.flush());
    copied.map_err(|error| failure::of_file(error, file, path))
}
