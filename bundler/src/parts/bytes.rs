use super::{Found, MissingPart};
use crate::assemble::folder_of;
use crate::regular;
use landfall_manifests::parts::{Misfit, Ranges, RangesError, part_name};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// A bundle's bytes, in one file or in parts: each is opened once, and read by several threads at once.
#[derive(Debug)]
pub(crate) struct Bytes {
    /// Where the bundle lies, or would lie if it were whole.
    bundle: PathBuf,
    paths: Vec<PathBuf>,
    files: Vec<File>,
    ranges: Ranges,
    in_parts: bool,
}

/// A bundle's files cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the bundle {} cannot be read", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("the parts of {}", path.display())]
    Ranges { path: PathBuf, source: RangesError },
}

impl Bytes {
    /// Opens all files of a bundle.
    pub(crate) fn open(found: Found) -> Result<Self, OpenError> {
        let (bundle, paths, in_parts) = match found {
            Found::Whole(path) => (path.clone(), vec![path], false),
            Found::Parts { bundle, files } => (bundle, files, true),
        };
        let opened = paths.iter().map(|path| {
            let opened = regular::open(path);
            opened.map_err(|source| OpenError::Open { path: path.clone(), source })
        });
        let (files, sizes): (Vec<File>, Vec<u64>) =
            opened.collect::<Result<Vec<_>, _>>()?.into_iter().map(|(file, metadata)| (file, metadata.len())).unzip();
        // One file is what it is: an empty one is no part, and no bundle either.
        let sizes = sizes.into_iter().filter(|size| in_parts || *size > 0);
        let ranges = Ranges::new(sizes).map_err(|source| OpenError::Ranges { path: bundle.clone(), source })?;
        Ok(Self { bundle, paths, files, ranges, in_parts })
    }

    /// Where the bundle lies, or would lie if it were whole.
    pub(crate) fn bundle(&self) -> &Path {
        &self.bundle
    }

    /// The files that hold the bytes, in order.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Where a part lies; where the bundle does, if there is no such part.
    pub(crate) fn path_of(&self, part: u32) -> &Path {
        let index = usize::try_from(part).unwrap_or(usize::MAX).saturating_sub(1);
        self.paths.get(index).unwrap_or(&self.bundle)
    }

    /// The size of the first part in bytes, if these are parts.
    pub(crate) fn part_size(&self) -> Option<u64> {
        let first = self.ranges.iter().next().map(|(_, range)| range.end);
        first.filter(|_| self.in_parts)
    }

    /// How many bytes there are.
    pub(crate) fn size(&self) -> u64 {
        self.ranges.total()
    }

    /// What is wrong with parts of a bundle of `total` bytes, if their sizes show it. Of one file, its end is the judge.
    pub(crate) fn misfit(&self, total: u64) -> Option<Misfit> {
        self.ranges.misfit(total).filter(|_| self.in_parts)
    }

    /// The error of a part that is not there.
    pub(crate) fn missing(&self, part: u32) -> MissingPart {
        let name = self.bundle.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut looked: Vec<PathBuf> = self.paths.iter().map(|path| folder_of(path).to_owned()).collect();
        looked.sort();
        looked.dedup();
        MissingPart { name: part_name(&name, part), looked }
    }

    /// Which file holds the bytes of `range`, and from where on: for people.
    pub(crate) fn describe(&self, range: &std::ops::Range<u64>) -> String {
        let name = |part: u32| self.path_of(part).display();
        if !self.in_parts {
            return self.bundle.display().to_string();
        }
        let Some(first) = self.ranges.locate(range.start) else {
            return format!("the end of {}", name(self.ranges.count()));
        };
        let last = self.ranges.locate(range.end.saturating_sub(1)).map_or(self.ranges.count(), |place| place.part);
        match last == first.part {
            true if range.end - range.start == 1 => format!("{} at byte {}", name(first.part), first.offset),
            true => format!("{} from byte {} on", name(first.part), first.offset),
            false => {
                format!("{} from byte {} on, up to {}", name(first.part), first.offset, name(last))
            }
        }
    }

    /// Reads at `offset` as `pread(2)` does.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(place) = self.ranges.locate(offset) else { return Ok(0) };
        let index = usize::try_from(place.part).unwrap_or(usize::MAX).saturating_sub(1);
        let Some(file) = self.files.get(index) else { return Ok(0) };
        file.read_at(buffer, place.offset)
    }

    /// A reader that stands at `offset`.
    pub(crate) fn reader(&self, offset: u64) -> Reader<'_> {
        Reader { bytes: self, offset }
    }
}

/// Reads from some offset on, across parts.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a Bytes,
    offset: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read_at(self.offset, buffer)?;
        self.offset += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn parts(folder: &Path, contents: &[&str]) -> Bytes {
        let path = |number| folder.join(part_name("b.tar", number));
        let files: Vec<PathBuf> = (1..).zip(contents).map(|(number, _)| path(number)).collect();
        contents.iter().zip(&files).for_each(|(content, path)| std::fs::write(path, content).unwrap());
        Bytes::open(Found::Parts { bundle: folder.join("b.tar"), files }).unwrap()
    }

    #[test]
    fn parts_are_read_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = parts(folder.path(), &["abc", "def", "g"]);
        assert_eq!((bytes.size(), bytes.part_size()), (7, Some(3)));
        for offset in 0..9_u8 {
            let mut text = String::new();
            bytes.reader(offset.into()).read_to_string(&mut text).unwrap();
            assert_eq!(text, "abcdefg".get(offset.into()..).unwrap_or_default());
        }
    }

    #[test]
    fn a_range_is_named_by_part_and_place() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = parts(folder.path(), &["abc", "def", "g"]);
        for (range, expected) in [
            (0..1, "b.tar.part001 at byte 0"),
            (4..6, "b.tar.part002 from byte 1 on"),
            (2..7, "b.tar.part001 from byte 2 on, up to b.tar.part003"),
            (5..9, "b.tar.part002 from byte 2 on, up to b.tar.part003"),
            (7..8, "the end of b.tar.part003"),
        ] {
            let found = bytes.describe(&range).replace(&format!("{}/", folder.path().display()), "");
            assert_eq!(found, expected);
        }
    }
}
