//! A bundle that is cut into parts: plain ranges of its bytes, all of one size but the last, in any folders.
//!
//! A part is opened when its bytes are wanted, and closed before the next one is looked for: until then its medium cannot be
//! taken out. Readers that want the same part at the same time share the open file: on some FUSE file systems a file that is
//! opened again can read as zeros to who was there before. Parts are never joined on a disk.

use super::error::MediaError;
use super::file::MediaFile;
use super::prompt;
use landfall_console::Console;
use landfall_manifests::parts::{Ranges, parse_part_name, part_name};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The parts of one bundle.
#[derive(Debug)]
pub(super) struct Parts {
    /// The path that the whole bundle would have.
    path: PathBuf,
    /// The bundle's name, without `.partNNN`.
    name: String,
    /// Where parts are looked for, in this order.
    folders: Vec<PathBuf>,
    /// Which part holds which bytes. Until the manifest is believed, it is not known where they end.
    ranges: Ranges,
    /// Whether the manifest is believed.
    complete: bool,
    known: Mutex<Known>,
    console: Console,
}

/// What was found out about parts so far.
#[derive(Debug, Default)]
struct Known {
    seen: BTreeMap<u32, Seen>,
    /// Parts that nobody has.
    given_up: BTreeSet<u32>,
    /// Those that some reader has open.
    open: BTreeMap<u32, Weak<OpenPart>>,
}

#[derive(Debug, Clone)]
struct Seen {
    path: PathBuf,
    size: u64,
}

/// A part that is open.
#[derive(Debug)]
pub(super) struct OpenPart {
    number: u32,
    file: MediaFile,
    /// How many bytes of the bundle it has to hold.
    bytes: u64,
}

impl Known {
    fn largest(&self) -> Option<&Seen> {
        self.seen.values().max_by_key(|seen| seen.size)
    }

    /// The size that most parts have, in bytes; of several, the largest.
    fn usual(&self) -> u64 {
        let mut counts = BTreeMap::new();
        self.seen.values().for_each(|seen| *counts.entry(seen.size).or_insert(0) += 1);
        counts.into_iter().max_by_key(|(size, count)| (*count, *size)).map_or(0, |(size, _)| size)
    }

    /// Which part holds which of a bundle's `total` bytes. Parts that add up are taken as they are; of others, those of the
    /// usual size are taken for whole. As long as the total is not known, those that are not seen are taken to be like them.
    fn ranges(&self, total: Option<u64>) -> Ranges {
        let run = (1..).map_while(|number| self.seen.get(&number)).map(|seen| seen.size);
        let seen = Ranges::new(run).unwrap_or_default();
        let each = self.usual();
        let Some(total) = total else { return extended(seen, each) };
        if seen.total() == total { seen } else { Ranges::cut(total, each).unwrap_or_else(|_| extended(seen, each)) }
    }
}

/// As many more parts as there can be.
fn extended(mut ranges: Ranges, each: u64) -> Ranges {
    while ranges.push(each).is_ok() {}
    ranges
}

/// Where the bundle lies that `file` belongs to, and its name.
fn family(file: &Path) -> Option<(&Path, &str, Option<u32>)> {
    let name = file.file_name()?.to_str()?;
    let folder = file.parent()?;
    Some(parse_part_name(name).map_or((folder, name, None), |(bundle, number)| (folder, bundle, Some(number))))
}

/// Whether the name is one of a part. Parts are looked for by names that are UTF-8, as all bundles' are.
pub(super) fn is_part(file: &Path) -> Result<bool, MediaError> {
    let name = file.file_name().unwrap_or_default();
    match (parse_part_name(&name.to_string_lossy()), name.to_str()) {
        (Some(_), None) => Err(MediaError::Name(file.to_owned())),
        (found, _) => Ok(found.is_some()),
    }
}

