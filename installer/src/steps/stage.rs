//! Copies the blobs into the store, in one pass over the media.
//!
//! A blob is hashed on its way into the staging folder; once the whole bundle has verified, all blobs are moved into the store.
//! Blobs that the store or the staging folder holds already, from an interrupted run, are hashed there and not read from the media
//! again; the header before and the padding after each still are, so that every bundle is held to the same rules. The later steps
//! use only what this pass has read: the media may be changed or removed afterwards.

use super::{BundleSource, StepError, Work};
use crate::content::ContentError;
use crate::durable::{self, PathError};
use crate::host_context::HostContext;
use crate::interrupt::{self, Interruptible};
use crate::layout::STORE_FOLDER;
use crate::recovery_binary;
use crate::state::journal::Transition;
use crate::store::Store;
use landfall_console::Progress;
use landfall_manifests::{Blob, Content, Difference, Digest, Entry, ReadError, Release, difference};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;

pub(super) fn act(work: &Work<'_>, transition: &Transition) -> Result<(), StepError> {
    let Some(bundle_source) = work.bundle_source else { return Ok(()) };
    // 1. Before anything is written: this program may come from the media, and the one on the host has to settle its journal.
    if transition.before.is_some() {
        recovery_binary::check(work.host, &work.host.layout.installer(), Some(transition.kind))
            .map_err(StepError::HostCannotRecover)?;
    }
    // 2. The staging folder. Blobs of an earlier update that was given up are removed.
    work.make_folders(&[STORE_FOLDER])?;
    let store = Store::new(&work.host.layout);
    let made: Vec<Made<'_>> = made(work.release, &store);
    let contents = made.iter().map(|made| Blob { digest: made.content.digest, size: made.content.size });
    let (archived, contents) = (work.release.archived(), contents.collect::<Vec<_>>());
    store.keep_incoming(&[&archived[..], &contents].concat())?;
    let unneeded: BTreeSet<Digest> = unneeded_deltas(work.release, &made, &store);
    let progress = work.host.console.progress("verify and stage", Some(bundle_source.bundle.size()));
    let damaged = |error: ReadError| bundle_source.media.located(Some(bundle_source.bundle), error);
    // 3. The one pass. The end counts too: nothing may follow the last entry.
    for entry in bundle_source.bundle.entries() {
        interrupt::check()?;
        stage(bundle_source, &store, entry, &unneeded, &progress).map_err(|error| match error {
            EntryError::Read(error) => damaged(error).into(),
            EntryError::Store(error) => StepError::from(error),
        })?;
    }
    // Appended bytes are covered by no signature, and another tar reader might take them for entries.
    bundle_source.media.check_end(bundle_source.bundle).map_err(damaged)?;
    // 4. All of it has verified. What is made of it is held against its digest as well.
    make(work, &store, &made)?;
    let deltas: BTreeSet<Digest> = work.release.differences().iter().map(|difference| difference.delta).collect();
    let kept: Vec<Blob> = archived.into_iter().filter(|blob| !deltas.contains(&blob.digest)).chain(contents).collect();
    store.promote(&kept)?;
    // Where a blob is there and its content had to be made, the blob is damaged, and would be preferred.
    store.remove(made.iter().map(|made| &made.content.blob))?;
    progress.finish();
    if let Some(recovered) = bundle_source.media.recovery_report() {
        work.host.console.warn(recovered);
    }
    Ok(())
}

/// An entry of the bundle was not staged.
enum EntryError {
    /// It is damaged, or cannot be read or written.
    Read(ReadError),
    /// The store does not take it.
    Store(PathError),
}

impl From<ReadError> for EntryError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<PathError> for EntryError {
    fn from(error: PathError) -> Self {
        Self::Store(error)
    }
}

/// A content that is made from another one.
struct Made<'a> {
    content: Content,
    difference: &'a Difference,
}

/// The contents that the store does not have yet.
fn made<'a>(release: &'a Release, store: &Store) -> Vec<Made<'a>> {
    let contents = release.single_contents();
    let of = |difference: &'a Difference| {
        let content = *contents.get(&difference.blob)?;
        (!store.holds_content(&content)).then_some(Made { content, difference })
    };
    release.differences().iter().filter_map(of).collect()
}

