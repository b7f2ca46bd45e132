//! The writes of a disk, in order: the record of dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst of the
//! kernel's sources), as the emulator's `blklogwrites` driver keeps it. From it follows what a power cut at any moment may
//! leave on a disk with a volatile cache.

use crate::SeededRng;
use anyhow::{Context as _, Result, bail, ensure};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The record begins with this little-endian number.
const MAGIC: u64 = 0x006a_7366_7773_6872;

/// The unit of the record and of the disk, in bytes: the driver's default, and the least that a disk writes whole.
pub const SECTOR: u64 = 512;

/// The flag of an entry that is a flush and has no sectors. Others (discards, forced writes, marks) do not occur.
const FLUSH: u64 = 1;

/// A record that is complete.
#[derive(Debug)]
pub struct WriteLog {
    file: File,
    entries: Vec<Entry>,
}

/// One request to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    order: Order,
    /// Where the record goes on after it, in bytes.
    end: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Everything written before is to be on the disk now.
    Flush,
    /// Sectors; all in bytes.
    Write { at: u64, length: u64, recorded_at: u64 },
}

/// What a power cut takes from a disk that had not flushed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: each write that the disk had accepted is there. What the death of an emulator leaves.
    Nothing,
    /// All writes since the last flush.
    Unflushed,
    /// Any of the writes since the last flush, whatever their order, and the end of one of those that stay.
    Some,
}

/// A write of which the first bytes are on the disk after a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    entry: usize,
    length: u64,
}

impl WriteLog {
    /// Reads the record at `path`, which nobody writes to any more.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let size = file.metadata()?.len();
        let [magic, version] = numbers(&file, 0)?;
        ensure!((magic, version) == (MAGIC, 1), "{}: not a record of writes", path.display());
        let mut entries = Vec::new();
        // The first sector is the record's head.
        let mut position = SECTOR;
        while position < size {
            let entry = Entry::read(&file, position).with_context(|| format!("{} at {position}", path.display()))?;
            position = entry.end;
            entries.push(entry);
        }
        Ok(Self { file, entries })
    }

    /// How many entries there were when the record was `size` bytes long.
    pub fn entries_within(&self, size: u64) -> usize {
        self.entries.partition_point(|entry| entry.end <= size)
    }

    /// How long the record was when it had `entries` entries.
    pub fn size_with(&self, entries: usize) -> u64 {
        entries.checked_sub(1).and_then(|last| self.entries.get(last)).map_or(SECTOR, |entry| entry.end)
    }

    /// The first bytes, at most `limit`, of the entry of this number; empty where it wrote nothing.
    pub fn content(&self, entry: usize, limit: u64) -> Result<Vec<u8>> {
        let Some(Entry { order: Order::Write { length, recorded_at, .. }, .. }) = self.entries.get(entry) else {
            return Ok(Vec::new());
        };
        let mut bytes = vec![0; usize::try_from((*length).min(limit))?];
        self.file.read_exact_at(&mut bytes, *recorded_at)?;
        Ok(bytes)
    }

    /// Which writes are on the disk when power fails after the first `cut` entries, in their order.
    pub fn kept(&self, cut: usize, loss: Loss, rng: &mut SeededRng) -> Vec<Kept> {
        let completed = &self.entries[..cut.min(self.entries.len())];
        // What came before the last flush is on the disk, whatever is lost.
        let flushed = completed.iter().rposition(|entry| entry.order == Order::Flush).unwrap_or(0);
        let whole = |entry: usize| match self.entries[entry].order {
            Order::Flush => None,
            Order::Write { length, .. } => Some(Kept { entry, length }),
        };
        let mut kept: Vec<Kept> = (0..flushed).filter_map(whole).collect();
        let mut cached: Vec<Kept> = (flushed..completed.len()).filter_map(whole).collect();
        match loss {
            Loss::Nothing => {}
            Loss::Unflushed => cached.clear(),
            Loss::Some => {
                // Each for itself: a disk's cache may write in any order until it is told to flush.
                cached.retain(|_| rng.below(2) == 0);
                let torn = rng.below(cached.len());
                if let Some(torn) = cached.get_mut(torn) {
                    let sectors = usize::try_from(torn.length / SECTOR).unwrap_or(usize::MAX);
                    torn.length = rng.below(sectors + 1) as u64 * SECTOR;
                }
            }
        }
        // In the order of the record, whatever was dropped: of two writes to one sector the later one counts.
        kept.append(&mut cached);
        kept
    }

    /// Writes `kept` to `disk`, which is as it was when the record began.
    pub fn replay(&self, kept: &[Kept], disk: &File) -> Result<()> {
        let mut bytes = Vec::new();
        for Kept { entry, length } in kept {
            if let Order::Write { at, recorded_at, .. } = self.entries[*entry].order {
                bytes.resize(usize::try_from(*length)?, 0);
                self.file.read_exact_at(&mut bytes, recorded_at).context("read the record")?;
                disk.write_all_at(&bytes, at).context("write to the disk")?;
            }
        }
        Ok(())
    }
}

