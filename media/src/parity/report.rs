use landfall_console::{Count, Size};
use std::fmt;
use std::path::PathBuf;

/// How many places a report lists.
const PLACES_LISTED: usize = 20;

/// What was computed with the help of a parity file, since the medium did not give it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryReport {
    /// The parity file.
    pub parity: PathBuf,
    /// How many blocks.
    pub blocks: u64,
    /// The places, in the order of the bundle. Adjacent blocks are one place.
    pub places: Vec<RecoveredRange>,
}

/// Bytes of a bundle that were recovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredRange {
    /// The bundle's file, or its part, in which they begin.
    pub path: PathBuf,
    /// Where they begin in it, in bytes.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
}

impl RecoveryReport {
    /// How many bytes, which are whole blocks.
    pub fn bytes(&self) -> u64 {
        self.places.iter().map(|place| place.bytes).sum()
    }
}

impl fmt::Display for RecoveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (blocks, bytes) = (Count(self.blocks, "block"), Size(self.bytes()));
        write!(f, "the medium fails: {blocks} ({bytes}) were recovered with {}", self.parity.display())?;
        for RecoveredRange { path, offset, bytes } in self.places.iter().take(PLACES_LISTED) {
            write!(f, "\n- {}, offset {offset}, {bytes} bytes", path.display())?;
        }
        match self.places.len().saturating_sub(PLACES_LISTED) {
            0 => {}
            more => write!(f, "\n- and in {more} more places")?,
        }
        f.write_str("\nCopy the bundle to another medium before more of it is lost.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_the_first_places_and_counts_the_others() {
        let place = |offset| RecoveredRange { path: "a.tar".into(), offset, bytes: 4096 };
        let mut report = RecoveryReport { parity: "a.tar.parity".into(), blocks: 1, places: vec![place(0)] };
        assert_eq!(
            report.to_string(),
            "the medium fails: 1 block (4.00 KiB) were recovered with a.tar.parity\n\
             - a.tar, offset 0, 4096 bytes\n\
             Copy the bundle to another medium before more of it is lost."
        );
        report.places = (0..25).map(|at| place(at * 8192)).collect();
        assert!(report.to_string().contains("- a.tar, offset 155648, 4096 bytes\n- and in 5 more places\nCopy"));
    }
}