impl Parts {
    /// Looks for the parts of the bundle that `file` names, beside it and in `more` folders. `None` if there are none.
    pub(super) fn find(file: &Path, more: &[PathBuf], console: Console) -> io::Result<Option<Self>> {
        let Some((folder, name, number)) = family(file) else { return Ok(None) };
        let folders: Vec<PathBuf> = std::iter::once(folder.to_owned()).chain(more.iter().cloned()).collect();
        let mut known = Known::default();
        look_around(&folders, name, &mut known.seen)?;
        if known.seen.is_empty() && number.is_none() {
            return Ok(None);
        }
        // The first one says how large they are.
        let first = part_name(name, 1);
        while !known.seen.contains_key(&1) && console.interactive() {
            if !prompt::insert(console, &first, &folders)? {
                known.given_up.insert(1);
                break;
            }
            look_around(&folders, name, &mut known.seen)?;
        }
        let Some(largest) = known.largest() else { return Ok(None) };
        if largest.size == 0 {
            return Err(MediaError::Empty(largest.path.clone()).into());
        }
        let ranges = known.ranges(None);
        let path = folder.join(name);
        Ok(Some(Self {
            path,
            name: name.to_owned(),
            folders,
            ranges,
            complete: false,
            known: Mutex::new(known),
            console,
        }))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path that the whole bundle would have.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Says how large the whole bundle is, in bytes.
    pub(super) fn set_total(&mut self, total: u64) -> Result<(), MediaError> {
        let ranges = self.known().ranges(Some(total));
        let (last, stray) = (ranges.count(), self.known().seen.keys().copied().find(|number| *number > ranges.count()));
        (self.ranges, self.complete) = (ranges, true);
        match stray {
            None => Ok(()),
            Some(stray) => {
                Err(MediaError::Stray { name: part_name(&self.name, stray), last: part_name(&self.name, last) })
            }
        }
    }

    /// No part that was seen is longer than it has to be.
    pub(super) fn check_lengths(&self) -> Result<(), MediaError> {
        let known = self.known();
        for (number, bytes) in self.ranges.iter() {
            let expected = bytes.end - bytes.start;
            if let Some(Seen { path, size }) = known.seen.get(&number).filter(|seen| seen.size > expected) {
                return Err(MediaError::Long { path: path.clone(), found: *size, expected });
            }
        }
        Ok(())
    }

    /// The file that holds `offset`, or would hold it, and the offset in it.
    pub(super) fn place(&self, offset: u64) -> (PathBuf, u64) {
        let (number, within) = match self.ranges.locate(offset) {
            Some(place) => (place.part, place.offset),
            None => self.ranges.iter().last().map_or((1, offset), |(last, bytes)| (last, offset - bytes.start)),
        };
        let seen = self.known().seen.get(&number).map(|seen| seen.path.clone());
        (seen.unwrap_or_else(|| part_name(&self.name, number).into()), within)
    }

    /// Whether nobody has to be asked for any part.
    pub(super) fn are_at_hand(&self) -> bool {
        let known = self.known();
        self.complete && (1..=self.ranges.count()).all(|number| known.seen.contains_key(&number))
    }

    /// Reads some bytes from `offset` on, none only at the end of the bundle or of a part that is too short. `open` is the
    /// part that the reader has, which others may have as well.
    pub(super) fn read_at(
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
            None => open.insert(self.take_up(place.part)?),
        };
        let left = part.bytes.saturating_sub(place.offset);
        let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        part.file.read_at(&mut buffer[..want], place.offset)
    }

    /// Opens a part; where it is nowhere, asks for it if there is somebody to ask.
    fn take_up(&self, number: u32) -> io::Result<Arc<OpenPart>> {
        let name = part_name(&self.name, number);
        let mut known = self.known();
        if let Some(part) = known.open.get(&number).and_then(Weak::upgrade) {
            return Ok(part);
        }
        loop {
            if let Some(file) = self.open_part(&name)? {
                let part = Arc::new(self.checked(&mut known, number, file)?);
                known.open.insert(number, Arc::downgrade(&part));
                return Ok(part);
            }
            let asks = !known.given_up.contains(&number) && self.console.interactive();
            if !asks || !prompt::insert(self.console, &name, &self.folders)? {
                known.given_up.insert(number);
                return Err(MediaError::Missing { name, folders: self.folders.clone() }.into());
            }
        }
    }

    /// The first folder counts that has the part as a file, as [`look_around`] has it.
    fn open_part(&self, name: &str) -> Result<Option<MediaFile>, MediaError> {
        let mut in_the_way = None;
        for folder in &self.folders {
            let error = match MediaFile::open(&folder.join(name)) {
                Err(MediaError::Open { source, .. }) if is_absence(&source) => continue,
                Err(MediaError::Open { path, source }) => MediaError::PartOpen { path, source },
                Err(MediaError::Kind(path)) => MediaError::PartKind(path),
                other => return other.map(Some),
            };
            in_the_way.get_or_insert(error);
        }
        in_the_way.map_or(Ok(None), Err)
    }

