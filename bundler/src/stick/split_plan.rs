use landfall_console::Size;
use landfall_manifests::parts::{Ranges, RangesError, parse_part_name, part_name};

/// The size of parts where only the file system asks for them: the largest that FAT takes in whole clusters of any size.
const LARGEST_PART: u64 = (4 << 30) - (1 << 20);

/// A bundle cannot be cut like this for the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SplitError {
    #[error("parts of {} are larger than the medium's file system takes: {}", Size(*size), Size(*largest))]
    TooLarge { size: u64, largest: u64 },
    #[error(transparent)]
    Ranges(#[from] RangesError),
}

/// The files that the bundle is on the medium, or its parity file: one, or parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SplitPlan {
    bundle: String,
    size: u64,
    parts: Option<(u64, Ranges)>,
}

impl SplitPlan {
    /// A bundle called `bundle` of `size` bytes, for a file system whose largest file is `largest`: cut into parts of `split`
    /// bytes, or into as few as it needs.
    pub(crate) fn new(bundle: String, size: u64, split: Option<u64>, largest: Option<u64>) -> Result<Self, SplitError> {
        // A `split` that is larger than the bundle asks for nothing; the file system may still need parts.
        let needed = largest.filter(|largest| size > *largest);
        let part = split.filter(|part| *part < size).or(needed.map(|largest| LARGEST_PART.min(largest)));
        if let (Some(part), Some(largest)) = (part, largest)
            && part > largest
        {
            return Err(SplitError::TooLarge { size: part, largest });
        }
        let parts = part.map(|part| Ok::<_, SplitError>((part, Ranges::cut(size, part)?))).transpose()?;
        Ok(Self { bundle, size, parts })
    }

    /// The bundle's name, which any of the parts can be asked for by.
    pub(crate) fn bundle(&self) -> &str {
        &self.bundle
    }

    /// The size of each part but the last, in bytes; the whole bundle's where it is not cut.
    pub(crate) fn part_size(&self) -> u64 {
        self.parts.as_ref().map_or(self.size, |(part, _)| *part)
    }

    /// How many parts there are; `None` where the bundle is one file.
    pub(crate) fn parts(&self) -> Option<u32> {
        self.parts.as_ref().map(|(_, ranges)| ranges.count())
    }

    /// The names of the bundle's files, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        match self.parts() {
            Some(count) => (1..=count).map(|number| part_name(&self.bundle, number)).collect(),
            None => vec![self.bundle.clone()],
        }
    }

    /// The room that the files take, in bytes, where files take whole blocks of `block`.
    pub(crate) fn room(&self, block: u64) -> u64 {
        let count = u64::from(self.parts().unwrap_or(1));
        // Every file wastes up to a block at its end.
        self.size.saturating_add(count.saturating_mul(block))
    }

    /// The first of `there` that a reader would take for a part of this bundle, and that this bundle does not replace.
    pub(crate) fn stale<'a>(&self, there: &'a [String]) -> Option<&'a str> {
        let ours: Vec<String> = self.names();
        let replaced = |name: &str| ours.iter().any(|own| own.eq_ignore_ascii_case(name));
        there.iter().map(String::as_str).find(|name| is_named(name, &self.bundle) && !replaced(name))
    }
}

/// Whether a file is read as the one called `whole`, or as a part of it. FAT knows no difference between capital and small letters.
pub(super) fn is_named(name: &str, whole: &str) -> bool {
    let (name, whole) = (name.to_ascii_lowercase(), whole.to_ascii_lowercase());
    name == whole || parse_part_name(&name).is_some_and(|(of, _)| of == whole)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const FAT: Option<u64> = Some(u32::MAX as u64);

    fn split_plan(size: u64, split: Option<u64>, largest: Option<u64>) -> Result<SplitPlan, SplitError> {
        SplitPlan::new("b.tar".to_owned(), size, split, largest)
    }

    #[test]
    fn a_bundle_is_cut_where_the_file_system_or_the_operator_asks_for_it() {
        for (size, split, largest, expected) in [
            (100, None, None, None),
            (100, Some(100), None, None),
            (100, Some(99), None, Some(2)),
            (u64::from(u32::MAX), None, FAT, None),
            (1 << 32, None, FAT, Some(2)),
            (1 << 32, None, None, None),
            (1 << 32, Some(1 << 30), FAT, Some(4)),
            (9 << 30, None, FAT, Some(3)),
            (9 << 30, Some(10 << 30), FAT, Some(3)),
        ] {
            let found = split_plan(size, split, largest).unwrap();
            assert_eq!(found.parts(), expected, "{size} {split:?} {largest:?}");
            assert_eq!(found.names().len(), expected.map_or(1, |count| usize::try_from(count).unwrap()));
            assert!(found.part_size() <= largest.unwrap_or(u64::MAX));
        }
        assert_eq!(
            split_plan(100, Some(40), None).unwrap().names(),
            ["b.tar.part001", "b.tar.part002", "b.tar.part003"]
        );
    }

    #[test]
    fn refuses_parts_that_the_file_system_does_not_take_and_too_many() {
        let largest = u64::from(u32::MAX);
        let refused = split_plan(9 << 30, Some(5 << 30), FAT);
        assert_eq!(refused, Err(SplitError::TooLarge { size: 5 << 30, largest }));
        assert!(matches!(split_plan(1000, Some(1), None), Err(SplitError::Ranges(RangesError::TooSmall { .. }))));
    }

    #[test]
    fn room_is_counted_in_blocks() {
        let cut = split_plan(1000, Some(400), None).unwrap();
        assert_eq!(cut.room(512), 1000 + 3 * 512);
        assert_eq!(split_plan(u64::MAX, None, None).unwrap().room(512), u64::MAX);
    }

    #[test]
    fn names_what_an_earlier_copy_left() {
        let there = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let cut = split_plan(100, Some(50), None).unwrap();
        let whole = split_plan(100, None, None).unwrap();
        for (split_plan, names, expected) in [
            (&cut, &["b.tar.part001", "b.tar.part002", "notes"][..], None),
            (&cut, &["b.tar.part001", "B.TAR.PART003"], Some("B.TAR.PART003")),
            (&cut, &["b.tar"], Some("b.tar")),
            (&whole, &["b.tar", "c.tar.part001"], None),
            (&whole, &["b.tar.part001"], Some("b.tar.part001")),
        ] {
            assert_eq!(split_plan.stale(&there(names)), expected, "{names:?}");
        }
    }
}
