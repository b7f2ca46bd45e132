use super::file::ParityFile;
use super::report::{RecoveredRange, RecoveryReport};
use super::stripe::{self, Blocks, Lost};
use crate::errors::media_error::{MediaError, media_error};
use crate::source::Source;
use crate::source::parts::OpenPart;
use landfall_manifests::Digest;
use landfall_manifests::parity::{Geometry, Index, checksum};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many good blocks are kept: where an entry ends in one, the next begins in it. As many as threads read at once, and as much again.
const RECENT: usize = 16;
/// How many recovered stripes are kept: a burst goes through all blocks that one of them recovers, and then to the next one.
const STRIPES_KEPT: usize = 2;

/// Reads a bundle block by block, and recovers those that are bad.
#[derive(Debug)]
pub(crate) struct Recovery {
    file: ParityFile,
    /// Whether the parity file is known to be this bundle's.
    is_used: AtomicBool,
    recent: Mutex<VecDeque<(u64, Arc<[u8]>)>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The blocks of the stripes that were recovered last.
    stripes: VecDeque<Vec<(u64, Arc<[u8]>)>>,
    /// All blocks that were recovered.
    recovered: BTreeSet<u64>,
    /// The stripes of which too much is lost.
    failed: BTreeMap<u64, Lost>,
}

impl Recovery {
    pub(crate) fn new(file: ParityFile) -> Self {
        Self { file, is_used: AtomicBool::new(false), recent: Mutex::default(), state: Mutex::default() }
    }

    /// The parity file.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The digest of the manifest of the bundle that the parity file was made for.
    pub(crate) fn manifest(&self) -> Digest {
        self.index().manifest()
    }

    /// The size of that bundle, in bytes.
    pub(crate) fn bundle_bytes(&self) -> u64 {
        self.geometry().bundle_bytes()
    }

    fn index(&self) -> &Index {
        self.file.index()
    }

    fn geometry(&self) -> Geometry {
        self.index().geometry()
    }

    /// Whether bad blocks are recovered.
    pub(crate) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    /// Sets whether bad blocks are recovered: only in the bundle that the parity file was made for.
    pub(crate) fn set_used(&self, is_used: bool) {
        self.is_used.store(is_used, Ordering::Relaxed);
    }

    /// Reads some bytes at `offset`, as [`Source::read_at`] does. What is neither good nor can be recovered is read as it is.
    pub(crate) fn read_at(
        &self,
        source: &Source,
        part: &mut Option<Arc<OpenPart>>,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        if offset >= self.bundle_bytes() {
            return source.read_at(part, buffer, offset);
        }
        let block = self.geometry().block_at(offset);
        let (begin, bytes) = self.geometry().place_of(block);
        let within = usize::try_from(offset - begin).unwrap_or(bytes);
        let count = buffer.len().min(bytes - within);
        match self.block(source, part, block)? {
            Some(content) => {
                buffer[..count].copy_from_slice(&content[within..within + count]);
                Ok(count)
            }
            None => source.read_at(part, &mut buffer[..count], offset),
        }
    }

    /// A block, filled up with zeros: as it is on the medium, or recovered. `None` if it is bad and cannot be recovered.
    fn block(&self, source: &Source, part: &mut Option<Arc<OpenPart>>, block: u64) -> io::Result<Option<Arc<[u8]>>> {
        if let Some((_, content)) = lock(&self.recent).iter().find(|(number, _)| *number == block) {
            return Ok(Some(Arc::clone(content)));
        }
        if lock(&self.state).failed.contains_key(&self.geometry().shard_of(block).stripe) {
            return Ok(None);
        }
        let (begin, bytes) = self.geometry().place_of(block);
        let mut content = self.empty_block();
        match source.read_full_at(part, &mut content[..bytes], begin) {
            // A person who wants to stop is not answered by a computation.
            Err(error) if matches!(media_error(&error), Some(MediaError::Prompt { .. })) => return Err(error),
            Ok(read) if read == bytes && self.is_good(block, &content) => {}
            _ => return Ok(self.recovered(source, block)),
        }
        let content: Arc<[u8]> = content.into();
        let mut recent = lock(&self.recent);
        recent.push_back((block, Arc::clone(&content)));
        if recent.len() > RECENT {
            recent.pop_front();
        }
        Ok(Some(content))
    }

    /// A block that is bad on the medium, recovered with all others of its stripe.
    fn recovered(&self, source: &Source, block: u64) -> Option<Arc<[u8]>> {
        let stripe = self.geometry().shard_of(block).stripe;
        // Locked all the time: what recovers the block for one reader does so for the others, and takes its memory once.
        let mut state = lock(&self.state);
        if let Some(content) = state.kept(block) {
            return Some(content);
        }
        if state.failed.contains_key(&stripe) {
            return None;
        }
        let mut blocks =
            Stripe { recovery: self, source, number: stripe, wanted: block, part: None, parity: None, its_part: None };
        blocks.parity = self.file.open().ok();
        let found = stripe::recover(&self.geometry(), stripe, &mut blocks).and_then(|found| self.all_good(found));
        match found {
            Err(lost) => {
                state.failed.insert(stripe, lost);
            }
            Ok(found) => state.keep(found),
        }
        state.kept(block)
    }

