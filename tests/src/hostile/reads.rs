use std::fmt;
use std::ops::Range;

/// What was read of a file, call by call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    calls: Vec<Range<u64>>,
}

impl Reads {
    /// Takes in a call that was given these bytes.
    pub(super) fn add(&mut self, range: Range<u64>) {
        self.calls.push(range);
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// How many bytes were read, each time counted.
    pub fn bytes(&self) -> u64 {
        self.calls.iter().map(|range| range.end - range.start).sum()
    }

    /// What was read of the bytes in `range`, by each call that met them.
    pub(super) fn within(&self, range: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let met = self.calls.iter().map(|call| call.start.max(range.start)..call.end.min(range.end));
        met.filter(|met| !met.is_empty())
    }

    /// The bytes that were read more than once.
    pub fn twice(&self) -> Ranges {
        let mut calls = self.calls.clone();
        calls.sort_unstable_by_key(|range| range.start);
        let (mut end, mut twice) = (0, Vec::<Range<u64>>::new());
        for call in calls {
            // Sorted by their starts: what lies before the farthest end so far was read already.
            let again = call.start..call.end.min(end);
            match twice.last_mut() {
                _ if again.is_empty() => {}
                Some(last) if again.start <= last.end => last.end = last.end.max(again.end),
                _ => twice.push(again),
            }
            end = end.max(call.end);
        }
        Ranges(twice)
    }

    /// The bytes that were read, however often.
    pub fn covered(&self) -> Ranges {
        let mut calls = self.calls.clone();
        calls.sort_unstable_by_key(|range| range.start);
        let mut covered = Vec::<Range<u64>>::new();
        for call in calls.into_iter().filter(|call| !call.is_empty()) {
            match covered.last_mut() {
                Some(last) if call.start <= last.end => last.end = last.end.max(call.end),
                _ => covered.push(call),
            }
        }
        Ranges(covered)
    }
}

/// Places in a file, in bytes from its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes they are.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges: Vec<String> = self.0.iter().map(|range| format!("{}..{}", range.start, range.end)).collect();
        f.write_str(&ranges.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_twice_is_found() {
        for (calls, twice, covered) in [
            (&[][..], "", ""),
            (&[(0, 10), (10, 20)], "", "0..20"),
            (&[(0, 10), (9, 20)], "9..10", "0..20"),
            (&[(5, 9), (0, 10)], "5..9", "0..10"),
            (&[(0, 10), (2, 4), (3, 6), (20, 30), (29, 31), (8, 8)], "2..6, 29..30", "0..10, 20..31"),
        ] {
            let mut reads = Reads::default();
            for (start, end) in calls {
                reads.add(*start..*end);
            }
            assert_eq!(reads.twice().to_string(), twice, "{calls:?}");
            assert_eq!(reads.covered().to_string(), covered, "{calls:?}");
        }
    }
}
