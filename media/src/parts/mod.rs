//! A bundle that is cut into parts: plain ranges of its bytes, all of one size but the last, in any folders.
//!
//! A part is opened when its bytes are wanted, and closed before the next one is looked for: until then its medium cannot be
//! taken out. Readers that want the same part at the same time share the open file: on some FUSE file systems a file that is
//! opened again can read as zeros to those who have it open. Parts are never joined on a disk.

mod inventory;

use crate::error::{MediaError, listed};
use crate::file::MediaFile;
use crate::prompt::MediumPrompt;
use inventory::{FoundPart, Inventory, is_not_found};
use landfall_manifests::parts::{Ranges, parse_part_name, part_name};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The parts of one bundle.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The path that the whole bundle would have.
    path: PathBuf,
    /// The bundle's name, without `.partNNN`.
    name: String,
    /// Where parts are looked for, in this order.
    folders: Vec<PathBuf>,
    /// Which part holds which bytes. Until the manifest is verified, it is not known where they end.
    ranges: Ranges,
    /// Whether the size of the whole bundle is known.
    is_total_known: bool,
    state: Mutex<State>,
    prompt: Box<dyn MediumPrompt>,
}

/// What changes while parts are read.
#[derive(Debug, Default)]
struct State {
    found: Inventory,
    /// Parts that were asked for, and that nobody has.
    declined: BTreeSet<u32>,
    /// Those that some reader has open.
    open: BTreeMap<u32, Weak<OpenPart>>,
}

/// A part that is open.
#[derive(Debug)]
pub(crate) struct OpenPart {
    number: u32,
    file: MediaFile,
    /// How many bytes of the bundle it has to hold.
    bytes: u64,
}

/// The folder and the name of the bundle that `file` is, or is a part of, and the part's number.
fn bundle_of(file: &Path) -> Option<(&Path, &str, Option<u32>)> {
    let name = file.file_name()?.to_str()?;
    let folder = file.parent()?;
    Some(parse_part_name(name).map_or((folder, name, None), |(bundle, number)| (folder, bundle, Some(number))))
}

/// Whether the name is that of a part. Parts are looked for by names that are UTF-8, as all bundles' are.
pub(crate) fn is_part(file: &Path) -> Result<bool, MediaError> {
    let name = file.file_name().unwrap_or_default();
    match (parse_part_name(&name.to_string_lossy()), name.to_str()) {
        (Some(_), None) => Err(MediaError::PartName(file.to_owned())),
        (found, _) => Ok(found.is_some()),
    }
}

