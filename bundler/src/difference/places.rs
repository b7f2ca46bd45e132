//! Which parts of the base a segment is compressed with.

use super::index::Index;
use landfall_manifests::difference::{EXTENTS, Extent, PREFIX_BYTES};
use std::ops::Range;

/// What lies between two parts of the base that are taken as one: less would not be worth an extent.
const GAP: u64 = 8 << 10;
/// How much is taken besides on either side of where an unknown chunk is expected.
const SLACK: u64 = 64 << 10;

/// The way through a base along the content that is made from it.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// How far the last known chunk had moved: its offset in the base less that in the content.
    shift: i128,
}

impl Places {
    /// The parts of the base for the segment at `begin` of the content, in the base's order.
    pub(super) fn of(&mut self, segment: &[u8], begin: u64, index: &Index, base: u64) -> Vec<Extent> {
        let (mut known, mut expected) = (Vec::new(), Vec::new());
        let mut at = 0;
        while at < segment.len() {
            let chunk = &segment[at..at + index.chunk_size().first(&segment[at..])];
            let place = self.in_base(begin + at as u64);
            let size = chunk.len() as u64;
            if let Some(offset) = index.find(chunk, place.min(base)) {
                self.shift = i128::from(offset) - i128::from(begin + at as u64);
                known.push(offset..offset + size);
            } else {
                let (begin, end) = (place.saturating_sub(SLACK), place.saturating_add(size + SLACK));
                expected.push(begin.min(base)..end.min(base));
            }
            at += chunk.len();
        }
        expected.extend(known.iter().cloned());
        let all = merged(expected);
        // More than fits, as where a segment gathers what was scattered: what is known goes first.
        if fits(&all) { extents(&all) } else { extents(&largest(merged(known))) }
    }

    /// Where in the base what is at `offset` of the content would be, had nothing moved since the last known chunk.
    pub(super) fn in_base(&self, offset: u64) -> u64 {
        u64::try_from((i128::from(offset) + self.shift).max(0)).unwrap_or(u64::MAX)
    }
}

fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut().filter(|last| range.start <= last.end.saturating_add(GAP)) {
            Some(last) => last.end = last.end.max(range.end),
            None => merged.push(range),
        }
    }
    merged
}

fn fits(ranges: &[Range<u64>]) -> bool {
    ranges.len() <= EXTENTS && bytes(ranges) <= PREFIX_BYTES as u64
}

fn bytes(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

/// As many of them as fit, the largest first.
fn largest(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| std::cmp::Reverse(range.end - range.start));
    let mut left = PREFIX_BYTES as u64;
    let mut taken = Vec::new();
    for range in ranges.into_iter().take(EXTENTS) {
        let size = (range.end - range.start).min(left);
        left -= size;
        taken.push(range.start..range.start + size);
    }
    taken.retain(|range| !range.is_empty());
    taken.sort_unstable_by_key(|range| range.start);
    taken
}

fn extents(ranges: &[Range<u64>]) -> Vec<Extent> {
    let extent = |range: &Range<u64>| Extent {
        offset: range.start,
        size: u32::try_from(range.end - range.start).unwrap_or(u32::MAX),
    };
    ranges.iter().map(extent).collect()
}