impl Entry {
    fn read(file: &File, position: u64) -> Result<Self> {
        let [sector, sectors, flags] = numbers(file, position)?;
        // An entry's own sector lies before what it wrote.
        let recorded_at = position + SECTOR;
        match flags {
            FLUSH if sectors == 0 => Ok(Self { order: Order::Flush, end: recorded_at }),
            0 if sectors > 0 => {
                let length = sectors.checked_mul(SECTOR).context("too long")?;
                let at = sector.checked_mul(SECTOR).context("too far")?;
                Ok(Self { order: Order::Write { at, length, recorded_at }, end: recorded_at + length })
            }
            _ => bail!("flags {flags:#x} with {sectors} sectors: the tests send the disk no such request"),
        }
    }
}

/// Little-endian numbers of eight bytes.
fn numbers<const N: usize>(file: &File, position: u64) -> Result<[u64; N]> {
    let mut numbers = [0; N];
    for (index, number) in numbers.iter_mut().enumerate() {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, position + index as u64 * 8).context("the record ends early")?;
        *number = u64::from_le_bytes(bytes);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::io::Write as _;

    /// A record of writes, each of the same letter in one or more sectors, and of flushes (no sectors).
    fn record(orders: &[(u64, u64, u8)]) -> (tempfile::NamedTempFile, WriteLog) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut block = |numbers: &[u64]| {
            let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            bytes.resize(512, 0);
            file.write_all(&bytes).unwrap();
            file.as_file().try_clone().unwrap()
        };
        block(&[MAGIC, 1, 0, SECTOR]);
        for (sector, sectors, letter) in orders {
            let mut file = block(&[*sector, *sectors, u64::from(*sectors == 0), 0]);
            file.write_all(&vec![*letter; usize::try_from(sectors * SECTOR).unwrap()]).unwrap();
        }
        let log = WriteLog::read(file.path()).unwrap();
        (file, log)
    }

    fn left(log: &WriteLog, cut: usize, loss: Loss, seed: u64) -> String {
        let disk = tempfile::tempfile().unwrap();
        disk.write_all_at(&[b'-'; 4 * 512], 0).unwrap();
        log.replay(&log.kept(cut, loss, &mut SeededRng::with_seed(seed)), &disk).unwrap();
        let letter = |sector: u64| {
            let mut byte = [0];
            disk.read_exact_at(&mut byte, sector * SECTOR + 511).unwrap();
            char::from(byte[0])
        };
        (0..4).map(letter).collect()
    }

    #[test]
    fn what_was_flushed_stays_and_the_rest_may_go() {
        let (_file, log) = record(&[(0, 1, b'a'), (1, 1, b'b'), (0, 0, 0), (1, 2, b'c'), (3, 1, b'd')]);
        assert_eq!(left(&log, 5, Loss::Nothing, 1), "accd");
        assert_eq!(left(&log, 5, Loss::Unflushed, 1), "ab--");
        assert_eq!(left(&log, 2, Loss::Unflushed, 1), "----");
        assert_eq!(left(&log, 4, Loss::Nothing, 1), "acc-");
        let outcomes: std::collections::BTreeSet<String> =
            (0..200).map(|seed| left(&log, 5, Loss::Some, seed)).collect();
        let expected = ["ab--", "ab-d", "ac--", "ac-d", "acc-", "accd"];
        assert_eq!(outcomes, expected.map(str::to_owned).into());
    }

    #[test]
    fn an_entry_counts_once_it_is_whole() {
        let (file, log) = record(&[(0, 1, b'a'), (0, 0, 0), (1, 2, b'c')]);
        assert_eq!([512, 1535, 1536, 2048, 3583, 3584].map(|size| log.entries_within(size)), [0, 0, 1, 2, 2, 3]);
        assert_eq!([0, 1, 2, 3].map(|entries| log.size_with(entries)), [512, 1536, 2048, 3584]);
        assert_eq!(log.content(2, 4).unwrap(), b"cccc");
        assert_eq!(file.as_file().metadata().unwrap().len(), 3584);
    }
}