impl Parts {
    /// Looks for the parts of the bundle that `file` names, beside it and in `more` folders. `None` if there are none.
    pub(crate) fn find(
        file: &Path,
        more: &[PathBuf],
        prompt: Box<dyn MediumPrompt>,
    ) -> Result<Option<Self>, MediaError> {
        let Some((folder, name, number)) = bundle_of(file) else { return Ok(None) };
        let folders: Vec<PathBuf> = std::iter::once(folder.to_owned()).chain(more.iter().cloned()).collect();
        let mut state = State::default();
        state.found.scan(&folders, name)?;
        if state.found.is_empty() && number.is_none() {
            return Ok(None);
        }
        // The first part has the manifest, and its size is that of the others.
        let first = part_name(name, 1);
        while state.found.get(1).is_none() && prompt.is_attended() {
            if !ask(&*prompt, &first, &folders)? {
                state.declined.insert(1);
                break;
            }
            state.found.scan(&folders, name)?;
        }
        let Some(largest) = state.found.largest() else { return Ok(None) };
        if largest.size == 0 {
            return Err(MediaError::Empty(largest.path.clone()));
        }
        let ranges = state.found.ranges(None);
        let (path, name) = (folder.join(name), name.to_owned());
        Ok(Some(Self { path, name, folders, ranges, is_total_known: false, state: Mutex::new(state), prompt }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path that the whole bundle would have.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Sets the size of the whole bundle, in bytes.
    pub(crate) fn set_total(&mut self, total: u64) -> Result<(), MediaError> {
        let ranges = self.state().found.ranges(Some(total));
        let last = ranges.count();
        let surplus = self.state().found.beyond(last);
        (self.ranges, self.is_total_known) = (ranges, true);
        match surplus {
            None => Ok(()),
            Some(surplus) => {
                Err(MediaError::Surplus { name: part_name(&self.name, surplus), last: part_name(&self.name, last) })
            }
        }
    }

    /// Checks that no part that was found is longer than it has to be.
    pub(crate) fn check_lengths(&self) -> Result<(), MediaError> {
        let state = self.state();
        for (number, bytes) in self.ranges.iter() {
            let expected = bytes.end - bytes.start;
            if let Some(FoundPart { path, size }) = state.found.get(number).filter(|part| part.size > expected) {
                return Err(MediaError::TooLong { path: path.clone(), found: *size, expected });
            }
        }
        Ok(())
    }

    /// The file that holds `offset`, or would hold it, and the offset in it.
    pub(crate) fn place(&self, offset: u64) -> (PathBuf, u64) {
        let (number, within) = match self.ranges.locate(offset) {
            Some(place) => (place.part, place.offset),
            None => self.ranges.iter().last().map_or((1, offset), |(last, bytes)| (last, offset - bytes.start)),
        };
        let found = self.state().found.get(number).map(|part| part.path.clone());
        (found.unwrap_or_else(|| part_name(&self.name, number).into()), within)
    }

    /// Whether all parts were found, so that nobody has to be asked for one.
    pub(crate) fn are_complete(&self) -> bool {
        let state = self.state();
        self.is_total_known && (1..=self.ranges.count()).all(|number| state.found.get(number).is_some())
    }

    /// Reads some bytes from `offset` on, none only at the end of the bundle or of a part that is too short. `open` is the
    /// part that the reader has, which others may have as well.
    pub(crate) fn read_at(
        &self,
        open: &mut Option<Arc<OpenPart>>,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        let Some(place) = self.ranges.locate(offset) else { return Ok(0) };
        if let Some(other) = open.take_if(|part| part.number != place.part) {
            other.file.check_size()?;
        }
        let part = match open {
            Some(part) => part,
            None => open.insert(self.open_part(place.part)?),
        };
        let left = part.bytes.saturating_sub(place.offset);
        let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        part.file.read_at(&mut buffer[..want], place.offset)
    }

    /// Opens a part; where it is in no folder, asks for it if there is somebody to ask.
    fn open_part(&self, number: u32) -> Result<Arc<OpenPart>, MediaError> {
        let name = part_name(&self.name, number);
        let mut state = self.state();
        if let Some(part) = state.open.get(&number).and_then(Weak::upgrade) {
            return Ok(part);
        }
        loop {
            if let Some(file) = self.open_in_folders(&name)? {
                let part = Arc::new(self.checked(&mut state.found, number, file)?);
                state.open.insert(number, Arc::downgrade(&part));
                return Ok(part);
            }
            let asks = !state.declined.contains(&number) && self.prompt.is_attended();
            if !asks || !ask(&*self.prompt, &name, &self.folders)? {
                state.declined.insert(number);
                return Err(MediaError::Missing { name, folders: self.folders.clone() });
            }
        }
    }

    /// Opens the file `name` in the first folder that has it as a file, as [`Inventory::scan`] does.
    fn open_in_folders(&self, name: &str) -> Result<Option<MediaFile>, MediaError> {
        let mut first_failure = None;
        for folder in &self.folders {
            let error = match MediaFile::open(&folder.join(name)) {
                Err(MediaError::Open { source, .. }) if is_not_found(&source) => continue,
                Err(MediaError::Open { path, source }) => MediaError::PartOpen { path, source },
                Err(MediaError::NotAFile(path)) => MediaError::PartNotAFile(path),
                other => return other.map(Some),
            };
            first_failure.get_or_insert(error);
        }
        first_failure.map_or(Ok(None), Err)
    }

    /// Checks that a part has the size that it had before, and is not longer than it has to be.
    fn checked(&self, found: &mut Inventory, number: u32, file: MediaFile) -> Result<OpenPart, MediaError> {
        let (path, now) = (file.path().to_owned(), file.size());
        let range = self.ranges.iter().find(|(part, _)| *part == number);
        let bytes = range.map_or(0, |(_, bytes)| bytes.end - bytes.start);
        if now > bytes {
            return Err(MediaError::TooLong { path, found: now, expected: bytes });
        }
        match found.add(number, FoundPart { path: path.clone(), size: now }) {
            before if before == now => Ok(OpenPart { number, file, bytes }),
            before => Err(MediaError::Changed { path, before, now }),
        }
    }
}

/// Asks for the medium with the part called `name`.
fn ask(prompt: &dyn MediumPrompt, name: &str, folders: &[PathBuf]) -> Result<bool, MediaError> {
    prompt.insert(name, &listed(folders)).map_err(|source| MediaError::Prompt { name: name.to_owned(), source })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::prompt::Unattended;

    #[test]
    fn readers_of_one_part_share_it_and_the_last_one_closes_it() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (first, file) = (folder.path().join("b.part001"), folder.path().join("b"));
        std::fs::write(&first, b"part")?;
        let mut parts = Parts::find(&file, &[], Box::new(Unattended))?.unwrap();
        parts.set_total(4)?;
        let (mut one, mut other, mut buffer) = (None, None, [0; 4]);
        parts.read_at(&mut one, &mut buffer, 0)?;
        std::fs::remove_file(&first)?;
        assert_eq!((parts.read_at(&mut other, &mut buffer, 1)?, &buffer[..3]), (3, &b"art"[..]));
        drop((one, other));
        assert!(parts.read_at(&mut None, &mut buffer, 0).is_err(), "it is still open");
        Ok(())
    }
}
