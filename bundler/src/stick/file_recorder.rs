use super::StickError;
use landfall_manifests::{Digest, Hasher};
use rustix::fs::Advice;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The size of the chunks that are hashed separately, in bytes: a fault is located within one chunk. Only the chunks' digests
/// are kept, 32 KiB per gigabyte.
pub(super) const CHUNK: usize = 1 << 20;

/// What was written to a file of the medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileRecord {
    /// The file's name on the medium.
    pub(crate) name: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// The digest of all of it.
    pub(crate) digest: Digest,
    /// The digest of each [`CHUNK`] of it.
    pub(super) chunks: Vec<Digest>,
}

/// Writes one file and records what it must hold.
pub(crate) struct FileRecorder {
    path: PathBuf,
    file: File,
    name: String,
    chunk: Vec<u8>,
    chunks: Vec<Digest>,
    size: u64,
    whole: Hasher,
}

impl FileRecorder {
    /// Creates the file `name` in `folder`. FAT has no permissions: there, the mount decides what may be executed.
    pub(crate) fn create(folder: &Path, name: &str, mode: u32) -> Result<Self, StickError> {
        let path = folder.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        let file = file.map_err(|source| StickError::Write { path: path.clone(), source })?;
        Ok(Self {
            path,
            file,
            name: name.to_owned(),
            chunk: Vec::with_capacity(CHUNK),
            chunks: Vec::new(),
            size: 0,
            whole: Hasher::default(),
        })
    }

    /// Makes the file durable, and drops it from the kernel's page cache.
    pub(crate) fn finish(mut self) -> Result<FileRecord, StickError> {
        // Synced before the advice below: the kernel drops clean pages only.
        let synced = self.write_chunk().and_then(|()| self.file.sync_all());
        synced.map_err(|source| StickError::Write { path: self.path, source })?;
        // Only advice: reading back goes around the cache where it can.
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
        Ok(FileRecord { name: self.name, size: self.size, digest: self.whole.finish(), chunks: self.chunks })
    }

    /// Takes the first of `bytes`, and returns how many.
    fn write_some(&mut self, bytes: &[u8]) -> Result<usize, StickError> {
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        self.size += taken as u64;
        if self.chunk.len() == CHUNK {
            self.write_chunk().map_err(|source| StickError::Write { path: self.path.clone(), source })?;
        }
        Ok(taken)
    }

    /// Writes all of `bytes`.
    pub(crate) fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), StickError> {
        while !bytes.is_empty() {
            bytes = &bytes[self.write_some(bytes)?..];
        }
        Ok(())
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        // Written first: only what the medium took belongs into the record.
        self.file.write_all(&self.chunk)?;
        self.chunks.push(Digest::of(&self.chunk));
        self.whole.update(&self.chunk);
        self.chunk.clear();
        Ok(())
    }
}

/// Writes a bundle into files of at most `part_size` bytes each, one after the other.
pub(crate) struct PartRecorder<'a> {
    folder: &'a Path,
    names: std::vec::IntoIter<String>,
    part_size: u64,
    current: Option<FileRecorder>,
    records: Vec<FileRecord>,
    failure: Option<StickError>,
}

impl<'a> PartRecorder<'a> {
    /// A writer of files called `names` in `folder`.
    pub(crate) fn new(folder: &'a Path, names: Vec<String>, part_size: u64) -> Self {
        Self { folder, names: names.into_iter(), part_size, current: None, records: Vec::new(), failure: None }
    }

    /// Why writing failed, if it was for the medium.
    pub(crate) fn failure(&mut self) -> Option<StickError> {
        self.failure.take()
    }

    /// Completes the last file, and returns what was written.
    pub(crate) fn finish(mut self) -> Result<Vec<FileRecord>, StickError> {
        self.records.extend(self.current.take().map(FileRecorder::finish).transpose()?);
        Ok(self.records)
    }

    fn write_some(&mut self, bytes: &[u8]) -> Result<usize, StickError> {
        let mut part = match self.current.take() {
            Some(part) => part,
            // There are as many names as the plan has parts.
            None => FileRecorder::create(self.folder, &self.names.next().unwrap_or_default(), 0o644)?,
        };
        let room = usize::try_from(self.part_size - part.size).unwrap_or(usize::MAX);
        let taken = part.write_some(&bytes[..bytes.len().min(room)])?;
        if part.size == self.part_size {
            self.records.push(part.finish()?);
        } else {
            self.current = Some(part);
        }
        Ok(taken)
    }
}

impl Write for PartRecorder<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_some(bytes).map_err(|error| {
            // An io::Error passes through the copying: `failure` gives the whole error afterwards.
            self.failure = Some(error);
            io::Error::other("the medium failed")
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_parts_hold_the_bundle_byte_by_byte() {
        let content: Vec<u8> = (0..2 * CHUNK + 700).map(|at| at.to_le_bytes()[1]).collect();
        for part_size in [1, 300_000, CHUNK - 1, CHUNK, CHUNK + 1, content.len(), 2 * content.len()] {
            let folder = tempfile::tempdir().unwrap();
            let content = if part_size == 1 { &content[..5] } else { &content };
            let names: Vec<String> = (1..=content.len().div_ceil(part_size)).map(|n| n.to_string()).collect();
            let mut writer = PartRecorder::new(folder.path(), names.clone(), part_size as u64);
            writer.write_all(content).unwrap();
            let records = writer.finish().unwrap();
            assert_eq!(records.iter().map(|record| &record.name).collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
            for (record, expected) in records.iter().zip(content.chunks(part_size)) {
                let found = std::fs::read(folder.path().join(&record.name)).unwrap();
                assert!(found == expected, "{}", record.name);
                assert_eq!((record.size, record.digest), (found.len() as u64, Digest::of(&found)));
                assert_eq!(record.chunks.len(), found.len().div_ceil(CHUNK));
            }
        }
    }

    #[test]
    fn a_medium_that_fails_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("taken"), "").unwrap();
        let mut writer = PartRecorder::new(folder.path(), vec!["taken".to_owned()], 10);
        assert!(writer.write_all(b"x").is_err());
        let failure = writer.failure().unwrap();
        assert!(matches!(&failure, StickError::Write { path, .. } if path.ends_with("taken")), "{failure}");
    }
}
