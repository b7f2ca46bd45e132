//! What is known of a bundle's parts: which are there, where, and how large they are.

use crate::errors::media_error::MediaError;
use landfall_manifests::parts::{Ranges, parse_part_name};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The parts of a bundle that were found so far, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Inventory(BTreeMap<u32, FoundPart>);

/// A part that was found.
#[derive(Debug, Clone)]
pub(super) struct FoundPart {
    pub(super) path: PathBuf,
    /// In bytes.
    pub(super) size: u64,
}

impl Inventory {
    /// The part with this number, if it was found.
    pub(super) fn get(&self, number: u32) -> Option<&FoundPart> {
        self.0.get(&number)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The highest number of a part that was found; 0 if none was.
    pub(super) fn last(&self) -> u32 {
        self.0.keys().last().copied().unwrap_or_default()
    }

    /// The parts from the first one on, up to the first one that is missing.
    pub(super) fn run(&self) -> impl Iterator<Item = &FoundPart> {
        (1..).map_while(|number| self.0.get(&number))
    }

    /// The number of the first part behind `last`, if there is one.
    pub(super) fn beyond(&self, last: u32) -> Option<u32> {
        self.0.keys().copied().find(|number| *number > last)
    }

    /// Adds a part unless one with this number was found before, and returns the size of the one that was added first, in bytes.
    pub(super) fn add(&mut self, number: u32, part: FoundPart) -> u64 {
        self.0.entry(number).or_insert(part).size
    }

    /// The largest part.
    pub(super) fn largest(&self) -> Option<&FoundPart> {
        self.0.values().max_by_key(|part| part.size)
    }

    /// The size that most parts have, in bytes; of several such sizes, the largest.
    fn most_common_size(&self) -> u64 {
        let mut counts = BTreeMap::new();
        self.0.values().for_each(|part| *counts.entry(part.size).or_insert(0) += 1);
        // A part that was cut off while it was copied is in the minority, and does not move the ranges of the others.
        counts.into_iter().max_by_key(|(size, count)| (*count, *size)).map_or(0, |(size, _)| size)
    }

    /// Which part holds which of a bundle's `total` bytes. Parts that add up are taken as they are; otherwise, those of the most
    /// common size are taken for whole. As long as the total is not known, parts that were not found are assumed to have that
    /// size.
    pub(super) fn ranges(&self, total: Option<u64>) -> Ranges {
        // Only up to the first gap: where a part behind it begins is not known from sizes alone.
        let found = Ranges::new(self.run().map(|part| part.size)).unwrap_or_default();
        let each = self.most_common_size();
        let Some(total) = total else { return extended(found, each) };
        if found.total() == total { found } else { Ranges::cut(total, each).unwrap_or_else(|_| extended(found, each)) }
    }

    /// Adds the parts of `bundle` that are in `folders` now. Of several with one number, that in the first folder counts.
    pub(super) fn scan(&mut self, folders: &[PathBuf], bundle: &str) -> Result<(), MediaError> {
        for folder in folders {
            let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let fail = |source| MediaError::Open { path: here.to_owned(), source };
            let entries = match std::fs::read_dir(here) {
                Err(error) if is_not_found(&error) => continue,
                other => other.map_err(fail)?,
            };
            for entry in entries {
                let name = entry.map_err(fail)?.file_name();
                let Some((_, number)) = name.to_str().and_then(parse_part_name).filter(|(of, _)| *of == bundle) else {
                    continue;
                };
                let path = folder.join(&name);
                // What cannot be looked at is reported when it is wanted.
                if let Ok(about) = std::fs::metadata(&path)
                    && about.is_file()
                {
                    self.add(number, FoundPart { path, size: about.len() });
                }
            }
        }
        Ok(())
    }
}

/// Appends as many parts as there can be.
fn extended(mut ranges: Ranges, each: u64) -> Ranges {
    while ranges.push(each).is_ok() {}
    ranges
}

/// A drive without a disc is an empty folder, or none.
pub(super) fn is_not_found(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory(sizes: &[(u32, u64)]) -> Inventory {
        let part = |size: u64| FoundPart { path: PathBuf::new(), size };
        Inventory(sizes.iter().map(|(number, size)| (*number, part(*size))).collect())
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
            let ranges = inventory(sizes).ranges(Some(10));
            let found: Vec<u64> = ranges.iter().map(|(_, bytes)| bytes.end - bytes.start).collect();
            assert_eq!(found, expected, "{sizes:?}");
        }
    }

    #[test]
    fn before_the_manifest_is_read_there_may_be_as_many_parts_as_have_names() {
        let ranges = inventory(&[(1, 4)]).ranges(None);
        assert_eq!((ranges.count(), ranges.total()), (999, 999 * 4));
        let sparse = inventory(&[(1, u64::MAX / 2)]).ranges(None);
        assert_eq!(sparse.count(), 2, "as far as offsets can be counted");
    }
}