    /// Checks what was recovered: a block that was taken for good, and is not, spoils all that is computed from it.
    fn all_good(&self, found: Vec<(u64, Vec<u8>)>) -> Result<Vec<(u64, Vec<u8>)>, Lost> {
        let is_good = found.iter().all(|(block, content)| self.is_good(*block, content));
        if is_good { Ok(found) } else { Err(Lost { blocks: found.len() as u64, recoverable: 0 }) }
    }

    /// Whether a block has its checksum, as far as that is known.
    fn is_good(&self, block: u64, content: &[u8]) -> bool {
        self.index().block_checksum(block).is_none_or(|expected| checksum(content) == expected)
    }

    fn empty_block(&self) -> Vec<u8> {
        vec![0; usize::try_from(self.geometry().block_bytes()).unwrap_or_default()]
    }

    /// What is lost around a range of the bundle, if that is why it cannot be recovered.
    pub(crate) fn lost_in(&self, range: &Range<u64>) -> Option<Lost> {
        let state = lock(&self.state);
        let (first, last) =
            (self.geometry().block_at(range.start), self.geometry().block_at(range.end.saturating_sub(1)));
        // All stripes have been seen after so many blocks.
        let blocks =
            first..=last.min(first.saturating_add(self.geometry().stripes() * u64::from(self.geometry().recovery())));
        let mut stripes = blocks.map(|block| self.geometry().shard_of(block).stripe);
        stripes.find_map(|stripe| state.failed.get(&stripe).copied())
    }

    /// What was recovered so far, if anything was.
    pub(crate) fn report(&self, source: &Source) -> Option<RecoveryReport> {
        let recovered = &lock(&self.state).recovered;
        let mut places: Vec<(Range<u64>, RecoveredRange)> = Vec::new();
        for block in recovered {
            let (begin, bytes) = self.geometry().place_of(*block);
            let end = begin + bytes as u64;
            match places.last_mut() {
                Some((range, place)) if range.end == begin => {
                    *range = range.start..end;
                    place.bytes = range.end - range.start;
                }
                _ => {
                    let (path, offset) = source.place(begin);
                    places.push((begin..end, RecoveredRange { path, offset, bytes: bytes as u64 }));
                }
            }
        }
        let places: Vec<RecoveredRange> = places.into_iter().map(|(_, place)| place).collect();
        let blocks = recovered.len() as u64;
        (blocks > 0).then(|| RecoveryReport { parity: self.path().to_owned(), blocks, places })
    }
}

impl State {
    fn kept(&self, block: u64) -> Option<Arc<[u8]>> {
        let mut blocks = self.stripes.iter().flatten();
        blocks.find(|(number, _)| *number == block).map(|(_, content)| Arc::clone(content))
    }

    fn keep(&mut self, found: Vec<(u64, Vec<u8>)>) {
        self.recovered.extend(found.iter().map(|(block, _)| *block));
        self.stripes.push_back(found.into_iter().map(|(block, content)| (block, content.into())).collect());
        if self.stripes.len() > STRIPES_KEPT {
            self.stripes.pop_front();
        }
    }
}

/// The blocks of a stripe, on their media.
struct Stripe<'a> {
    recovery: &'a Recovery,
    source: &'a Source,
    number: u64,
    /// The block that was read, and is bad: it counts as bad even if the medium gives it back this time.
    wanted: u64,
    part: Option<Arc<OpenPart>>,
    /// The parity file, if it can still be opened.
    parity: Option<Source>,
    its_part: Option<Arc<OpenPart>>,
}

impl Blocks for Stripe<'_> {
    fn block(&mut self, block: u64, buffer: &mut [u8]) -> bool {
        let (begin, bytes) = self.recovery.geometry().place_of(block);
        // Nobody is asked for another medium: the stripes go through all parts, over and over again.
        let read = self.source.read_present_at(&mut self.part, &mut buffer[..bytes], begin);
        block != self.wanted && read.is_ok_and(|read| read == bytes) && self.recovery.is_good(block, buffer)
    }

    fn recovery(&mut self, number: u64, buffer: &mut [u8]) -> bool {
        let Some(parity) = &self.parity else { return false };
        let offset = self.recovery.geometry().recovery_offset(self.number, number);
        let read = parity.read_full_at(&mut self.its_part, buffer, offset);
        let expected = self.recovery.index().recovery_checksum(self.number, number);
        // Without its checksum it may be bad all the same: then what is computed from it is not good either, and is not used.
        read.is_ok_and(|read| read == buffer.len()) && expected.is_none_or(|expected| expected == checksum(buffer))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is changed half-way that another reader could be misled by.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
