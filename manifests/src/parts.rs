//! A bundle cut into parts for FAT32 and for discs: plain byte ranges, of equal size but the last, which `cat` joins again.
//!
//! A part has no header. Which bytes it has follows from its number and the sizes of the parts before it; whether they are
//! right follows from the bundle's digests.

use crate::limits;

const SUFFIX: &str = ".part";
const DIGITS: usize = 3;

/// The name of the part with this number, from 1 to [`limits::PARTS`]: `<bundle>.part001`.
pub fn part_name(bundle: &str, number: u32) -> String {
    format!("{bundle}{SUFFIX}{number:0DIGITS$}")
}

/// The bundle's name and the part's number, if `name` is that of a part.
pub fn parse_part_name(name: &str) -> Option<(&str, u32)> {
    // From the right: a bundle's name may hold `.part` itself.
    let (bundle, digits) = name.rsplit_once(SUFFIX)?;
    let is_number = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| digits.parse().ok()).flatten()?;
    (number > 0 && !bundle.is_empty()).then_some((bundle, number))
}

/// Where each part of a bundle begins and ends: a part holds at least one byte, and all of them at most [`u64::MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges {
    ends: Vec<u64>,
}

/// An offset in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartOffset {
    /// The part's number, from 1.
    pub part: u32,
    /// Bytes from the start of the part.
    pub offset: u64,
}

/// Sizes are not those of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RangesError {
    /// More parts than their names can count.
    #[error("a bundle has at most 999 parts")]
    TooMany,
    /// A part without a byte.
    #[error("part {0} is empty")]
    Empty(u32),
    /// Sizes whose sum no offset can express.
    #[error("the parts up to part {0} are larger together than any bundle")]
    Overflow(u32),
    /// A bundle that would have to be cut into too many parts.
    #[error("parts of {size} bytes would be more than 999: this bundle needs parts of at least {smallest} bytes")]
    TooSmall {
        /// The size that was asked for, in bytes.
        size: u64,
        /// No smaller one gives few enough parts, in bytes. Of a bundle that is not there yet, all that is known.
        smallest: u64,
    },
}

impl Ranges {
    /// Parts of these sizes, in bytes, in the order of their numbers.
    pub fn new(sizes: impl IntoIterator<Item = u64>) -> Result<Self, RangesError> {
        let mut ranges = Self::default();
        sizes.into_iter().try_for_each(|size| ranges.push(size))?;
        Ok(ranges)
    }

    /// The parts of `size` bytes each, the last one smaller, that `total` bytes are cut into.
    pub fn cut(total: u64, size: u64) -> Result<Self, RangesError> {
        let smallest = total.div_ceil(u64::from(limits::PARTS)).max(1);
        if size < smallest {
            return Err(RangesError::TooSmall { size, smallest });
        }
        let whole = std::iter::repeat_n(size, usize::try_from(total / size).unwrap_or(usize::MAX));
        Self::new(whole.chain(Some(total % size).filter(|rest| *rest > 0)))
    }

    /// Appends a part, for a reader that learns the size of a part when it opens it.
    pub fn push(&mut self, size: u64) -> Result<(), RangesError> {
        let number = self.count() + 1;
        if number > limits::PARTS {
            return Err(RangesError::TooMany);
        }
        if size == 0 {
            return Err(RangesError::Empty(number));
        }
        self.ends.push(self.total().checked_add(size).ok_or(RangesError::Overflow(number))?);
        Ok(())
    }

    /// How many parts there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// The sum of all sizes, in bytes.
    pub fn total(&self) -> u64 {
        self.ends.last().copied().unwrap_or_default()
    }

    /// The part that holds the byte at `offset` of the bundle; `None` behind the last part.
    pub fn locate(&self, offset: u64) -> Option<PartOffset> {
        // Ends are exclusive: the byte at one is the next part's first.
        let index = self.ends.partition_point(|end| *end <= offset);
        (index < self.ends.len()).then(|| PartOffset {
            part: u32::try_from(index + 1).unwrap_or(u32::MAX),
            offset: offset - self.start(index),
        })
    }

    /// Each part's number and the bytes of the bundle that it holds.
    pub fn iter(&self) -> impl Iterator<Item = (u32, std::ops::Range<u64>)> + '_ {
        (1..).zip(self.ends.iter().enumerate().map(|(index, end)| self.start(index)..*end))
    }

    fn start(&self, index: usize) -> u64 {
        index.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn names_count_to_999() {
        assert_eq!(part_name("a.landfall.tar", 7), "a.landfall.tar.part007");
        for number in [1, 42, 999] {
            assert_eq!(parse_part_name(&part_name("a.tar", number)), Some(("a.tar", number)));
        }
        assert_eq!(parse_part_name("a.part001.part002"), Some(("a.part001", 2)));
        for wrong in
            ["a.tar", ".part001", "a.part000", "a.part01", "a.part0001", "a.part+01", "a.part001 ", "a.PART001"]
        {
            assert_eq!(parse_part_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn finds_each_byte() {
        let ranges = Ranges::cut(10, 4).unwrap();
        assert_eq!(ranges, Ranges::new([4, 4, 2]).unwrap());
        let found: Vec<_> =
            (0..11).map(|offset| ranges.locate(offset).map(|place| (place.part, place.offset))).collect();
        let expected = [(1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3), (3, 0), (3, 1)];
        assert_eq!(found[..10], expected.map(Some));
        assert_eq!(found[10], None);
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [(1, 0..4), (2, 4..8), (3, 8..10)]);
        assert_eq!(Ranges::cut(8, 4).unwrap().count(), 2);
        assert_eq!(Ranges::cut(8, u64::MAX).unwrap().count(), 1);
    }

    #[test]
    fn takes_no_sizes_that_are_not_those_of_parts() {
        assert_eq!(Ranges::new([1, 0]), Err(RangesError::Empty(2)));
        assert_eq!(Ranges::new([u64::MAX, 1]), Err(RangesError::Overflow(2)));
        assert_eq!(Ranges::new([1; 1000]), Err(RangesError::TooMany));
        assert_eq!(Ranges::cut(1000, 1), Err(RangesError::TooSmall { size: 1, smallest: 2 }));
        assert_eq!(Ranges::cut(0, 0), Err(RangesError::TooSmall { size: 0, smallest: 1 }));
        assert_eq!(Ranges::cut(u64::MAX, 1 << 32).map_err(|_| ()), Err(()));
        assert_eq!(Ranges::cut(999, 1).unwrap().count(), 999);
    }
}
