//! Reads a bundle that is cut into parts: plain ranges of its bytes, all of one size but the last, in any folders.
//!
//! A part is opened when its bytes are wanted, and closed before the next one is looked for: until then its medium cannot be
//! taken out. Readers that want the same part at the same time share the open file: on some FUSE file systems a file that is
//! opened again can read as zeros to those who have it open. Parts are never joined on a disk.

mod inventory;

use crate::errors::media_error::{MediaError, listed};
use crate::source::file::MediaFile;
use crate::source::prompt::MediumPrompt;
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
    /// The number of the part that was named.
    named: Option<u32>,
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
    /// Parts that were asked for, and that the person does not have.
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

/// What a part is that is in no folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It may be on another medium, and a person is asked for that.
    IsAskedFor,
    IsMissing,
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
        let Some((folder, name, named)) = bundle_of(file) else { return Ok(None) };
        let folders: Vec<PathBuf> = std::iter::once(folder.to_owned()).chain(more.iter().cloned()).collect();
        let mut state = State::default();
        state.found.scan(&folders, name)?;
        if state.found.is_empty() && named.is_none() {
            return Ok(None);
        }
        // The first part has the manifest, and all parts but the last have its size: nothing can be read without it.
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
        // The total is not known before the manifest is read: until then, each part has the size that most have.
        let ranges = state.found.ranges(None);
        let (path, name) = (folder.join(name), name.to_owned());
        Ok(Some(Self { path, name, named, folders, ranges, is_total_known: false, state: Mutex::new(state), prompt }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path that the whole bundle would have.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Sets the size of the whole bundle, in bytes.
    pub(crate) fn set_total(&mut self, total: u64) {
        let ranges = self.state().found.ranges(Some(total));
        (self.ranges, self.is_total_known) = (ranges, true);
    }

    /// Checks that no part was found behind the last one.
    pub(crate) fn check_surplus(&self) -> Result<(), MediaError> {
        self.state().found.beyond(self.ranges.count()).map_or(Ok(()), |number| Err(self.surplus(number, &self.ranges)))
    }

    fn surplus(&self, number: u32, ranges: &Ranges) -> MediaError {
        MediaError::Surplus { name: part_name(&self.name, number), last: part_name(&self.name, ranges.count()) }
    }

    fn missing(&self, number: u32) -> MediaError {
        MediaError::Missing { name: part_name(&self.name, number), folders: self.folders.clone() }
    }

    /// Checks that no part is missing before the last one that was found or named, and that none is empty.
    pub(crate) fn check_gaps(&self) -> Result<(), MediaError> {
        let state = self.state();
        let last = state.found.last().max(self.named.unwrap_or_default());
        for number in 1..=last {
            match state.found.get(number) {
                None => return Err(self.missing(number)),
                Some(part) if part.size == 0 => return Err(MediaError::Empty(part.path.clone())),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Checks that the parts that were found are those of a bundle of `total` bytes, as far as their sizes show it.
    pub(crate) fn check_sizes(&self, total: u64) -> Result<(), MediaError> {
        let found = &self.state().found;
        let ranges = found.ranges(Some(total));
        for (number, bytes) in ranges.iter() {
            let expected = bytes.end - bytes.start;
            match found.get(number) {
                None => return Err(self.missing(number)),
                Some(FoundPart { path, size }) if *size != expected => {
                    return Err(MediaError::PartSize { path: path.clone(), found: *size, expected });
                }
                Some(_) => {}
            }
        }
        found.beyond(ranges.count()).map_or(Ok(()), |number| Err(self.surplus(number, &ranges)))
    }

    /// The size of the parts that were found, in bytes.
    pub(crate) fn found_bytes(&self) -> u64 {
        self.state().found.run().map(|part| part.size).fold(0, u64::saturating_add)
    }

    /// The parts that were found, in order, up to the first one that is missing.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.state().found.run().map(|part| part.path.clone()).collect()
    }

    /// The size of the first part in bytes.
    pub(crate) fn part_size(&self) -> Option<u64> {
        self.state().found.get(1).map(|part| part.size)
    }

    /// Checks that no part that was found is longer than it has to be.
    pub(crate) fn check_lengths(&self) -> Result<(), MediaError> {
        let state = self.state();
        for (number, bytes) in self.ranges.iter() {
            let expected = bytes.end - bytes.start;
            if let Some(FoundPart { path, size }) = state.found.get(number).filter(|part| part.size > expected) {
                return Err(MediaError::PartSize { path: path.clone(), found: *size, expected });
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

    /// Whether all parts were found, so that none has to be asked for.
    pub(crate) fn are_complete(&self) -> bool {
        let state = self.state();
        self.is_total_known && (1..=self.ranges.count()).all(|number| state.found.get(number).is_some())
    }

    /// Reads some bytes at `offset`, none only at the end of the bundle or of a part that is too short. `open` is the part that
    /// the reader has open, which other readers may have open as well.
    pub(crate) fn read_at(
        &self,
        open: &mut Option<Arc<OpenPart>>,
        buffer: &mut [u8],
        offset: u64,
        absent: Absent,
    ) -> io::Result<usize> {
        // Behind the last range: an end, like that of a file.
        let Some(place) = self.ranges.locate(offset) else { return Ok(0) };
        // Closed before the next part is looked for: until then its medium cannot be taken out.
        if let Some(other) = open.take_if(|part| part.number != place.part) {
            // Checked when it is left: a part that changed while it was
            // read is reported before the next medium is asked for.
            other.file.check_size()?;
        }
        let part = match open {
            Some(part) => part,
            None => open.insert(self.open_part(place.part, absent)?),
        };
        // A read never crosses into the next part: that may be on a disc that is not in the drive yet.
        let left = part.bytes.saturating_sub(place.offset);
        let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        part.file.read_at(&mut buffer[..want], place.offset)
    }

    /// Opens a part; where it is in no folder, asks for it if there is somebody to ask, and asking is wanted.
    fn open_part(&self, number: u32, absent: Absent) -> Result<Arc<OpenPart>, MediaError> {
        let name = part_name(&self.name, number);
        let mut state = self.state();
        // The state stays locked while a person is asked: other readers that want a part wait, and do not ask as well.
        if let Some(part) = state.open.get(&number).and_then(Weak::upgrade) {
            return Ok(part);
        }
        loop {
            if let Some(file) = self.open_in_folders(&name)? {
                let part = Arc::new(self.checked(&mut state.found, number, file)?);
                // A weak reference: the part is closed with its last reader.
                state.open.insert(number, Arc::downgrade(&part));
                return Ok(part);
            }
            if absent == Absent::IsMissing {
                return Err(self.missing(number));
            }
            let asks = !state.declined.contains(&number) && self.prompt.is_attended();
            if !asks || !ask(&*self.prompt, &name, &self.folders)? {
                // Remembered: the other readers that want this part do not ask the same person again.
                state.declined.insert(number);
                return Err(self.missing(number));
            }
        }
    }

    /// Opens the file `name` in the first folder that has it as a file, as [`Inventory::scan`] does.
    fn open_in_folders(&self, name: &str) -> Result<Option<MediaFile>, MediaError> {
        let mut first_failure = None;
        for folder in &self.folders {
            // A part that cannot be opened here may be whole in a later folder; only if it is in none does this error
            // count.
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
            return Err(MediaError::PartSize { path, found: now, expected: bytes });
        }
        match found.add(number, FoundPart { path: path.clone(), size: now }) {
            // The offsets of all parts behind it were computed from the size that it had when it was found.
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
mod tests;
