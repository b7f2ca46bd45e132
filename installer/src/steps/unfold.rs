//! The release's folder, made under a temporary name; and on a bare host the installer beside the releases.

use super::{Delivery, Work};
use crate::decode::{Decoder, Expected};
use crate::durable::{self, At as _};
use crate::failure;
use crate::interrupt::Interruptible;
use crate::journal::Transition;
use crate::kept;
use crate::layout::{DATABASE_FOLDER, Layout, PROGRAM_FOLDER};
use crate::recovery;
use crate::site::Site;
use crate::store::Store;
use landfall_console::Progress;
use landfall_manifests::{File, archive};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// How much is written at once, in bytes.
const CHUNK: usize = 256 << 10;

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> anyhow::Result<()> {
    work.make_folders(&[PROGRAM_FOLDER, DATABASE_FOLDER])?;
    match work.delivery.filter(|_| transition.brings_folder()) {
        Some(delivery) => unfold_release(work, delivery)?,
        // It is on the host already, and only what verifies again is used.
        None => put_right(work, transition)?,
    }
    if transition.before.is_none() {
        recovery::place(&work.site.layout, transition.target())?;
    }
    Ok(())
}

fn put_right(work: &Work<'_>, transition: &Transition) -> anyhow::Result<()> {
    let replaced = kept::heal(&work.site.layout, transition.target(), work.trust, work.site.console)?;
    for path in replaced {
        work.site.console.warn(format_args!("{} was damaged, and is put right from the store", path.display()));
    }
    Ok(())
}

fn unfold_release(work: &Work<'_>, delivery: Delivery<'_>) -> anyhow::Result<()> {
    let bytes = work.release.files.iter().map(|file| file.size).sum();
    let progress = work.site.console.progress("unfold", Some(bytes));
    let (layout, id) = (&work.site.layout, work.release.id());
    let (partial, place) = (layout.partial_release(&id), layout.release(&id));
    durable::remove_tree(&partial)?;
    durable::create_folder(&partial, 0o755)?;
    let mut folders = BTreeSet::new();
    for file in &work.release.files {
        make_parents(&partial, file, &mut folders)?;
        unfold(layout, file, &partial.join(file.path.as_str()), &progress)?;
    }
    write_records(delivery, &partial)?;
    durable::sync_file_system(&partial)?;
    durable::rename_to_free_name(&partial, &place)?;
    progress.finish();
    Ok(())
}

fn make_parents(base: &Path, file: &File, made: &mut BTreeSet<PathBuf>) -> Result<(), durable::PathError> {
    for folder in file.path.folders().map(|folder| base.join(folder)) {
        if made.insert(folder.clone()) {
            durable::create_folder_unsynced(&folder, 0o755)?;
        }
    }
    Ok(())
}

/// One file out of the store, held against its size and digest on the way. It is not synced.
fn unfold(layout: &Layout, file: &File, path: &Path, progress: &Progress) -> anyhow::Result<std::fs::File> {
    let stored = Store::new(layout).open(&file.blob)?;
    let expected = Expected { encoding: file.encoding, digest: file.digest, size: file.size };
    let decoder = Decoder::new(stored, expected).at("decompress", path)?;
    let mut out = durable::create(path, file.mode.bits())?;
    copy(&mut Interruptible(progress.reader(decoder)), &mut out)
        .map_err(|error| failure::of_file(error, file, path))?;
    Ok(out)
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => to.write_all(&buffer[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The manifest and its signatures, so that anybody can check the release on the host again.
fn write_records(delivery: Delivery<'_>, partial: &Path) -> Result<(), durable::PathError> {
    durable::write(&partial.join(archive::MANIFEST_NAME), delivery.bundle.manifest(), 0o644)?;
    for signature in delivery.bundle.signatures() {
        let name = archive::signature_name(&signature.key_id().to_string());
        durable::write(&partial.join(name), signature.to_file().as_bytes(), 0o644)?;
    }
    Ok(())
}

/// A folder that was there before stays. Only a first installation brought the installer beside the releases.
pub(super) fn undo(site: &Site, transition: &Transition) -> anyhow::Result<()> {
    let (layout, id) = (&site.layout, transition.target().id());
    if transition.brings_folder() {
        durable::remove_tree(&layout.partial_release(&id))?;
        durable::remove_tree(&layout.release(&id))?;
    }
    if transition.before.is_none() {
        durable::remove(&layout.installer())?;
    }
    Ok(())
}
