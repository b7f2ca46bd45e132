//! The release's folder, made under a temporary name, and the installer beside the releases.

use super::Install;
use crate::decode::{Decoder, Expected};
use crate::durable::{self, At as _};
use crate::failure;
use crate::journal::Installation;
use crate::layout::{DATABASE_FOLDER, Layout, PROGRAM_FOLDER};
use crate::policy::INSTALLER;
use crate::site::Site;
use crate::store::Store;
use landfall_console::Progress;
use landfall_manifests::{File, archive};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// How much is written at once, in bytes.
const CHUNK: usize = 256 << 10;

pub(super) fn act(install: &Install<'_>, _: &Installation) -> anyhow::Result<()> {
    install.make_folders(&[PROGRAM_FOLDER, DATABASE_FOLDER])?;
    let (layout, id) = (&install.site.layout, install.id());
    let (partial, place) = (layout.partial_release(&id), layout.release(&id));
    let progress = install.site.console.progress("unfold", Some(install.plan.unfold.bytes));
    durable::remove_tree(&partial)?;
    durable::create_folder(&partial, 0o755)?;
    let mut folders = BTreeSet::new();
    for file in &install.release().files {
        make_parents(&partial, file, &mut folders)?;
        unfold(layout, file, &partial.join(file.path.as_str()), &progress)?;
    }
    write_records(install, &partial)?;
    durable::sync_file_system(&partial)?;
    durable::rename_to_free_name(&partial, &place)?;
    place_installer(install, layout)?;
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
    copy(&mut progress.reader(decoder), &mut out).map_err(|error| failure::of_file(error, file, path))?;
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
fn write_records(install: &Install<'_>, partial: &Path) -> Result<(), durable::PathError> {
    durable::write(&partial.join(archive::MANIFEST_NAME), install.bundle.manifest(), 0o644)?;
    for signature in install.bundle.signatures() {
        let name = archive::signature_name(&signature.key_id().to_string());
        durable::write(&partial.join(name), signature.to_file().as_bytes(), 0o644)?;
    }
    Ok(())
}

fn place_installer(install: &Install<'_>, layout: &Layout) -> anyhow::Result<()> {
    let place = layout.installer();
    let Some(file) = install.release().files.iter().find(|file| file.path.as_str() == INSTALLER) else {
        return Ok(());
    };
    let partial = durable::partial(&place);
    unfold(layout, file, &partial, &Progress::hidden())?.sync_all().at("sync", &partial)?;
    Ok(durable::rename(&partial, &place)?)
}

pub(super) fn undo(site: &Site, installation: &Installation) -> anyhow::Result<()> {
    let id = installation.record.current.id();
    durable::remove_tree(&site.layout.partial_release(&id))?;
    durable::remove_tree(&site.layout.release(&id))?;
    Ok(durable::remove(&site.layout.installer())?)
}