    /// A part has the size that it had before, and is not longer than it has to be.
    fn checked(&self, known: &mut Known, number: u32, file: MediaFile) -> Result<OpenPart, MediaError> {
        let (path, now) = (file.path().to_owned(), file.size());
        let bytes =
            self.ranges.iter().find(|(part, _)| *part == number).map_or(0, |(_, bytes)| bytes.end - bytes.start);
        if now > bytes {
            return Err(MediaError::Long { path, found: now, expected: bytes });
        }
        match known.seen.entry(number).or_insert_with(|| Seen { path: path.clone(), size: now }).size {
            before if before == now => Ok(OpenPart { number, file, bytes }),
            before => Err(MediaError::Changed { path, before, now }),
        }
    }
}

/// Notes the parts that are there now. The first folder that has one counts.
fn look_around(folders: &[PathBuf], bundle: &str, seen: &mut BTreeMap<u32, Seen>) -> io::Result<()> {
    for folder in folders {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = match std::fs::read_dir(here) {
            Err(error) if is_absence(&error) => continue,
            other => other.map_err(|source| MediaError::Open { path: here.to_owned(), source })?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some((_, number)) = name.to_str().and_then(parse_part_name).filter(|(of, _)| *of == bundle) else {
                continue;
            };
            let path = folder.join(&name);
            if let Ok(about) = std::fs::metadata(&path)
                && about.is_file()
            {
                seen.entry(number).or_insert_with(|| Seen { path, size: about.len() });
            }
        }
    }
    Ok(())
}

/// A drive without its disc is an empty folder, or none.
fn is_absence(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::kept::fixture::quiet;

    fn known(sizes: &[(u32, u64)]) -> Known {
        let seen = sizes.iter().map(|(number, size)| (*number, Seen { path: PathBuf::new(), size: *size }));
        Known { seen: seen.collect(), ..Known::default() }
    }

    #[test]
    fn which_part_holds_what_follows_from_those_that_are_there() {
        for (sizes, expected) in [
            (&[(1, 4), (2, 4), (3, 2)][..], &[4, 4, 2][..]),
            (&[(1, 3), (2, 7)], &[3, 7]),
            (&[(1, 4)], &[4, 4, 2]),
            (&[(2, 4), (3, 2)], &[4, 4, 2]),
            (&[(1, 3), (2, 4), (3, 2)], &[4, 4, 2]),
            (&[(1, 4), (2, 4), (3, 5)], &[4, 4, 2]),
            (&[(1, 4), (2, 4), (3, 2), (4, 9)], &[4, 4, 2]),
            (&[(1, 10)], &[10]),
        ] {
            let ranges = known(sizes).ranges(Some(10));
            let found: Vec<u64> = ranges.iter().map(|(_, bytes)| bytes.end - bytes.start).collect();
            assert_eq!(found, expected, "{sizes:?}");
        }
    }

    #[test]
    fn readers_of_one_part_share_it_and_the_last_one_closes_it() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (first, file) = (folder.path().join("b.part001"), folder.path().join("b"));
        std::fs::write(&first, b"part")?;
        let mut parts = Parts::find(&file, &[], quiet())?.unwrap();
        parts.set_total(4)?;
        let (mut one, mut other, mut buffer) = (None, None, [0; 4]);
        parts.read_at(&mut one, &mut buffer, 0)?;
        std::fs::remove_file(&first)?;
        assert_eq!((parts.read_at(&mut other, &mut buffer, 1)?, &buffer[..3]), (3, &b"art"[..]));
        drop((one, other));
        assert!(parts.read_at(&mut None, &mut buffer, 0).is_err(), "it is still open");
        Ok(())
    }

    #[test]
    fn before_the_manifest_is_read_there_may_be_as_many_parts_as_have_names() {
        let ranges = known(&[(1, 4)]).ranges(None);
        assert_eq!((ranges.count(), ranges.total()), (999, 999 * 4));
        let sparse = known(&[(1, u64::MAX / 2)]).ranges(None);
        assert_eq!(sparse.count(), 2, "as far as offsets can be counted");
    }
}
