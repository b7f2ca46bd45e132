//! Blobs into the store, in one pass over the media.
//!
//! A blob that the store has already is hashed there and not read from the media again; the header before it and the
//! padding behind it still are, so that every bundle is held to the same rules. What this pass has read is all that the later
//! steps use: the media may be changed or pulled out afterwards.

use super::Install;
use crate::journal::Installation;
use crate::layout::STORE_FOLDER;
use crate::site::Site;
use crate::store::Store;
use crate::{durable, failure};
use landfall_console::Progress;
use landfall_manifests::{Blob, Entry, ReadError, archive};
use std::io::{self, Read as _, Write};

pub(super) fn act(install: &Install<'_>, _: &Installation) -> anyhow::Result<()> {
    install.make_folders(&[STORE_FOLDER])?;
    let store = Store::new(&install.site.layout);
    let progress = install.site.console.progress("verify and stage", Some(install.plan.read));
    for entry in install.bundle.entries() {
        stage(install, &store, entry, &progress).map_err(failure::damaged_on(install.media.path()))?;
    }
    install.media.check_end(install.bundle).map_err(|error| failure::damaged_on(install.media.path())(error.into()))?;
    store.sync()?;
    progress.finish();
    Ok(())
}

fn stage(install: &Install<'_>, store: &Store, entry: &Entry, progress: &Progress) -> anyhow::Result<()> {
    let mut source = install.media.at(entry.offset);
    if !entry.is_blob {
        return Ok(entry.read(&mut source, &mut io::sink())?);
    }
    let blob = Blob { digest: entry.digest, size: entry.size };
    if store.holds(&blob)? {
        progress.add(entry.size);
        return Ok(check_frame(install, entry)?);
    }
    let mut incoming = Counting { inner: store.incoming(&entry.digest)?, progress };
    entry.read(&mut source, &mut incoming)?;
    Ok(incoming.inner.keep()?)
}

/// Checks what stands around an entry's content.
fn check_frame(install: &Install<'_>, entry: &Entry) -> Result<(), ReadError> {
    let mut header = [0; 512];
    read(install, entry, entry.offset, &mut header)?;
    let expected = archive::header(&entry.name, entry.size);
    if let Some(at) = expected.iter().zip(&header).position(|(expected, found)| expected != found) {
        return Err(ReadError::Header { entry: entry.name.clone(), offset: entry.offset + at as u64 });
    }
    let end = entry.content_offset() + entry.size;
    let mut padding = vec![0; usize::try_from(archive::padding(entry.size)).unwrap_or_default()];
    read(install, entry, end, &mut padding)?;
    match padding.iter().position(|byte| *byte != 0) {
        None => Ok(()),
        Some(at) => Err(ReadError::Padding { entry: entry.name.clone(), offset: end + at as u64 }),
    }
}

fn read(install: &Install<'_>, entry: &Entry, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
    install.media.at(offset).read_exact(buffer).map_err(|error| ReadError::of(error, &entry.name, offset))
}

/// Counts what is written.
struct Counting<'a, W> {
    inner: W,
    progress: &'a Progress,
}

impl<W: Write> Write for Counting<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.progress.add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The store goes as a whole if it came with this installation. In one that was there only blobs go, which are nobody's:
/// nothing was installed.
pub(super) fn undo(site: &Site, installation: &Installation) -> anyhow::Result<()> {
    if installation.record.created.iter().any(|folder| folder == STORE_FOLDER) {
        durable::remove_tree(&site.layout.store())?;
    } else {
        Store::new(&site.layout).clear()?;
    }
    Ok(())
}