/// The differences that are not read from the media: what they make is there, or was made by a run that was interrupted.
fn unneeded_deltas(release: &Release, made: &[Made<'_>], store: &Store) -> BTreeSet<Digest> {
    let is_staged = |made: &&Made<'_>| store.has_staged(&Blob { digest: made.content.digest, size: made.content.size });
    let needed: BTreeSet<Digest> =
        made.iter().filter(|made| !is_staged(made)).map(|made| made.difference.delta).collect();
    release.differences().iter().map(|difference| difference.delta).filter(|delta| !needed.contains(delta)).collect()
}

/// Makes the contents in the staging folder, one after the other.
fn make(work: &Work<'_>, store: &Store, made: &[Made<'_>]) -> Result<(), StepError> {
    if made.is_empty() {
        return Ok(());
    }
    let bytes = made.iter().map(|made| made.content.size).sum();
    let progress = work.host.console.progress("make contents from the base", Some(bytes));
    for Made { content, difference } in made {
        interrupt::check()?;
        if store.has_staged(&Blob { digest: content.digest, size: content.size }) {
            progress.add(content.size);
            continue;
        }
        let mut incoming = Counting { inner: store.incoming(&content.digest)?, progress: &progress };
        let done = make_one(store, content, difference, &mut incoming);
        done.map_err(|source| StepError::made(work.release, content, source))?;
        incoming.inner.keep()?;
        // It has served its purpose, and may be large.
        store.remove_staged(&difference.delta)?;
    }
    progress.finish();
    Ok(())
}

fn make_one(
    store: &Store,
    content: &Content,
    difference: &Difference,
    out: &mut impl Write,
) -> Result<(), ContentError> {
    let base = store.unpacked(&difference.from)?;
    let delta = store.open_staged(&difference.delta).map_err(|error| error.source)?;
    let mut delta = Interruptible(io::BufReader::new(delta));
    let base_at = |offset, buffer: &mut [u8]| base.read_exact_at(buffer, offset);
    Ok(difference::apply(&mut delta, difference.from.size, base_at, content.digest, content.size, out)?)
}

fn stage(
    bundle_source: BundleSource<'_>,
    store: &Store,
    entry: &Entry,
    unneeded: &BTreeSet<Digest>,
    progress: &Progress,
) -> Result<(), EntryError> {
    let source = bundle_source.media.at(entry.offset);
    if !entry.is_blob {
        // A layout file (`oci-layout`, `index.json`, `manifest.json`) follows from the manifest: it is compared, and nobody needs it on the
        // host.
        return Ok(entry.read(&mut Interruptible(source), &mut io::sink())?);
    }
    let blob = Blob { digest: entry.digest, size: entry.size };
    if unneeded.contains(&entry.digest) || store.holds(&blob) || store.has_staged(&blob) {
        // What an interrupted run verified costs no second read of the media, which may be slow or wearing out.
        progress.add(entry.size);
        return Ok(bundle_source.media.check_frame(entry)?);
    }
    // Gets the name of its digest only after `read` has compared it with that.
    let mut incoming = Counting { inner: store.incoming(&entry.digest)?, progress };
    entry.read(&mut Interruptible(source), &mut incoming)?;
    Ok(incoming.inner.keep()?)
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

/// Removes the whole store if this transition created it. Where nothing was installed, all blobs in it are removed: no release needs
/// them. Otherwise the new blobs move back to the staging folder, where the next attempt finds them.
pub(super) fn undo(host: &HostContext, transition: &Transition) -> Result<(), StepError> {
    let store = Store::new(&host.layout);
    // Decided by the journal, not by what is on the disk: an undo that is cut off here decides the same when it is
    // repeated.
    if transition.created().iter().any(|folder| folder == STORE_FOLDER) {
        durable::remove_tree(&host.layout.store())?;
    } else if transition.before.is_none() {
        store.clear()?;
    } else {
        store.demote(&transition.blobs)?;
    }
    Ok(())
}
