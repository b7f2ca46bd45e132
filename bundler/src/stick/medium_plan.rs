use super::split_plan::is_named;
use super::{FileSystem, SplitError, SplitPlan};
use landfall_manifests::parity;
use landfall_media::ParityEncoder;

/// What the guide, a root and the folder's own entries take at most, in bytes: 999 parts are listed in a quarter of it.
const SMALL_FILES: u64 = 1 << 20;

/// The files that are put on a medium, beside the installer and what is small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediumPlan {
    /// The bundle's.
    pub(crate) bundle: SplitPlan,
    /// Those of its parity file, if it gets one.
    pub(crate) parity: Option<SplitPlan>,
}

impl MediumPlan {
    /// A bundle called `name` of `size` bytes, and its parity file if there is an encoder for it, on a medium: both are cut into parts
    /// of `split` bytes, or as far as the medium needs it.
    pub(crate) fn new(
        name: String,
        size: u64,
        encoder: Option<&ParityEncoder>,
        split: Option<u64>,
        medium: &FileSystem,
    ) -> Result<Self, SplitError> {
        let parity = encoder.map(|encoder| {
            let bytes = encoder.geometry().file_bytes();
            SplitPlan::new(parity::file_name(&name), bytes, split, medium.largest_file)
        });
        Ok(Self { parity: parity.transpose()?, bundle: SplitPlan::new(name, size, split, medium.largest_file)? })
    }

    /// The first of `there` that a reader would take for a part of this bundle or for its parity file, and that is not replaced.
    pub(crate) fn stale<'a>(&self, there: &'a [String]) -> Option<&'a str> {
        let name = parity::file_name(self.bundle.bundle());
        self.bundle.stale(there).or_else(|| match &self.parity {
            Some(parity) => parity.stale(there),
            None => there.iter().map(String::as_str).find(|file| is_named(file, &name)),
        })
    }

    /// The room that all of it takes, with an installer of so many bytes, where files take whole blocks of `block` bytes.
    pub(crate) fn room(&self, installer: u64, block: u64) -> u64 {
        let installer = installer.checked_next_multiple_of(block).unwrap_or(u64::MAX);
        let parity = self.parity.as_ref().map_or(0, |parity| parity.room(block));
        [installer, parity, SMALL_FILES].into_iter().fold(self.bundle.room(block), u64::saturating_add)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const MEDIUM: FileSystem = FileSystem { largest_file: Some(u32::MAX as u64), free: 0, block: 512 };

    fn plan(split: Option<u64>) -> MediumPlan {
        MediumPlan::new("b.tar".to_owned(), 1000, None, split, &MEDIUM).unwrap()
    }

    #[test]
    fn an_older_parity_file_is_in_the_way_unless_it_is_replaced() {
        let there = |name: &str| vec!["notes".to_owned(), name.to_owned()];
        let parity = SplitPlan::new("b.tar.parity".to_owned(), 100, None, None).unwrap();
        let with_parity = MediumPlan { parity: Some(parity), ..plan(None) };
        for (plan, name, is_stale) in [
            (&plan(None), "b.tar", false),
            (&plan(None), "b.tar.parity", true),
            (&plan(None), "B.TAR.PARITY", true),
            (&plan(None), "b.tar.parity.part001", true),
            (&plan(None), "c.tar.parity", false),
            (&with_parity, "b.tar.parity", false),
            (&with_parity, "b.tar.parity.part001", true),
        ] {
            assert_eq!(plan.stale(&there(name)).is_some(), is_stale, "{name}");
        }
    }

    #[test]
    fn room_is_counted_for_all_files() {
        let parity = SplitPlan::new("b.tar.parity".to_owned(), 100, None, None).unwrap();
        assert_eq!(plan(Some(400)).room(1, 512), 1000 + 3 * 512 + 512 + SMALL_FILES);
        let with_parity = MediumPlan { parity: Some(parity), ..plan(None) };
        assert_eq!(with_parity.room(1, 512), 1000 + 512 + 100 + 512 + 512 + SMALL_FILES);
        assert_eq!(plan(None).room(u64::MAX, 512), u64::MAX);
    }
}
